import { useEffect, useState } from 'preact/hooks';
import type { Failure } from '../client.ts';
import { countOf, formatAge, formatDate, withSizes } from '../format.ts';
import { explain, isAbort } from '../problem.ts';
import { countFailures, failureCount } from '../state/live.ts';
import { notify, report } from '../state/notices.ts';
import { client } from '../state/session.ts';
import { Icon } from './icon.tsx';

const pageSize = 50;

/** What could not be indexed, why, and a way to try again. */
export function Failures() {
  const [items, setItems] = useState<readonly Failure[] | null>(null);
  const [next, setNext] = useState<string | undefined>();
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const total = failureCount.value;

  const load = async (cursor?: string, signal?: AbortSignal) => {
    try {
      const page = await client.failures({ limit: pageSize, cursor, signal });
      setItems((before) => (cursor === undefined || !before ? page.items : [...before, ...page.items]));
      setNext(page.next);
      setFault(null);
    } catch (error) {
      if (!isAbort(error)) setFault(error);
    }
  };
  useEffect(() => {
    const controller = new AbortController();
    void load(undefined, controller.signal);
    return () => controller.abort();
  }, [total]);

  const retry = async (failure: Failure) => {
    setBusy((before) => new Set([...before, failure.id]));
    try {
      const result = await client.retryFailure(failure.id);
      if (result.status === 'rejected')
        notify({ tone: 'plain', title: 'Refused again', detail: withSizes(result.message ?? '') });
      else setItems((before) => before?.filter(({ id }) => id !== failure.id) ?? null);
    } catch (error) {
      report(error, () => void retry(failure));
    }
    setBusy((before) => new Set([...before].filter((id) => id !== failure.id)));
    void countFailures();
  };

  const retryAll = async () => {
    for (const failure of items ?? []) if (failure.retryable) await retry(failure);
  };
  const retryable = items?.filter((one) => one.retryable).length ?? 0;

  return (
    <div class="page">
      <header class="page-head">
        <h1>
          Failures <small>{total > 0 ? countOf(total, 'file') : ''}</small>
        </h1>
        {retryable > 1 ? (
          <button type="button" class="button" disabled={busy.size > 0} onClick={() => void retryAll()}>
            <Icon name="retry" />
            Try all again
          </button>
        ) : null}
      </header>
      <p class="hint">
        Files that could not be indexed. They hold up nothing else and are tried again when they change.
      </p>
      {fault ? <Trouble fault={fault} again={() => void load()} /> : null}
      {items?.length === 0 ? (
        <section class="empty">
          <Icon name="check" />
          <h2>Everything could be indexed</h2>
        </section>
      ) : null}
      <ul class="failures">
        {items?.map((failure) => (
          <FailureRow
            key={failure.id}
            failure={failure}
            busy={busy.has(failure.id)}
            retry={() => void retry(failure)}
          />
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" class="button" onClick={() => void load(next)}>
          More
        </button>
      )}
    </div>
  );
}

function FailureRow({ failure, busy, retry }: { failure: Failure; busy: boolean; retry: () => void }) {
  const { key, message, reason, retryable, attempts, lastAt } = failure;
  return (
    <li class="failure">
      <div>
        <strong class="failure-key">{key}</strong>
        <p>{withSizes(message)}</p>
        <small title={formatDate(lastAt)}>
          {reason} · {countOf(attempts, 'attempt')} · {formatAge(lastAt)}
          {retryable ? '' : ' · the same file will be refused again'}
        </small>
      </div>
      <button type="button" class="button" disabled={busy} onClick={retry}>
        <Icon name="retry" />
        {busy ? 'Trying' : 'Try again'}
        <span class="visually-hidden">{key}</span>
      </button>
    </li>
  );
}

export function Trouble({ fault, again }: { fault: unknown; again: () => void }) {
  const { title, advice } = explain(fault);
  return (
    <div class="fault" role="alert">
      <Icon name="alert" />
      <div>
        <h2>{title}</h2>
        <p>{advice}</p>
      </div>
      <button type="button" class="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}
