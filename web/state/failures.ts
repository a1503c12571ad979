import { signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';
import type { Failure } from '../client.ts';
import { withSizes } from '../format.ts';
import { t } from '../i18n/translate.ts';
import { notify, report } from './notices.ts';
import { client } from './server.ts';
import { refreshStatus } from './server-status.ts';
import { ignoreGone } from './trash.ts';

/** What could not be indexed, as far as it was read. */
export interface FailureList {
  readonly items: readonly Failure[];
  readonly next?: string;
}

const pageSize = 50;

export const failureList = signal<FailureList | null>(null);
export const failuresFault = signal<unknown>(null);
/** Ids of those that are being tried again or dismissed. */
export const busyFailures = signal<ReadonlySet<string>>(new Set());

/** Reads the list from its beginning, or goes on with it at `cursor`. */
export async function loadFailures(cursor?: string, signal?: AbortSignal): Promise<void> {
  try {
    const { items, next } = await client.failures({ limit: pageSize, cursor, signal });
    const before = cursor === undefined ? [] : (failureList.value?.items ?? []);
    failureList.value = { items: [...before, ...items], next };
    failuresFault.value = null;
  } catch (error) {
    if (!isAbort(error)) failuresFault.value = error;
  }
}

/** Has a file indexed again; it stays listed when it is refused again. */
export async function retryFailure(failure: Failure): Promise<void> {
  await whileBusy(failure, async () => {
    const { status, message } = await client.retryFailure(failure.id);
    if (status === 'rejected')
      notify({ tone: 'plain', title: t('notice.refusedAgain'), detail: withSizes(message ?? '') });
    else takeAway(failure);
  });
}

/** Takes a failure off the list that trying again cannot help. */
export async function dismissFailure(failure: Failure): Promise<void> {
  await whileBusy(failure, async () => {
    await client.dismissFailure(failure.id).catch(ignoreGone);
    takeAway(failure);
  });
}

/** Those of the list for which trying again makes sense, one after the other. */
export async function retryFailures(): Promise<void> {
  for (const failure of failureList.value?.items ?? []) if (failure.retryable) await retryFailure(failure);
}

async function whileBusy(failure: Failure, work: () => Promise<void>): Promise<void> {
  busyFailures.value = new Set([...busyFailures.value, failure.id]);
  try {
    await work();
  } catch (error) {
    report(error, () => void whileBusy(failure, work));
  }
  busyFailures.value = new Set([...busyFailures.value].filter((id) => id !== failure.id));
  void refreshStatus();
}

function takeAway({ id }: Failure): void {
  const list = failureList.value;
  if (list) failureList.value = { ...list, items: list.items.filter((one) => one.id !== id) };
}
