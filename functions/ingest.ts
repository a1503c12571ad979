// The Lambda function behind the queue of S3 events: every new, changed or removed picture in the bucket comes through
// here.
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { loadImageEmbedder } from '../core/encode/image-embedder.ts';
import { loadOnce } from '../core/util/load-once.ts';
import { createIngest } from './events/run-job.ts';
import { settled } from './lambda/cold-start.ts';
import { openQueue, readLambdaConfig, runtimeWith, telemetry } from './lambda/composition-root.ts';
import { createBatchIndexer } from './lambda/index-batch.ts';
import { isPurgeEvent, type PURGE_EVENT, purge } from './lambda/purge-tombstones-event.ts';
import { createSqsHandler } from './lambda/sqs-batch.ts';

/** A grey PNG of one pixel. */
const ONE_PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAMAAAAoyzS7AAAAA1BMVEWIiIhYZW6zAAAACklEQVQI12NgAAAAAgAB4iG8MwAAAABJRU5ErkJggg==',
  'base64',
);

/** Maximum messages per invocation. */
const WHOLE_BATCH = 10;

/** No text encoder: the API embeds captions, and `npm run reindex` makes vectors of other models. */
const openRuntime = runtimeWith(loadImageEmbedder);

const handling = loadOnce(async () => {
  const start = performance.now();
  const config = readLambdaConfig();
  const { embedder, vectors, indexing, failures } = await openRuntime(config);
  const index = createBatchIndexer(indexing);
  // Load the image model now: during startup Lambda gives a function extra CPU for free.
  await embedder.embedImage(ONE_PIXEL);
  telemetry.logger.info({ space: embedder.space, durationMs: Math.round(performance.now() - start) }, 'ready');
  const ingest = createIngest({ index, failures, logger: telemetry.logger, maxAttempts: config.maxReceives });
  const queue = await openQueue(config);
  const batches = createSqsHandler({ ingest, failures, queue, telemetry, concurrency: WHOLE_BATCH });
  return { batches, purge: () => purge(vectors, config.tombstoneDays) };
});
await settled(handling, telemetry.logger);

/**
 * Returns the failed messages of a batch, or the number of purged tombstones for the schedule.
 * @throws {SightlineError} when models or stores could not be opened, so that the whole batch is redelivered
 */
export async function handler(
  event: SQSEvent | typeof PURGE_EVENT,
  context: Context,
): Promise<SQSBatchResponse | { readonly purged: number }> {
  return telemetry.invocation(context, async () => {
    const { batches, purge } = await handling.get();
    return isPurgeEvent(event) ? purge() : batches(event, context);
  });
}
