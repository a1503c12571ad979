// The Lambda function behind the queue of S3 events: every new, changed or removed picture in the bucket comes through here.
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { loadOnce } from '../core/load-once.ts';
import { createIngest } from './events/event-handler.ts';
import { logLevel, openLambdaRuntime, openQueue, readLambdaConfig } from './lambda/runtime.ts';
import { createSqsHandler } from './lambda/sqs-batch.ts';
import { settled } from './lambda/start.ts';
import { createTelemetry } from './lambda/telemetry.ts';
import { onePixel } from './lambda/warm-up.ts';

const telemetry = createTelemetry({ logLevel });

const handling = loadOnce(async () => {
  const start = performance.now();
  const config = readLambdaConfig();
  const { embedder, index, failures } = await openLambdaRuntime(config, { ...telemetry, texts: 'later' });
  // Loads the image model now, while Lambda gives the start more processor than the function pays for.
  await embedder.embedImage(onePixel);
  telemetry.logger.info({ space: embedder.space, durationMs: Math.round(performance.now() - start) }, 'ready');
  const ingest = createIngest({ index, failures, logger: telemetry.logger, maxAttempts: config.maxReceives });
  return createSqsHandler({ ingest, failures, queue: await openQueue(config), telemetry });
});
await settled(handling);

/** Throws, so that the whole batch comes back, only when models or stores could not be opened. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  return telemetry.invocation(context, 'ingest', async () => (await handling.get())(event, context));
}
