// The Lambda function behind the function URL: the HTTP API and the page.

import { loadEmbedder } from '../core/encode/embedder.ts';
import { withPrefix } from '../core/objects/prefixed.ts';
import { createTrash } from '../core/trash.ts';
import { loadOnce } from '../core/util/load-once.ts';
import { createApp } from './http/app.ts';
import type { AppDeps, StaticFiles } from './http/deps.ts';
import { describeModel } from './http/describe-model.ts';
import { parseHttpOptions } from './http/options.ts';
import { readPage } from './http/page-files.ts';
import { createSessions } from './http/session-cookie.ts';
import { createLambdaApp, type LambdaBindings, requestMetrics, sourceAddress } from './lambda/app.ts';
import { settled } from './lambda/cold-start.ts';
import {
  openQueue,
  originKeyHash,
  pageFolder,
  readLambdaConfig,
  runtimeWith,
  telemetry,
  version,
} from './lambda/composition-root.ts';
import { buffered, streamed } from './lambda/http-response.ts';

/** In the stack's state bucket; a lifecycle rule there deletes entries older than the trash keeps. */
const TRASH_RECORDS = 'trash/';

const openRuntime = runtimeWith(loadEmbedder);

const loading = loadOnce(async () => {
  const start = performance.now();
  const config = readLambdaConfig();
  const runtime = await openRuntime(config);
  const queue = loadOnce(() => openQueue(config));
  const limits = { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels, damaged: config.damaged };
  // A function always uses the space of its bundled models; others require a deployment.
  const onLiveSpace: AppDeps['onLiveSpace'] = (work) => work(runtime);
  const app = createApp({
    storage: 's3',
    ...runtime,
    trash: createTrash({
      ...runtime,
      records: withPrefix(runtime.state, TRASH_RECORDS),
      onLiveSpace,
      keepDays: config.trashDays,
    }),
    sessions: createSessions(runtime.state),
    uploadBucket: () => config.bucket,
    uploadPrefixes: config.prefixes,
    backlog: config.queueUrl === undefined ? undefined : async () => (await queue.get())?.depth() ?? 0,
    presignUpload: (key, options) => runtime.buckets.get(config.bucket)!.presignPut(key, options),
    // Loaded with the first picture: text searches need no decoder.
    thumbnail: async (bytes, maxEdge) => {
      const { thumbnail } = await import('../core/picture/decode.ts');
      return thumbnail(bytes, maxEdge, { limits });
    },
    model: await describeModel({ ...config, space: runtime.embedder.space }),
    onLiveSpace,
    ready: () => 'ready',
    logger: telemetry.logger,
    metrics: requestMetrics(telemetry),
    options: parseHttpOptions(config),
    version,
    local: false,
    clientAddress: (c) => sourceAddress(c.env as LambdaBindings, originKeyHash),
    page: await openPage(),
  });
  // The first run of a model is slower than all others.
  await runtime.embedder.embedTexts(['a first text']);
  telemetry.logger.info({ space: runtime.embedder.space, durationMs: Math.round(performance.now() - start) }, 'ready');
  return app;
});
// Load now: during startup Lambda gives a function extra CPU for free. Requests report a failure.
await settled(loading, telemetry.logger);

const app = createLambdaApp(loading, telemetry, originKeyHash);

/** For the function URL: responses are streamed, up to 200 MB. */
export const handler = streamed(app);

/** For API Gateway (payload 2.0 or 1.0): responses up to 6 MB. */
export const bufferedHandler = buffered(app);

/** The built page; in `sst dev` there is none. */
async function openPage(): Promise<StaticFiles | undefined> {
  if (pageFolder === null) return undefined;
  const page = await readPage(pageFolder);
  return (path) => page.get(path) ?? null;
}
