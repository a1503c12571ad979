import { readFileSync } from 'node:fs';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Logger } from 'pino';
import type { Config } from '../core/config.ts';
import type { Changes } from './changes.ts';
import { createApp } from './http/app.ts';
import type { Readiness, StaticFiles } from './http/deps.ts';
import { createMetrics } from './http/metrics.ts';
import { parseHttpOptions } from './http/options.ts';
import { describeModel } from './model-info.ts';
import { buildPage } from './page.ts';
import type { Runtime } from './runtime.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The HTTP API and the page for one process on one machine. Throws `invalid-config`. */
export async function createLocalApp(parts: {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly uploadBucket: string;
  /** Objects that wait to be indexed and those under way. */
  readonly backlog: () => number;
  readonly changes: Changes;
  readonly ready: () => Readiness;
  readonly logger: Logger;
}) {
  const { config, runtime } = parts;
  const loopback = isLoopback(config.host);
  const limits = { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels };
  const metrics = createMetrics({ processMetrics: true });
  metrics.watch('sightline_backlog_objects', 'Objects that wait to be indexed or are being indexed.', parts.backlog);
  metrics.watch('sightline_failures', 'Objects that could not be indexed.', () => runtime.failures.count());
  metrics.watch('sightline_images', 'Pictures in the index.', () => runtime.vectors.count({ kind: 'image' }));
  return createApp({
    ...runtime,
    uploadBucket: parts.uploadBucket,
    thumbnail: async (bytes, maxEdge) => {
      // Loads sharp, which the first text answer can do without.
      const { thumbnail } = await import('../core/encode/decode.ts');
      return thumbnail(bytes, maxEdge, { limits });
    },
    model: await describeModel(config),
    changes: parts.changes,
    backlog: parts.backlog,
    ready: parts.ready,
    logger: parts.logger,
    metrics,
    options: parseHttpOptions({
      loopback,
      openWrites: loopback && config.apiKeyHashes.length === 0,
      allowedHosts: [...config.allowedHosts],
      apiKeyHashes: [...config.apiKeyHashes],
      corsOrigins: [...config.corsOrigins],
      requestsPerMinute: config.requestsPerMinute,
      maxImageBytes: config.maxImageBytes,
    }),
    version,
    local: true,
    clientAddress: (c) => getConnInfo(c).remote.address ?? null,
    page: lazyPage(),
  });
}

/** Whether only this machine can reach an address that is listened on. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The page is bundled when it is first asked for, so that it costs the start nothing. A failed build is tried again. */
function lazyPage(): StaticFiles {
  let building: ReturnType<typeof buildPage> | null = null;
  return async (path) => {
    building ??= buildPage().catch((error: unknown) => {
      building = null;
      throw error;
    });
    return (await building).get(path) ?? null;
  };
}
