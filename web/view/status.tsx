import { useEffect, useState } from 'preact/hooks';
import type { KnownChange, Model, Status } from '../client.ts';
import { countOf, formatAge, formatCount, formatDuration } from '../format.ts';
import { emptyQuery } from '../route.ts';
import { changeCount, connection } from '../state/live-updates.ts';
import { go, openPhoto, openView } from '../state/navigation.ts';
import { FaultNote } from './fault-note.tsx';
import { useStatus } from './use-status.ts';

const refreshMs = 5000;

/** What answers here: counts, rates, models, what happened lately. */
export function StatusView() {
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((before) => before + 1);
  const { status, model, fault } = useStatus(`${turn} ${changeCount.value}`);
  useEffect(() => {
    const timer = setInterval(again, refreshMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Status</h1>
      </header>
      {fault ? <FaultNote fault={fault} again={again} /> : null}
      {status ? <Figures status={status} /> : null}
      {status && status.folders.length > 0 ? <Folders folders={status.folders} /> : null}
      {status ? <Changes changes={status.recent} /> : null}
      {model ? <Models model={model} /> : null}
    </div>
  );
}

const connectionNames = {
  connecting: 'connecting',
  events: 'live',
  polling: 'every 2 s',
  lost: 'no connection',
} as const;

function Figures({ status }: { status: Status }) {
  return (
    <div class="cards">
      <Figure label="Pictures" value={formatCount(status.pictures)} open={() => openView('search')} />
      <Figure label="Captions" value={formatCount(status.captions)} open={openCaptions} />
      <Figure label="Failures" value={formatCount(status.failures)} open={() => openView('failures')} />
      {status.backlog === null ? null : <Figure label="Waiting to be indexed" value={formatCount(status.backlog)} />}
      {status.outdated > 0 ? <Figure label="To be read again" value={formatCount(status.outdated)} /> : null}
      {status.indexed === null ? null : (
        <>
          <Figure label="Indexed in a minute" value={formatCount(status.indexed.lastMinute)} />
          <Figure label="Indexed in an hour" value={formatCount(status.indexed.lastHour)} />
        </>
      )}
      <Figure label="Updates" value={connectionNames[connection.value]} />
      <Figure label="Running for" value={formatDuration(status.uptimeSeconds)} />
    </div>
  );
}

/** The folders of the index; each opens its pictures. */
function Folders({ folders }: { folders: Status['folders'] }) {
  return (
    <section aria-label="Folders">
      <h2>Folders</h2>
      <ul class="changes">
        {folders.map(({ name, bucket, pictures, watched, there }) => (
          <li key={bucket}>
            <span class={there ? 'change' : 'change change-failed'}>
              {there ? (watched ? 'followed' : 'as indexed') : 'not there'}
            </span>
            <button
              type="button"
              class="link"
              onClick={() => go({ view: 'search', query: { ...emptyQuery, filter: { bucket: name } } })}
            >
              {name}
            </button>
            <small>{countOf(pictures, 'picture')}</small>
          </li>
        ))}
      </ul>
    </section>
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
    ['Space', model.space],
    ['Profile', model.profile],
    ['Text encoder', `${text.name}, ${text.dimension} dimensions, ${text.maxTokens} tokens, ${text.licence}`],
    ['Image encoder', `${image.name}, ${image.dimension} dimensions, ${image.cropPixels} pixels, ${image.licence}`],
    ['Head', `${head.name}, ${model.dimension} dimensions`],
    ...Object.entries(head.trained).map(
      ([name, value]) =>
        [spaced(name), typeof value === 'number' && name !== 'seed' ? formatCount(value) : String(value)] as const,
    ),
  ];
  return (
    <section>
      <h2>Models</h2>
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

const verbs = { indexed: 'indexed', removed: 'removed', failed: 'refused', resolved: 'solved' } as const;

function Changes({ changes }: { changes: readonly KnownChange[] }) {
  return (
    <section>
      <h2>Lately</h2>
      {changes.length === 0 ? <p class="hint">Nothing has changed since the server was started.</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard */}
      <ul class="changes" tabIndex={0} aria-label="Latest changes">
        {changes.map(({ id, type, key, at }) => (
          <li key={`${id} ${at} ${type}`}>
            <span class={`change change-${type}`}>{verbs[type]}</span>
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
