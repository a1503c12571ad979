import type { Logger } from 'pino';
import type { Job } from '../../core/decide-job.ts';
import { isSightlineError } from '../../core/errors.ts';
import { NO_PICTURE } from '../../core/files/non-picture-files.ts';
import type { IndexJob, IndexOutcome } from '../../core/index-image.ts';
import { imageId } from '../../core/point-ids.ts';
import type { FailureLog } from '../../core/ports.ts';
import { compareSequencers } from '../../core/sequencer-order.ts';
import { parseS3Event } from './s3-event.ts';

export interface IngestOptions {
  readonly index: IndexJob;
  readonly failures: FailureLog;
  readonly logger: Logger;
  /**
   * How often a job is tried before its outage is recorded as a failure.
   * @default 5
   */
  readonly maxAttempts?: number;
}

/** Result of one job. `retry`: the caller should deliver it again, later. */
export type JobResult =
  | { readonly job: Job; readonly status: 'done'; readonly outcome: IndexOutcome }
  | { readonly job: Job; readonly status: 'failed'; readonly error: unknown; readonly retry: boolean };

export interface Ingest {
  readonly maxAttempts: number;
  /**
   * Runs the jobs of one S3 event notification one after another, each regardless of the others' results. `attempt`
   * counts deliveries, from 1.
   * @throws {invalid-input} only, for a body that is not an S3 event notification
   */
  handle(event: unknown, attempt: number): Promise<JobResult[]>;
  /** Runs one job. Never throws. */
  run(job: Job, attempt: number): Promise<JobResult>;
}

/**
 * Records a file that should have been a picture as a failure, and any other as dismissed, so that it is not read
 * again.
 */
export async function recordRejected(
  failures: FailureLog,
  { bucket, key }: Pick<Job, 'bucket' | 'key'>,
  { id, etag, reason, message, leftOut }: Extract<IndexOutcome, { status: 'rejected' }>,
  sequencer: string,
): Promise<void> {
  const failure = { id, bucket, key, etag, sequencer, message, retryable: false };
  await failures.record({ ...failure, reason: leftOut ? NO_PICTURE : reason }, { dismissed: leftOut });
}

/**
 * Applies events to the index and keeps the failure log up to date: objects that can never be indexed, or that must
 * first be restored from an archive, are recorded at once, outages after the last attempt, and failures of indexed or
 * deleted objects are resolved. It does not know where events come from or how they are redelivered, so the local queue
 * and the Lambda behind SQS share it.
 */
export function createIngest(options: IngestOptions): Ingest {
  const { index, failures, logger, maxAttempts = 5 } = options;
  async function run(job: Job, attempt: number): Promise<JobResult> {
    try {
      const outcome = await index(job);
      await settle(job, outcome);
      logger.debug({ job, outcome }, 'handled');
      return { job, status: 'done', outcome };
    } catch (error) {
      // A restore sends another event; until then every attempt would fail like this one.
      if (isSightlineError(error) && error.details.archived === true && (await recordOutage(options, job, error))) {
        logger.warn({ job, err: error }, 'archived');
        return {
          job,
          status: 'done',
          outcome: { status: 'skipped', id: imageId(job.bucket, job.key), reason: 'archived' },
        };
      }
      const isLast = attempt >= maxAttempts;
      logger[isLast ? 'error' : 'warn']({ job, attempt, err: error }, 'could not be handled');
      const isRecorded = isLast && (await recordOutage(options, job, error));
      return { job, status: 'failed', error, retry: !isRecorded };
    }
  }

  async function settle(job: Job, outcome: IndexOutcome): Promise<void> {
    if (outcome.status === 'rejected') {
      // What is left out is no news: a library may hold thousands.
      const { reason, leftOut, message } = outcome;
      logger[leftOut ? 'debug' : 'info']({ bucket: job.bucket, key: job.key, reason, leftOut }, message);
      await recordRejected(failures, job, outcome, job.sequencer ?? '');
      return;
    }
    if (job.type === 'removed' && job.sequencer !== null) {
      // Also for a stale event: it may be a redelivery after a crash between the index and this.
      if (await failedSince(failures, job.bucket, job.key, job.sequencer)) return;
    } else if (outcome.status === 'skipped' && outcome.reason === 'stale') {
      // It says nothing about the current object: the newer event decided that.
      return;
    }
    await failures.resolve(outcome.id);
  }

  return {
    maxAttempts,
    run,
    async handle(event, attempt) {
      const results: JobResult[] = [];
      const jobs = parseS3Event(event, (reason) => logger.info({ reason }, 'event ignored'));
      // In order, so that the failure log ends with the last event of each key.
      for (const job of jobs) results.push(await run(job, attempt));
      return results;
    },
  };
}

/** Whether the object failed in an event newer than the one that removed it, so it must exist again. */
async function failedSince(failures: FailureLog, bucket: string, key: string, sequencer: string): Promise<boolean> {
  const failure = await failures.get(imageId(bucket, key));
  return failure !== null && compareSequencers(failure.sequencer, sequencer) > 0;
}

/** Records an outage. False when even that fails; then the job must not be given up. */
async function recordOutage(
  { failures, logger }: Pick<IngestOptions, 'failures' | 'logger'>,
  job: Job,
  error: unknown,
): Promise<boolean> {
  try {
    await failures.record({
      id: imageId(job.bucket, job.key),
      bucket: job.bucket,
      key: job.key,
      etag: '',
      sequencer: job.sequencer ?? '',
      reason: isSightlineError(error) ? error.code : 'internal',
      message: error instanceof Error ? error.message : String(error),
      retryable: true,
    });
    return true;
  } catch (cause) {
    logger.error({ job, err: cause }, 'the failure itself could not be recorded');
    return false;
  }
}
