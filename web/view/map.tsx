import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { isBrowsing } from '../route.ts';
import { changeCount } from '../state/live-updates.ts';
import { collection, loadMap, type MapSource, map, mapFault, mapProgress, maxPoints } from '../state/map.ts';
import { go, openPhoto, query } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { Button } from './button.tsx';
import { FaultNote } from './error-note.tsx';
import { Icon } from './icon.tsx';
import { MapCanvas } from './map-canvas.tsx';

/** Changes are applied to the map after a pause of this length. */
const settleMs = 1500;

/** Ids of the best matches; the same set object while the results are the same. */
const matches = computed(() => {
  const shown = results.value;
  return shown && !isBrowsing(shown.query) ? new Set(shown.items.map(({ id }) => id)) : null;
});

/** The collection as a plane on which similar pictures lie close together. */
export function MapView() {
  const count = matches.value?.size;
  return (
    <MapPage
      source={collection}
      title={t('view.map')}
      hint={count === undefined ? t('map.hint') : t('map.matches', { count })}
      highlighted={matches.value}
      open={openPhoto}
    >
      {count === undefined ? null : (
        <Button
          look="quiet"
          icon="picture"
          label={t('map.asList')}
          onClick={() => go({ view: 'search', query: query.value })}
        />
      )}
    </MapPage>
  );
}

interface MapPageProps {
  readonly source: MapSource;
  readonly title: string;
  readonly hint: string;
  readonly highlighted: ReadonlySet<string> | null;
  readonly open: (id: string) => void;
  /** Called with lassoed pictures; they are selected on the page if absent. */
  readonly select?: (ids: ReadonlySet<string>) => void;
  readonly children?: ComponentChildren;
}

export function MapPage({ source, title, hint, highlighted, open, select, children }: MapPageProps) {
  const arrangeAgain = useMap(source);
  const progress = mapProgress.value;
  const count = map.value?.items.length ?? 0;
  const waiting = t(progress?.what === 'loading' ? 'loading' : 'map.arranging');
  return (
    <div class="map-view">
      <header class="toolbar">
        <h1 class="toolbar-title">
          {title} <small>{count > 0 ? t('pictures', { count }) : ''}</small>
        </h1>
        <p class="hint map-hint">{hint}</p>
        <div class="toolbar-actions">
          {children}
          <Button
            look="quiet"
            icon="retry"
            label={t('map.again')}
            disabled={progress !== null}
            onClick={arrangeAgain}
          />
        </div>
      </header>
      {mapFault.value ? <FaultNote fault={mapFault.value} again={arrangeAgain} /> : null}
      {map.value && count === 0 ? (
        <section class="empty">
          <Icon name="map" />
          <h2>{t('noPictures')}</h2>
          <p>{t('map.empty')}</p>
        </section>
      ) : (
        <MapCanvas highlighted={highlighted} open={open} select={select}>
          {progress ? (
            <div class="map-progress">
              <span>{waiting}</span>
              <progress max={1} value={progress.share || undefined} aria-label={waiting} />
            </div>
          ) : null}
        </MapCanvas>
      )}
      {count >= maxPoints ? <p class="hint">{t('map.first', { count: maxPoints })}</p> : null}
    </div>
  );
}

/** Loads the map and adds new pictures to it. Returns a function that rearranges everything. */
function useMap(source: MapSource): () => void {
  const [turn, setTurn] = useState({ again: false });
  const changes = changeCount.value;
  useEffect(() => {
    map.value = null;
  }, [source]);
  useEffect(() => {
    const controller = new AbortController();
    void loadMap(source, controller.signal, turn.again);
    return () => controller.abort();
  }, [source, turn]);
  const [seen] = useState({ changes });
  useEffect(() => {
    if (changes === seen.changes) return;
    const timer = setTimeout(() => {
      seen.changes = changes;
      setTurn({ again: false });
    }, settleMs);
    return () => clearTimeout(timer);
  }, [changes]);
  return () => setTurn({ again: true });
}
