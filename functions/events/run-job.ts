import type { Logger } from 'pino';
import { isSightlineError } from '../../core/errors.ts';
import { NO_PICTURE } from '../../core/files/left-out.ts';
import { type IndexJob, type IndexOutcome, imageId, type Job } from '../../core/index-image.ts';
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

/** What became of one job. `retry`: the caller should deliver it again, later. */
export type JobResult =
  | { readonly job: Job; readonly status: 'done'; readonly outcome: IndexOutcome }
  | { readonly job: Job; readonly status: 'failed'; readonly error: unknown; readonly retry: boolean };

export interface Ingest {
  readonly maxAttempts: number;
  /**
   * Runs the jobs of one S3 event notification one after the other, each whatever became of the others. `attempt` is
   * how often it has been delivered, from 1.
   * @throws {invalid-input} only, for a body that is no such notification
   */
  handle(event: unknown, attempt: number): Promise<JobResult[]>;
  /** Runs one job. Never throws. */
  run(job: Job, attempt: number): Promise<JobResult>;
}

/** Lists a file that should have been a picture, and remembers any other so that it is not read again. */
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
 * Takes events to the index and keeps the failure log true: what can never be indexed, or not before it has been
 * restored from an archive, is recorded at once, an outage after the last attempt, and what was indexed or is gone is
 * forgotten. It knows nothing of where events come from or how they are delivered again, so that the local queue and
 * the Lambda behind SQS share it.
 */
export function createIngest({ index, failures, logger, maxAttempts = 5 }: IngestOptions): Ingest {
  async function run(job: Job, attempt: number): Promise<JobResult> {
    try {
      const outcome = await index(job);
      await settle(job, outcome);
      logger.debug({ job, outcome }, 'handled');
      return { job, status: 'done', outcome };
    } catch (error) {
      // What is archived is announced again when it has been restored; until then every try would end as this one did.
      if (isSightlineError(error) && error.details.archived === true && (await recordOutage(job, error))) {
        logger.warn({ job, err: error }, 'archived');
        return {
          job,
          status: 'done',
          outcome: { status: 'skipped', id: imageId(job.bucket, job.key), reason: 'archived' },
        };
      }
      const isLast = attempt >= maxAttempts;
      logger[isLast ? 'error' : 'warn']({ job, attempt, err: error }, 'could not be handled');
      const isRecorded = isLast && (await recordOutage(job, error));
      return { job, status: 'failed', error, retry: !isRecorded };
    }
  }

  async function settle(job: Job, outcome: IndexOutcome): Promise<void> {
    if (outcome.status === 'rejected') {
      logger.info({ bucket: job.bucket, key: job.key, reason: outcome.reason }, outcome.message);
      await recordRejected(failures, job, outcome, job.sequencer ?? '');
      return;
    }
    if (job.type === 'removed' && job.sequencer !== null) {
      // Also when it is stale: it may be delivered again after a crash between the index and this.
      if (await failedSince(job.bucket, job.key, job.sequencer)) return;
    } else if (outcome.status === 'skipped' && outcome.reason === 'stale') {
      // It says nothing about the object as it is now: the newer event has settled that.
      return;
    }
    await failures.resolve(outcome.id);
  }

  /** Whether the object failed in a newer event than the one that removed it, so that it must be there again. */
  async function failedSince(bucket: string, key: string, sequencer: string): Promise<boolean> {
    const failure = await failures.get(imageId(bucket, key));
    return failure !== null && compareSequencers(failure.sequencer, sequencer) > 0;
  }

  /** False when not even that works; the job must then not be given up. */
  async function recordOutage(job: Job, error: unknown): Promise<boolean> {
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

  return {
    maxAttempts,
    run,
    async handle(event, attempt) {
      const results: JobResult[] = [];
      const jobs = parseS3Event(event, (reason) => logger.info({ reason }, 'event ignored'));
      // In order, so that the failure log ends with what the last event of a key said.
      for (const job of jobs) results.push(await run(job, attempt));
      return results;
    },
  };
}
