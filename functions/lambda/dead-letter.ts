import { hash } from 'node:crypto';
import type { SQSRecord } from 'aws-lambda';
import type { Job } from '../../core/decide-job.ts';
import type { SightlineError } from '../../core/errors.ts';
import { imageId } from '../../core/point-ids.ts';
import type { FailureLog } from '../../core/ports.ts';
import type { JobResult } from '../events/run-job.ts';

/**
 * Failures of messages that SQS is about to move to the dead letter queue. A picture that crashes the process leaves no
 * error to record, so before the last attempt a failure is recorded, and it is resolved if the attempt succeeds.
 */

/** Records failures and returns their ids; existing entries are kept, because they say more. */
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
      message: 'expected an attempt to finish, but none did: it ran out of memory or time',
      retryable: true,
    });
    noted.add(id);
  }
  return noted;
}

/** A late event leaves the log unchanged even when it succeeds, so failures recorded for it are resolved here. */
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
 * A message that is not an S3 event names no picture: it is recorded under its queue and content. Not under its message
 * id, because that changes in a redrive (SQS, "Dead-letter queue redrive").
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

/** Substitute key for a message without one. */
export function unreadableKey(body: string): string {
  return `message-${hash('sha256', body, 'hex').slice(0, 16)}`;
}
