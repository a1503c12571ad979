import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import PQueue from 'p-queue';
import { isSightlineError } from '../../core/errors.ts';
import type { FailureLog } from '../../core/ports.ts';
import type { Ingest, JobResult } from '../events/run-job.ts';
import { parseS3Event } from '../events/s3-event.ts';
import type { MessageQueue } from '../events/sqs-client.ts';
import { forgetStale, noteLastAttempt, noteUnreadable } from './dead-letter.ts';
import type { Telemetry } from './telemetry.ts';

export interface SqsBatchOptions {
  readonly ingest: Ingest;
  readonly failures: FailureLog;
  /** Null when messages come back by themselves, after the queue's timeout. */
  readonly queue: Pick<MessageQueue, 'delay'> | null;
  readonly telemetry: Pick<Telemetry, 'logger' | 'count' | 'milliseconds'>;
  /**
   * Messages at work at the same time that come for the first time. One waits for S3 while the other computes. @default
   * 2
   */
  readonly concurrency?: number;
  /** Least time a message gets; with less left it is not started. Milliseconds. @default 8000 */
  readonly minTimeMs?: number;
  /** 0 up to, but not including, 1. */
  readonly random?: () => number;
}

/** First wait of a message that failed; it doubles with every delivery. Seconds. */
const FIRST_DELAY = 5;
/** Nine deliveries wait 36 minutes together, which most outages do not. Seconds. */
const LONGEST_DELAY = 900;
/** A message is given this many times the longest one so far, so that none is cut off by the end of the run. */
const TIME_MARGIN = 2;

/** But never more than this share of a run, or nothing would be started any more after one very slow message. */
const LARGEST_SHARE = 0.5;

/** Messages at work at the same time that have come before: what ends the process must take few others with it. */
const AGAIN_TOGETHER = 2;

/** Some messages of one batch. */
interface Run {
  readonly context: Context;
  /** When it began, ms. */
  readonly timeMs: number;
  readonly slots: PQueue;
}

/**
 * Handles batches of S3 events from SQS, each message whatever becomes of the others. A message that fails comes back
 * with growing delay until SQS puts it aside; by then it is in the failure log, also when handling it ended the
 * process.
 */
export function createSqsHandler(options: SqsBatchOptions) {
  const { telemetry, queue, concurrency = 2, minTimeMs = 8000, random = Math.random } = options;
  const { logger } = telemetry;
  let longestMs = 0;

  /** Whether the message is done with; what is not goes back to the queue. */
  async function handle(record: SQSRecord, run: Run): Promise<boolean> {
    return run.slots.add(async () => {
      const enough = Math.min(Math.max(minTimeMs, TIME_MARGIN * longestMs), LARGEST_SHARE * run.timeMs);
      if (run.context.getRemainingTimeInMillis() < enough) {
        telemetry.count('NotStarted');
        if (isLast(options, record)) await noteMessage(options, record);
        await comeBack(record, 0);
        return false;
      }
      const start = performance.now();
      const isDone = await handleMessage(options, record);
      const took = performance.now() - start;
      longestMs = Math.max(longestMs, took);
      telemetry.milliseconds('IndexTime', took);
      if (isDone) return true;
      telemetry.count('Retried');
      await comeBack(record, delayAfter(attemptOf(record), random));
      return false;
    });
  }

  /** Not worth failing for: without it the message comes back after the queue's own timeout. */
  async function comeBack(record: SQSRecord, seconds: number): Promise<void> {
    await queue?.delay(record.receiptHandle, seconds).catch((error: unknown) => {
      logger.warn({ messageId: record.messageId, err: error }, 'the delay of a message could not be set');
    });
  }

  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    // Those that have failed before come last: if one of them ends the process, the others are done.
    const Records = event.Records.toSorted((a, b) => attemptOf(a) - attemptOf(b));
    const timeMs = context.getRemainingTimeInMillis();
    const failed: SQSRecord[] = [];
    const handleAll = (records: readonly SQSRecord[], together: number) => {
      const run = { context, timeMs, slots: new PQueue({ concurrency: together }) };
      return Promise.all(
        records.map(async (record) => {
          const isDone = await handle(record, run).catch((error: unknown) => {
            logger.error({ messageId: record.messageId, err: error }, 'the message could not be handled');
            return false;
          });
          if (!isDone) failed.push(record);
        }),
      );
    };
    await handleAll(
      Records.filter((record) => attemptOf(record) === 1),
      concurrency,
    );
    await handleAll(
      Records.filter((record) => attemptOf(record) > 1),
      Math.min(concurrency, AGAIN_TOGETHER),
    );
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** Whether SQS puts the message aside when it comes back once more. */
function isLast({ ingest }: SqsBatchOptions, record: SQSRecord): boolean {
  return attemptOf(record) >= ingest.maxAttempts;
}

/** Lists a message's pictures before its last attempt; a message that is no event is listed when that has failed. */
async function noteMessage({ failures }: SqsBatchOptions, record: SQSRecord): Promise<ReadonlySet<string>> {
  try {
    return await noteLastAttempt(failures, parseS3Event(record.body));
  } catch (error) {
    if (isSightlineError(error, 'invalid-input')) return new Set();
    throw error;
  }
}

/** How often SQS has delivered it, this time included. */
function attemptOf(record: SQSRecord): number {
  return Number(record.attributes.ApproximateReceiveCount);
}

function delayAfter(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
  return Math.ceil(full * (0.5 + random() / 2));
}

/** Whether the message is done with. */
async function handleMessage(options: SqsBatchOptions, record: SQSRecord): Promise<boolean> {
  const { ingest, failures, telemetry } = options;
  const { logger } = telemetry;
  const attempt = attemptOf(record);
  const last = isLast(options, record);
  let results: JobResult[];
  try {
    const noted = last ? await noteMessage(options, record) : new Set<string>();
    results = await ingest.handle(record.body, attempt);
    await forgetStale(failures, noted, results);
  } catch (error) {
    logger.error({ messageId: record.messageId, attempt, err: error }, 'the message could not be handled');
    if (last && isSightlineError(error, 'invalid-input')) await noteUnreadable(failures, record, error);
    return false;
  }
  for (const result of results) countOutcome(telemetry, result);
  return results.every(({ status }) => status === 'done');
}

function countOutcome(telemetry: SqsBatchOptions['telemetry'], result: JobResult): void {
  if (result.status === 'failed') return;
  const { outcome } = result;
  if (outcome.status === 'indexed') telemetry.count('Indexed');
  else if (outcome.status === 'removed') telemetry.count('Removed');
  else if (outcome.status === 'rejected' && !outcome.leftOut) telemetry.count('Rejected');
  else telemetry.count('Unchanged');
}
