import { useEffect } from 'preact/hooks';
import type { Failure } from '../client.ts';
import { formatAge, formatDate, withSizes } from '../format-values.ts';
import { type PlainKey, t } from '../i18n/translate.ts';
import { busyFailures, dismissFailure, failures, retryFailure, retryFailures } from '../state/failures.ts';
import { failureCount, refreshStatus, serverStatus } from '../state/server-status.ts';
import { Button } from './button.tsx';
import { ListPage } from './list-page.tsx';

/** Files that could not be indexed, with reasons and a retry button. */
export function Failures() {
  const total = failureCount.value;
  const { items } = failures.page.value ?? {};
  useEffect(() => void refreshStatus(), []);
  return (
    <ListPage
      list={failures}
      turn={total}
      title={t('view.failures')}
      facts={total > 0 ? t('files', { count: total }) : ''}
      action={<RetryAll />}
      hint={t('failures.hint')}
      none={{ icon: 'check', text: t('failures.none') }}
      isEmpty={items?.length === 0}
      class="failures"
      rows={items?.map((failure) => <FailureRow key={failure.id} failure={failure} />)}
    >
      <LeftOut />
    </ListPage>
  );
}

/** Label of a reason for leaving a file out. */
const leftOutNames: Readonly<Record<string, PlainKey>> = {
  hidden: 'leftOut.hidden',
  system: 'leftOut.system',
  sidecar: 'leftOut.sidecar',
  video: 'leftOut.video',
  audio: 'leftOut.audio',
  database: 'leftOut.database',
  ignored: 'leftOut.ignored',
  'own-data': 'leftOut.ownData',
  link: 'leftOut.link',
  special: 'leftOut.special',
  archived: 'leftOut.archived',
  other: 'leftOut.other',
};

/** Files that are not pictures: not failures, but counted so that nothing goes missing silently. */
function LeftOut() {
  const counted = Object.entries(serverStatus.value?.leftOut ?? {}).filter(([, count]) => count > 0);
  const reasons = counted.map(([reason, files]) => {
    const name = leftOutNames[reason];
    return { reason: name === undefined ? reason : t(name), files };
  });
  if (reasons.length === 0) return null;
  return (
    <section class="left-out" aria-labelledby="left-out">
      <h2 id="left-out">{t('leftOut.title')}</h2>
      <ul>
        {reasons.map((line) => (
          <li key={line.reason}>{t('leftOut.line', line)}</li>
        ))}
      </ul>
    </section>
  );
}

function RetryAll() {
  const retryable = failures.page.value?.items.filter((one) => one.retryable) ?? [];
  if (retryable.length < 2) return null;
  return (
    <Button
      icon="retry"
      label={t('failures.retryAll')}
      disabled={busyFailures.value.size > 0}
      onClick={() => void retryFailures()}
    />
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
          {reason} · {t('failures.attempts', { count: attempts })} · {formatAge(lastAt)} ·{' '}
          {t(retryable ? 'failures.mayPass' : 'failures.final')}
        </small>
      </div>
      {retryable ? (
        <Button
          icon="retry"
          label={t(isBusy ? 'failures.retrying' : 'do.retry')}
          about={key}
          disabled={isBusy}
          onClick={() => void retryFailure(failure)}
        />
      ) : (
        <Button
          icon="check"
          label={t('notice.dismiss')}
          about={key}
          disabled={isBusy}
          onClick={() => void dismissFailure(failure)}
        />
      )}
    </li>
  );
}
