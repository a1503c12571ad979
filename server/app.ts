import { join } from 'node:path';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import { countLeftOut, NO_PICTURE } from '../core/files/non-picture-files.ts';
import type { Config } from '../core/settings.ts';
import type { Trash } from '../core/trash.ts';
import { loadOnce } from '../core/util/load-once.ts';
import { createApp } from '../functions/http/app.ts';
import type { Changes } from '../functions/http/change-feed.ts';
import type { AppDeps, Place, Readiness, StaticFiles } from '../functions/http/deps.ts';
import type { Metrics } from '../functions/http/metrics.ts';
import type { App } from '../functions/http/openapi.ts';
import { parseHttpOptions } from '../functions/http/options.ts';
import { readPage } from '../functions/http/page-files.ts';
import { createMetrics } from '../functions/http/prometheus-metrics.ts';
import { openReport } from '../functions/http/report-file.ts';
import type { Sessions } from '../functions/http/session-cookie.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { Runtime } from './composition-root.ts';
import { isCheckout, root } from './environment.ts';
import { folderChanges } from './folders/changes-by-api.ts';
import { hideAbsent } from './folders/hidden-folders.ts';
import type { SpaceParts } from './reindex/follow-live-space.ts';

/**
 * The HTTP API and the page for one process on one machine. Each space has its own app, so that models and vectors
 * never change during a request.
 * @throws {invalid-config}
 */
export async function createLocalApp(parts: {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly uploadBucket: () => string;
  readonly trash: Trash;
  readonly sessions: Sessions;
  /** Number of objects waiting or being indexed. */
  readonly backlog: () => number | Promise<number>;
  readonly outage: () => string | null;
  readonly presignUpload?: AppDeps['presignUpload'];
  readonly changes: Changes;
  readonly ready: () => Readiness;
  readonly logger: Logger;
}): Promise<{ fetch: (request: Request, env?: unknown) => Promise<Response> }> {
  const { config, runtime } = parts;
  const loopback = isLoopback(config.host);
  const limits = { maxBytes: config.maxImageBytes, maxPixels: config.maxImagePixels, damaged: config.damaged };
  const metrics = metricsOf(runtime, parts.backlog);
  const shared: Omit<AppDeps, 'embedder' | 'vectors' | 'model'> = {
    failures: runtime.failures,
    buckets: runtime.buckets,
    index: runtime.index,
    onLiveSpace: (work) =>
      runtime.live.write(({ embedder, vectors }) => work({ embedder, vectors: hideAbsent(vectors, runtime.folders) })),
    uploadBucket: parts.uploadBucket,
    trash: parts.trash,
    sessions: parts.sessions,
    presignUpload: parts.presignUpload,
    thumbnail: async (bytes: Uint8Array, maxEdge: number) => {
      // Imported lazily: it loads sharp, which text searches do not need.
      const { thumbnail } = await import('../core/picture/decode.ts');
      return thumbnail(bytes, maxEdge, { limits });
    },
    changes: parts.changes,
    backlog: parts.backlog,
    outage: parts.outage,
    change: () => runtime.change?.progress() ?? null,
    async leftOut() {
      const leftOut = runtime.leftOut();
      countLeftOut(leftOut, 'other', await runtime.failures.count(NO_PICTURE));
      return leftOut;
    },
    storage: config.bucket === undefined ? ('folder' as const) : ('s3' as const),
    folders: () => runtime.folders.count(),
    places: () => placesOf(config, runtime),
    folderChanges: config.bucket === undefined ? folderChanges(config, runtime.folders) : undefined,
    isWatched: (bucket: string) => runtime.folders.isWatched(bucket),
    ready: parts.ready,
    logger: parts.logger,
    metrics,
    options: parseHttpOptions({
      ...config,
      loopback,
      requireKey: loopback && config.apiKeyHashes.length === 0 ? 'nothing' : config.requireKey,
    }),
    version: packageJson.version,
    local: true,
    clientAddress: (c: Context) => getConnInfo(c).remote.address ?? null,
    page: lazyPage(),
    report: openReport(join(config.data, 'report.html')),
  };
  const apps = new WeakMap<SpaceParts, App>();
  const appOf = (space: SpaceParts): App => {
    const { embedder, model } = space;
    const vectors = hideAbsent(space.vectors, runtime.folders);
    const app = apps.get(space) ?? createApp({ ...shared, embedder, vectors, model });
    apps.set(space, app);
    return app;
  };
  // Create it now, to find mismatches at startup.
  appOf(runtime.live.current());
  return {
    fetch: (request, env) => runtime.live.read(async (space) => appOf(space).fetch(request, env as never)),
  };
}

function placesOf({ data, modelDirs }: Config, { folders }: Runtime): Place[] {
  const own = [{ path: data, name: 'data' }, ...modelDirs.map((path) => ({ path, name: 'models' }))];
  return [...folders.places(), ...own];
}

function metricsOf({ failures, vectors }: Runtime, backlog: () => number | Promise<number>): Metrics {
  const metrics = createMetrics({ processMetrics: true });
  metrics.watch('sightline_backlog_objects', 'Objects waiting or being indexed.', backlog);
  metrics.watch('sightline_failures', 'Objects that could not be indexed.', () => failures.count());
  metrics.watch('sightline_images', 'Pictures in the index.', () => vectors.count({ kind: 'image' }));
  return metrics;
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Bundles the page on the first request, so that startup stays fast; a package contains it built. A failed build is
 * tried again.
 */
function lazyPage(): StaticFiles {
  const page = loadOnce(async () => {
    if (!isCheckout) return readPage(join(root, 'dist/web'));
    const { buildPage } = await import('./bundle-page.ts');
    return buildPage();
  });
  return async (path) => (await page.get()).get(path) ?? null;
}
