import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Logger } from 'pino';
import type { MessageQueue, ReceivedMessage } from '../../functions/events/sqs-client.ts';

export interface QueueSourceOptions {
  readonly queue: Pick<MessageQueue, 'name' | 'receive' | 'remove'>;
  /** The handler that Lambda would call with each batch, see `createSqsHandler`. */
  readonly handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
  /** How long the queue hides a message: each batch must be handled within this time. */
  readonly visibilitySeconds: number;
  readonly logger: Logger;
}

/** The longest that SQS waits for a first message. */
const WAIT_SECONDS = 20;
/** First and longest pause after a failed request; it doubles in between. Milliseconds. */
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;

/**
 * Does what Lambda does between a queue and a function: receives messages in batches, passes them on, and deletes the
 * handled ones. Others are delivered again; a message that was handled but not deleted changes nothing the second time.
 * Stopping waits for pictures in progress and returns the other messages of their batch.
 */
export function followQueue(options: QueueSourceOptions): { stop(): Promise<void> } {
  const { queue, handler, visibilitySeconds, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function handle(messages: readonly ReceivedMessage[]): Promise<void> {
    const endMs = performance.now() + visibilitySeconds * 1000;
    const context = { getRemainingTimeInMillis: () => (signal.aborted ? 0 : Math.max(0, endMs - performance.now())) };
    const { batchItemFailures } = await handler(
      { Records: messages.map((message) => recordOf(message, queue.name)) },
      context as Context,
    );
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const done = messages.filter(({ id }) => !failed.has(id));
    if (done.length === 0) return;
    const left = await queue.remove(done.map(({ receiptHandle }) => receiptHandle));
    if (left.length > 0)
      logger.warn({ messages: left.length }, 'handled messages could not be deleted and will be delivered again');
  }

  async function follow(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        const messages = await queue.receive({ waitSeconds: WAIT_SECONDS, signal });
        if (messages.length > 0) await handle(messages);
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ err: error }, 'the event queue cannot be read; trying again');
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(LAST_PAUSE_MS, 2 * pauseMs);
      }
    }
  }

  const following = follow();
  return {
    async stop() {
      stopping.abort();
      await following;
    },
  };
}

function recordOf({ id, body, receiptHandle, receives }: ReceivedMessage, queue: string): SQSRecord {
  return {
    messageId: id,
    receiptHandle,
    body,
    attributes: { ApproximateReceiveCount: String(receives) } as SQSRecord['attributes'],
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:::${queue}`,
    awsRegion: '',
  };
}
