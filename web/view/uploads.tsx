import { useState } from 'preact/hooks';
import { countOf, formatBytes, withSizes } from '../format.ts';
import { openPhoto } from '../state/navigation.ts';
import {
  cancelAll,
  cancelUpload,
  clearUploads,
  isActive,
  retryFailed,
  retryUpload,
  type Upload,
  uploadSummary,
  uploads,
} from '../state/upload-queue.ts';
import { Icon } from './icon.tsx';

/** The list shows, of a thousand files, what needs eyes: failures, then what is under way, then the latest. */
const maxShown = 100;
const order: Readonly<Record<Upload['state'], number>> = {
  failed: 0,
  sending: 1,
  indexing: 1,
  waiting: 2,
  done: 3,
  cancelled: 4,
};

export function Uploads() {
  const [folded, setFolded] = useState(false);
  const { total, active, done, failed, again } = uploadSummary.value;
  if (total === 0) return null;
  const title = active > 0 ? `Adding ${countOf(active, 'picture')}` : `${countOf(done, 'picture')} added`;
  const shown = [...uploads.value].sort((a, b) => order[a.state] - order[b.state] || a.id - b.id).slice(0, maxShown);
  return (
    <section class="panel uploads" aria-label="Uploads">
      <header>
        <h2>
          {title}
          {failed > 0 ? <span class="bad">, {failed} refused</span> : null}
        </h2>
        <button
          type="button"
          class="icon-button"
          aria-expanded={!folded}
          aria-label="Show the files"
          onClick={() => setFolded(!folded)}
        >
          <Icon name={folded ? 'plus' : 'minus'} />
        </button>
        {active > 0 ? null : (
          <button type="button" class="icon-button" aria-label="Close" onClick={clearUploads}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <progress max={total} value={total - active} aria-label="Files done" />
      {folded ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
        <ul tabIndex={0} aria-label="Files">
          {shown.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
          {total > maxShown ? <li class="hint">and {countOf(total - maxShown, 'more file', 'more files')}</li> : null}
        </ul>
      )}
      {active > 1 || again > 1 ? (
        <footer>
          {active > 1 ? (
            <button type="button" class="button button-quiet" onClick={cancelAll}>
              Cancel all
            </button>
          ) : null}
          {again > 1 ? (
            <button type="button" class="button button-quiet" onClick={retryFailed}>
              Try failed ones again
            </button>
          ) : null}
        </footer>
      ) : null}
    </section>
  );
}

function UploadRow({ upload }: { upload: Upload }) {
  const { id, name, state, sent } = upload;
  return (
    <li class={`upload upload-${state}`}>
      <span class="upload-name" title={name}>
        {name}
      </span>
      <span class="upload-state">{describeState(upload)}</span>
      {state === 'sending' || state === 'indexing' ? (
        <progress max={1} value={state === 'sending' ? sent : undefined} aria-label={`Sending ${name}`} />
      ) : null}
      {isActive(upload) ? (
        <button type="button" class="icon-button" aria-label={`Cancel ${name}`} onClick={() => cancelUpload(id)}>
          <Icon name="close" />
        </button>
      ) : null}
      {state === 'failed' || state === 'cancelled' ? (
        <button
          type="button"
          class="icon-button"
          aria-label={`Try ${name} again`}
          title="Try again"
          onClick={() => retryUpload(id)}
        >
          <Icon name="retry" />
        </button>
      ) : null}
      {state === 'done' && upload.picture !== undefined ? (
        <button
          type="button"
          class="icon-button"
          aria-label={`Show ${name}`}
          title="Show"
          onClick={() => openPhoto(upload.picture!)}
        >
          <Icon name="picture" />
        </button>
      ) : null}
    </li>
  );
}

function describeState({ state, file, reason }: Upload): string {
  switch (state) {
    case 'waiting':
      return formatBytes(file.size);
    case 'sending':
      return 'sending';
    case 'indexing':
      return 'being indexed';
    case 'done':
      return reason ?? 'added';
    case 'cancelled':
      return 'cancelled';
    case 'failed':
      return reason === undefined ? 'failed' : withSizes(reason);
  }
}
