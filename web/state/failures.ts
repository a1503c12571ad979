import { signal } from '@preact/signals';
import type { Failure } from '../client.ts';
import { withSizes } from '../format.ts';
import { t } from '../i18n/translate.ts';
import { notify, report } from './notices.ts';
import { pagedList } from './paged-list.ts';
import { client } from './server.ts';
import { refreshStatus } from './server-status.ts';
import { ignoreGone } from './trash.ts';

/** What could not be indexed. */
export const failures = pagedList((asked) => client.failures({ limit: 50, ...asked }));
/** Ids of those that are being tried again or dismissed. */
export const busyFailures = signal<ReadonlySet<string>>(new Set());

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
  for (const failure of failures.page.value?.items ?? []) if (failure.retryable) await retryFailure(failure);
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
  const list = failures.page.value;
  if (list) failures.page.value = { ...list, items: list.items.filter((one) => one.id !== id) };
}
