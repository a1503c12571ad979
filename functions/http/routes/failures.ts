import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isSightlineError } from '../../../core/errors.ts';
import { recordRejected } from '../../events/run-job.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import { writeRoute } from '../auth.ts';
import { textFor } from '../caller.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { findImage } from '../lookup.ts';
import { type App, json, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { idParams, noQuery } from '../schemas/common.ts';
import { failurePage, failureQuery, retryResult } from '../schemas/failures.ts';
import { serialise } from '../serialise.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/failures',
  tags: ['operations'],
  summary: 'What could not be indexed, and why',
  request: { query: failureQuery },
  responses: { 200: json(failurePage, 'One page of failures, latest first.'), ...problems() },
});

/** Registers the list of failures, retry and dismissal. */
export function registerFailures(app: App, deps: AppDeps): void {
  // Failures belong to no space, so their cursors survive a change of models.
  const space = '';
  const write = writeRoute(deps.options);

  app.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const [page, total] = await Promise.all([
      deps.failures.list({ limit, cursor: openCursor(space, cursor) }),
      deps.failures.count(),
    ]);
    return c.json(
      { items: page.items.map(serialise(c, deps).failure), next: sealCursor(space, page.next), total },
      200,
    );
  });

  const retryRoute = createRoute({
    ...write,
    method: 'post',
    path: '/failures/{id}/retry',
    tags: ['operations'],
    summary: 'Try to index the file again',
    description: 'Answers after the attempt. A file that is rejected again stays on the list.',
    request: { params: idParams, query: noQuery },
    responses: { 200: json(retryResult, 'The result.'), ...problems(401, 404) },
  });
  const dismissRoute = createRoute({
    ...write,
    method: 'delete',
    path: '/failures/{id}',
    tags: ['operations'],
    summary: 'Dismiss a failure',
    description:
      'For a file that always fails, such as a broken one. It is listed again if the file changes and fails.',
    request: { params: idParams, query: noQuery },
    responses: { 204: { description: 'It is no longer listed.' }, ...problems(401, 404) },
  });
  app.openapi(dismissRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deps.failures.dismiss(id))) throw new HttpProblem('not-found', `no failure has the id ${id}`);
    return c.body(null, 204);
  });
  app.openapi(retryRoute, async (c) => c.json(await retry(c, deps, c.req.valid('param').id), 200));
}

async function retry(c: Context<AppEnv>, deps: AppDeps, id: string): Promise<z.output<typeof retryResult>> {
  const failure = await deps.failures.get(id);
  if (failure === null) throw new HttpProblem('not-found', `no failure has the id ${id}`);
  const { bucket, key, etag, sequencer } = failure;
  const outcome = await deps.index({ type: 'created', bucket, key, sequencer: null }).catch(async (error: unknown) => {
    const reason = isSightlineError(error) ? error.code : 'internal';
    const message = isSightlineError(error) ? error.message : 'unexpected error; see the log';
    await deps.failures.record({ id, bucket, key, etag, sequencer, reason, message, retryable: true });
    throw error;
  });
  if (outcome.status === 'rejected') {
    const { reason } = outcome;
    await recordRejected(deps.failures, failure, outcome, sequencer);
    return { status: 'rejected', id, reason, message: textFor(c, deps, outcome.message) };
  }
  await deps.failures.resolve(id);
  const isGone = outcome.status === 'skipped' && (outcome.reason === 'gone' || outcome.reason === 'left-out');
  if (outcome.status === 'removed' || isGone) return { status: 'gone', id };
  const image = serialise(c, deps).image(id, await deps.onLiveSpace(({ vectors }) => findImage(vectors, id)));
  return { status: outcome.status === 'indexed' ? 'indexed' : 'unchanged', id, image };
}
