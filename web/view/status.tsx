import { useEffect, useState } from 'preact/hooks';
import type { KnownChange, Model, Status } from '../client.ts';
import { formatAge, formatDuration } from '../format-values.ts';
import { formatCount, t } from '../i18n/translate.ts';
import { emptyQuery } from '../route.ts';
import { folderTurns } from '../state/folders.ts';
import { changeCount, connection } from '../state/live-updates.ts';
import { go, openPhoto, openView } from '../state/navigation.ts';
import { FaultNote } from './error-note.tsx';
import { Folders } from './folders.tsx';
import { ModelChange } from './model-change.tsx';
import { Outage } from './outage.tsx';
import { useStatus } from './use-status.ts';

const refreshMs = 5000;

/** Server status: counts, rates, models, recent activity. */
export function StatusView() {
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((before) => before + 1);
  const { status, model, fault } = useStatus(`${turn} ${changeCount.value} ${folderTurns.value}`);
  useEffect(() => {
    const timer = setInterval(again, refreshMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('view.status')}</h1>
      </header>
      {fault ? <FaultNote fault={fault} again={again} /> : null}
      <ModelChange />
      <Outage />
      {status ? <Figures status={status} /> : null}
      {status ? <Folders {...status} /> : null}
      {status ? <Changes changes={status.recent} /> : null}
      {model ? <Models model={model} /> : null}
    </div>
  );
}

function Figures({ status }: { status: Status }) {
  return (
    <div class="cards">
      <Figure label={t('view.search')} value={formatCount(status.pictures)} open={() => openView('search')} />
      <Figure label={t('results.captions')} value={formatCount(status.captions)} open={openCaptions} />
      <Figure label={t('view.failures')} value={formatCount(status.failures)} open={() => openView('failures')} />
      {status.backlog === null ? null : <Figure label={t('status.waiting')} value={formatCount(status.backlog)} />}
      {status.outdated > 0 ? <Figure label={t('status.outdated')} value={formatCount(status.outdated)} /> : null}
      {status.indexed === null ? null : (
        <>
          <Figure label={t('status.lastMinute')} value={formatCount(status.indexed.lastMinute)} />
          <Figure label={t('status.lastHour')} value={formatCount(status.indexed.lastHour)} />
        </>
      )}
      <Figure label={t('status.updates')} value={t(`status.${connection.value}`)} />
      <Figure label={t('status.uptime')} value={formatDuration(status.uptimeSeconds)} />
    </div>
  );
}

function openCaptions(): void {
  go({ view: 'search', query: { ...emptyQuery, kind: 'caption' } });
}

function Figure({ label, value, open }: { label: string; value: string; open?: () => void }) {
  const inside = (
    <>
      <span>{label}</span>
      <strong>{value}</strong>
    </>
  );
  return open ? (
    <button type="button" class="card" onClick={open}>
      {inside}
    </button>
  ) : (
    <div class="card">{inside}</div>
  );
}

function Models({ model }: { model: Model }) {
  const { text, image, head } = model;
  const rows: readonly (readonly [string, string])[] = [
    [t('model.space'), model.space],
    [t('model.profile'), model.profile],
    [t('model.text'), t('model.textLine', { ...text, tokens: text.maxTokens })],
    [t('model.image'), t('model.imageLine', { ...image, pixels: image.cropPixels })],
    [t('model.head'), t('model.headLine', { name: head.name, dimension: model.dimension })],
    ...Object.entries(head.trained).map(
      ([name, value]) =>
        [spaced(name), typeof value === 'number' && name !== 'seed' ? formatCount(value) : String(value)] as const,
    ),
  ];
  return (
    <section>
      <h2>{t('model.title')}</h2>
      <dl class="facts facts-wide">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** "recallSum" as "Recall sum". */
function spaced(name: string): string {
  const words = name.replaceAll(
    /([a-z\d])([A-Z])/g,
    (_, end: string, start: string) => `${end} ${start.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Changes({ changes }: { changes: readonly KnownChange[] }) {
  return (
    <section>
      <h2>{t('status.changes')}</h2>
      {changes.length === 0 ? <p class="hint">{t('status.changesNone')}</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and Safari focuses no scroller (WCAG 2.1.1) */}
      <ul class="changes" tabIndex={0} aria-label={t('status.changesLabel')}>
        {changes.map(({ id, type, key, at }) => (
          <li key={`${id} ${at} ${type}`}>
            <span class={`change change-${type}`}>{t(`status.${type}`)}</span>
            {type === 'indexed' ? (
              <button type="button" class="link" onClick={() => openPhoto(id)}>
                {key}
              </button>
            ) : (
              <span>{key}</span>
            )}
            <small>{formatAge(at)}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
