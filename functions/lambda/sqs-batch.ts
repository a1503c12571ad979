import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import PQueue from 'p-queue';
import { isSightlineError } from '../../core/errors.ts';
import type { FailureLog } from '../../core/ports.ts';
import type { Ingest, JobResult } from '../events/run-job.ts';
import { parseS3Event } from '../events/s3-event.ts';
import type { MessageQueue } from '../events/sqs-client.ts';
import type { Telemetry } from './cloudwatch-telemetry.ts';
import { forgetStale, noteLastAttempt, noteUnreadable } from './dead-letter.ts';

export interface SqsBatchOptions {
  readonly ingest: Ingest;
  readonly failures: FailureLog;
  /** Null when messages are redelivered only by the queue's own timeout. */
  readonly queue: Pick<MessageQueue, 'delay'> | null;
  readonly telemetry: Pick<Telemetry, 'logger' | 'count' | 'milliseconds'>;
  /**
   * First deliveries handled at the same time. One waits for S3 while the other computes. @default
   * 2
   */
  readonly concurrency?: number;
  /** Minimum time for a message; with less left it is not started. Milliseconds. @default 8000 */
  readonly minTimeMs?: number;
  /** 0 up to, but not including, 1. */
  readonly random?: () => number;
}

/** First delay of a failed message; it doubles with every delivery. Seconds. */
const FIRST_DELAY = 5;
/** Longest delay. Nine deliveries then span 36 minutes, longer than most outages. Seconds. */
const LONGEST_DELAY = 900;
/** A message needs this many times the longest time so far, so that the end of the run does not cut it off. */
const TIME_MARGIN = 2;

/** But at most this share of a run, or nothing would be started after one very slow message. */
const LARGEST_SHARE = 0.5;

/** Redeliveries handled at the same time: a message that crashes the process must affect few others. */
const AGAIN_TOGETHER = 2;

/** Some messages of one batch. */
interface Run {
  readonly context: Context;
  /** Start time, ms. */
  readonly timeMs: number;
  readonly slots: PQueue;
}

/**
 * Handles batches of S3 events from SQS, each message regardless of the others. A failed message is redelivered with
 * growing delay until SQS moves it to the dead letter queue; by then it is in the failure log, even if it crashed the
 * process.
 */
export function createSqsHandler(options: SqsBatchOptions) {
  const { telemetry, queue, concurrency = 2, minTimeMs = 8000, random = Math.random } = options;
  const { logger } = telemetry;
  let longestMs = 0;

  /** Whether the message is done; otherwise it returns to the queue. */
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

  /** Not worth failing for: otherwise the message is redelivered after the queue's own timeout. */
  async function comeBack(record: SQSRecord, seconds: number): Promise<void> {
    await queue?.delay(record.receiptHandle, seconds).catch((error: unknown) => {
      logger.warn({ messageId: record.messageId, err: error }, 'the delay of a message could not be set');
    });
  }

  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    // Messages that have failed before come last: if one crashes the process, the others are done.
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

/** Whether this is the last delivery before the dead letter queue. */
function isLast({ ingest }: SqsBatchOptions, record: SQSRecord): boolean {
  return attemptOf(record) >= ingest.maxAttempts;
}

/** Records a message's pictures as failures before its last attempt; an invalid message is recorded after it fails. */
async function noteMessage({ failures }: SqsBatchOptions, record: SQSRecord): Promise<ReadonlySet<string>> {
  try {
    return await noteLastAttempt(failures, parseS3Event(record.body));
  } catch (error) {
    if (isSightlineError(error, 'invalid-input')) return new Set();
    throw error;
  }
}

/** Number of deliveries, including this one. */
function attemptOf(record: SQSRecord): number {
  return Number(record.attributes.ApproximateReceiveCount);
}

function delayAfter(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
  return Math.ceil(full * (0.5 + random() / 2));
}

/** Whether the message is done. */
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
