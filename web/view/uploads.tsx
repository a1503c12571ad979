import { useState } from 'preact/hooks';
import { formatBytes, withSizes } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
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
import { Button } from './button.tsx';
import { IconButton } from './icon.tsx';

/** With thousands of files, the list shows what matters most: failures, then uploads in progress, then the latest. */
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
  const title = active > 0 ? t('upload.adding', { count: active }) : t('upload.added', { count: done });
  const shown = [...uploads.value].sort((a, b) => order[a.state] - order[b.state] || a.id - b.id).slice(0, maxShown);
  return (
    <section class="panel uploads" aria-label={t('upload.title')}>
      <header>
        <h2>
          {title}
          {failed > 0 ? <span class="bad">{t('upload.refused', { count: failed })}</span> : null}
        </h2>
        <IconButton
          icon={folded ? 'plus' : 'minus'}
          aria-expanded={!folded}
          label={t('upload.fold')}
          onClick={() => setFolded(!folded)}
        />
        {active > 0 ? null : <IconButton icon="close" label={t('do.close')} onClick={clearUploads} />}
      </header>
      <progress max={total} value={total - active} aria-label={t('upload.bar')} />
      {folded ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and Safari focuses no scroller (WCAG 2.1.1)
        <ul tabIndex={0} aria-label={t('upload.list')}>
          {shown.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
          {total > maxShown ? <li class="hint">{t('upload.more', { count: total - maxShown })}</li> : null}
        </ul>
      )}
      {active > 1 || again > 1 ? (
        <footer>
          {active > 1 ? <Button look="quiet" label={t('upload.cancelAll')} onClick={cancelAll} /> : null}
          {again > 1 ? <Button look="quiet" label={t('upload.retryFailed')} onClick={retryFailed} /> : null}
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
        <progress
          max={1}
          value={state === 'sending' ? sent : undefined}
          aria-label={t('upload.sendingName', { name })}
        />
      ) : null}
      {isActive(upload) ? (
        <IconButton icon="close" label={t('upload.cancelName', { name })} onClick={() => cancelUpload(id)} />
      ) : null}
      {state === 'failed' || state === 'cancelled' ? (
        <IconButton
          icon="retry"
          label={t('upload.retryName', { name })}
          title={t('do.retry')}
          onClick={() => retryUpload(id)}
        />
      ) : null}
      {state === 'done' && upload.picture !== undefined ? (
        <IconButton
          icon="picture"
          label={t('detail.show', { name })}
          title={t('do.show')}
          onClick={() => openPhoto(upload.picture!)}
        />
      ) : null}
    </li>
  );
}

function describeState({ state, file, reason }: Upload): string {
  switch (state) {
    case 'waiting':
      return formatBytes(file.size);
    case 'sending':
      return t('upload.sending');
    case 'indexing':
      return t('upload.indexing');
    case 'done':
      return reason ?? t('upload.done');
    case 'cancelled':
      return t('upload.cancelled');
    case 'failed':
      return reason === undefined ? t('upload.failed') : withSizes(reason);
  }
}
