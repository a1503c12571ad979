import { createRoute } from '@hono/zod-openapi';
import { METADATA_VERSION } from '../../../core/metadata/embedded.ts';
import { textFor } from '../caller.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { noQuery } from '../schemas/common.ts';
import { status } from '../schemas/status.ts';
import { serialise } from '../serialise.ts';

const statusRoute = createRoute({
  method: 'get',
  path: '/status',
  tags: ['operations'],
  summary: 'What is stored and what is in progress',
  request: { query: noQuery },
  responses: { 200: json(status, 'Counts, rates and the latest changes.'), ...problems() },
});

/** Registers GET /status. */
export function registerStatus(app: App, deps: AppDeps): void {
  const { vectors, failures, changes } = deps;
  const started = performance.now();

  app.openapi(statusRoute, async (c) => {
    const [live, pictures, captions, outdated, failed, report, backlog, folders, leftOut] = await Promise.all([
      deps.liveSpace?.() ?? null,
      vectors.count({ kind: 'image' }),
      vectors.count({ kind: 'caption' }),
      vectors.count({ kind: 'image', metadataBelow: METADATA_VERSION }),
      failures.count(),
      deps.report?.version() ?? null,
      // The rest is useful even when the queue cannot be read.
      readBacklog(deps, c.get('log')),
      deps.folders?.() ?? [],
      deps.leftOut?.() ?? {},
    ]);
    const [outage, change] = [deps.outage?.() ?? null, deps.change?.() ?? null];
    const told = (text: string | null) => text && textFor(c, deps, text);
    return c.json(
      {
        version: deps.version,
        space: vectors.space,
        liveSpace: live ?? vectors.space,
        uptimeSeconds: Math.round((performance.now() - started) / 1000),
        pictures,
        captions,
        failures: failed,
        backlog,
        outage: told(outage),
        outdated,
        leftOut: { ...leftOut },
        folders: folders.map(serialise(c, deps).folder),
        folderChanges: deps.folderChanges !== undefined,
        hidden: folders.reduce((sum, { pictures, isThere }) => sum + (isThere ? 0 : pictures), 0),
        change: change && { ...change, problem: told(change.problem) },
        indexed: changes?.indexed() ?? null,
        storage: deps.storage ?? 'folder',
        report: report !== null,
        readOnly: deps.options.readOnly,
        signedUploads: deps.presignUpload !== undefined,
        uploadPrefix: deps.uploadPrefixes?.[0] ?? '',
        recent: [...(changes?.recent() ?? [])],
      },
      200,
    );
  });
}

async function readBacklog({ backlog }: AppDeps, log: AppEnv['Variables']['log']): Promise<number | null> {
  try {
    return (await backlog?.()) ?? null;
  } catch (error) {
    log.warn({ err: error }, 'the size of the indexing backlog is unknown');
    return null;
  }
}
