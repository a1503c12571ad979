import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { isBrowsing } from '../route.ts';
import { changeCount } from '../state/live-updates.ts';
import { collection, loadMap, type MapSource, map, mapFault, mapProgress, maxPoints } from '../state/map.ts';
import { go, openPhoto, query } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { FaultNote } from './error-note.tsx';
import { Icon } from './icon.tsx';
import { MapCanvas } from './map-canvas.tsx';

/** Changes are put into the map when there was none for so long. */
const settleMs = 1500;

/** The ids of the best matches; one set as long as the results are the same. */
const matches = computed(() => {
  const shown = results.value;
  return shown && !isBrowsing(shown.query) ? new Set(shown.items.map(({ id }) => id)) : null;
});

/** The collection as a plane on which alike pictures lie together. */
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
        <button type="button" class="button button-quiet" onClick={() => go({ view: 'search', query: query.value })}>
          <Icon name="picture" />
          <span>{t('map.asList')}</span>
        </button>
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
  /** What becomes of pictures that are drawn around; selected on the page when absent. */
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
          <button type="button" class="button button-quiet" disabled={progress !== null} onClick={arrangeAgain}>
            <Icon name="retry" />
            <span>{t('map.again')}</span>
          </button>
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

/** Loads the map, and puts into it what comes in meanwhile; answers how to arrange everything anew. */
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
