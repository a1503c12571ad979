import { useEffect } from 'preact/hooks';
import type { Failure } from '../client.ts';
import { countOf, formatAge, formatCount, formatDate, withSizes } from '../format.ts';
import {
  busyFailures,
  dismissFailure,
  failureList,
  failuresFault,
  loadFailures,
  retryFailure,
  retryFailures,
} from '../state/failures.ts';
import { failureCount, refreshStatus, serverStatus } from '../state/server-status.ts';
import { FaultNote } from './fault-note.tsx';
import { Icon } from './icon.tsx';

/** What could not be indexed, why, and a way to try again. */
export function Failures() {
  const total = failureCount.value;
  const { items, next } = failureList.value ?? {};
  useEffect(() => void refreshStatus(), []);
  useEffect(() => {
    const controller = new AbortController();
    void loadFailures(undefined, controller.signal);
    return () => controller.abort();
  }, [total]);
  return (
    <div class="page">
      <header class="page-head">
        <h1>
          Failures <small>{total > 0 ? countOf(total, 'file') : ''}</small>
        </h1>
        <RetryAll />
      </header>
      <p class="hint">
        Files that could not be indexed. They hold up nothing else and are tried again when they change; what is
        dismissed is listed again then.
      </p>
      {failuresFault.value ? <FaultNote fault={failuresFault.value} again={() => void loadFailures()} /> : null}
      {items?.length === 0 ? (
        <section class="empty">
          <Icon name="check" />
          <h2>Everything could be indexed</h2>
        </section>
      ) : null}
      <ul class="failures">
        {items?.map((failure) => (
          <FailureRow key={failure.id} failure={failure} />
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" class="button" onClick={() => void loadFailures(next)}>
          More
        </button>
      )}
      <LeftOut />
    </div>
  );
}

/** What a reason to leave a file out is called. */
const leftOutNames: Readonly<Record<string, string>> = {
  hidden: 'Hidden files',
  system: 'Files of the system, such as previews and recycle bins',
  sidecar: 'Files beside pictures that describe them',
  video: 'Videos',
  audio: 'Sounds',
  database: 'Databases',
  ignored: 'Ignored by a setting or a .sightlineignore',
  'own-data': 'The index itself',
  link: 'Links to what is there anyway',
  special: 'Devices and pipes',
  archived: 'Archived, to be restored first',
};

/** What lies beside the pictures and is none: no failure, and counted so that nothing is silently missing. */
function LeftOut() {
  const reasons = Object.entries(serverStatus.value?.leftOut ?? {}).filter(([, count]) => count > 0);
  if (reasons.length === 0) return null;
  return (
    <section class="left-out" aria-labelledby="left-out">
      <h2 id="left-out">Left out, because they are no pictures</h2>
      <ul>
        {reasons.map(([reason, count]) => (
          <li key={reason}>
            {leftOutNames[reason] ?? reason}: {formatCount(count)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function RetryAll() {
  const retryable = failureList.value?.items.filter((one) => one.retryable) ?? [];
  if (retryable.length < 2) return null;
  return (
    <button type="button" class="button" disabled={busyFailures.value.size > 0} onClick={() => void retryFailures()}>
      <Icon name="retry" />
      Try all again
    </button>
  );
}

function FailureRow({ failure }: { failure: Failure }) {
  const { id, key, message, reason, retryable, attempts, lastAt } = failure;
  const isBusy = busyFailures.value.has(id);
  return (
    <li class="failure">
      <div>
        <strong class="failure-key">{key}</strong>
        <p>{withSizes(message)}</p>
        <small title={formatDate(lastAt)}>
          {reason} · {countOf(attempts, 'attempt')} · {formatAge(lastAt)}
          {retryable ? ' · may succeed another time' : ' · refused until the file changes'}
        </small>
      </div>
      {retryable ? (
        <button type="button" class="button" disabled={isBusy} onClick={() => void retryFailure(failure)}>
          <Icon name="retry" />
          {isBusy ? 'Trying' : 'Try again'}
          <span class="visually-hidden">{key}</span>
        </button>
      ) : (
        <button type="button" class="button" disabled={isBusy} onClick={() => void dismissFailure(failure)}>
          <Icon name="check" />
          Dismiss
          <span class="visually-hidden">{key}</span>
        </button>
      )}
    </li>
  );
}
