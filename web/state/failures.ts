import { signal } from '@preact/signals';
import type { Failure } from '../client.ts';
import { withSizes } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { notify, report } from './notices.ts';
import { pagedList } from './paged-list.ts';
import { refreshStatus } from './server-status.ts';
import { client } from './server-urls.ts';
import { ignoreGone } from './trash.ts';

/** Files that could not be indexed. */
export const failures = pagedList((asked) => client.failures({ limit: 50, ...asked }));
/** Ids that are being retried or dismissed. */
export const busyFailures = signal<ReadonlySet<string>>(new Set());

/** Retries a file; it stays on the list if it fails again. */
export async function retryFailure(failure: Failure): Promise<void> {
  await whileBusy(failure, async () => {
    const { status, message } = await client.retryFailure(failure.id);
    if (status === 'rejected')
      notify({ tone: 'plain', title: t('notice.refusedAgain'), detail: withSizes(message ?? '') });
    else takeAway(failure);
  });
}

/** Removes a failure that a retry cannot fix. */
export async function dismissFailure(failure: Failure): Promise<void> {
  await whileBusy(failure, async () => {
    await client.dismissFailure(failure.id).catch(ignoreGone);
    takeAway(failure);
  });
}

/** Retries everything on the list that may succeed, one after the other. */
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
