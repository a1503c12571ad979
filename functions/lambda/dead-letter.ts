import { hash } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import type { SightlineError } from '../../core/errors.ts';
import { imageId, type Job } from '../../core/index-image.ts';
import type { FailureLog } from '../../core/ports.ts';
import type { JobResult } from '../events/run-job.ts';

/**
 * What reaches the failure log when SQS is about to put a message aside. A picture that ends the process leaves no
 * error to record, so on the last attempt the failure is noted first and forgotten when the attempt succeeds.
 */

/** Ids of the failures that were noted; those that the log holds already say more. */
export async function noteLastAttempt(failures: FailureLog, jobs: readonly Job[]): Promise<Set<string>> {
  const noted = new Set<string>();
  for (const { bucket, key, sequencer } of jobs) {
    const id = imageId(bucket, key);
    if ((await failures.get(id)) !== null) continue;
    await failures.record({
      id,
      bucket,
      key,
      etag: '',
      sequencer: sequencer ?? '',
      reason: 'interrupted',
      message: 'expected an attempt to end, got none that did: it ran out of memory or time',
      retryable: true,
    });
    noted.add(id);
  }
  return noted;
}

/** A late event leaves the log alone, also when it succeeds; what was noted for it is forgotten here. */
export async function forgetStale(
  failures: FailureLog,
  noted: ReadonlySet<string>,
  results: readonly JobResult[],
): Promise<void> {
  for (const result of results) {
    if (result.status === 'failed') continue;
    const { outcome } = result;
    const isStale = outcome.status === 'skipped' && outcome.reason === 'stale';
    if (isStale && noted.has(outcome.id)) await failures.resolve(outcome.id);
  }
}

/**
 * A message that is no S3 event names no picture: it is listed under its queue and what is in it. Not under its own id,
 * for one that comes back from the dead letter queue has another (SQS, "Dead-letter queue redrive").
 */
export async function noteUnreadable(failures: FailureLog, record: SQSRecord, error: SightlineError): Promise<void> {
  const bucket = record.eventSourceARN.split(':').at(-1) ?? '';
  const key = unreadableKey(record.body);
  await failures.record({
    id: imageId(bucket, key),
    bucket,
    key,
    etag: '',
    sequencer: '',
    reason: error.code,
    message: `${error.message} (message ${record.messageId})`,
    retryable: false,
  });
}

/** What stands for the key of a message that names none. */
export function unreadableKey(body: string): string {
  return `message-${hash('sha256', body, 'hex').slice(0, 16)}`;
}
