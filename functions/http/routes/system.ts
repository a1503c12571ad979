import { createRoute, z } from '@hono/zod-openapi';
import type { AppDeps } from '../deps.ts';
import { type App, describeApi, json, problems } from '../openapi.ts';
import { HttpProblem, PROBLEMS, type ProblemCode } from '../problem.ts';
import { revalidated } from '../response-headers.ts';
import { noQuery } from '../schemas/common.ts';
import { health, modelInfo, ready } from '../schemas/system.ts';

const request = { query: noQuery };
const tags = ['operations'];

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags,
  summary: 'Is the process alive',
  request,
  responses: { 200: json(health, 'It is.'), ...problems() },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/ready',
  tags,
  summary: 'Can it answer',
  request,
  responses: { 200: json(ready, 'Models and stores are loaded.'), ...problems() },
});

const modelRoute = createRoute({
  method: 'get',
  path: '/model',
  tags,
  summary: 'The models in use',
  middleware: revalidated,
  request,
  responses: { 200: json(modelInfo, 'Encoders, head and space.'), ...problems() },
});

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags,
  summary: 'Metrics of this process',
  description: 'In the text format of Prometheus. Only on a local server.',
  request,
  responses: {
    200: { description: 'The numbers.', content: { 'text/plain': { schema: z.string() } } },
    ...problems(),
  },
});

/** Registers the routes about the service itself. */
export function registerSystem(app: App, deps: AppDeps): void {
  const started = performance.now();

  app.openapi(healthRoute, (c) =>
    c.json(
      { status: 'ok' as const, version: deps.version, uptimeSeconds: Math.round((performance.now() - started) / 1000) },
      200,
    ),
  );

  app.openapi(readyRoute, (c) => {
    const state = deps.ready();
    if (state !== 'ready') {
      throw new HttpProblem('not-ready', `expected the state ready, got ${state}`, {
        headers: { 'Retry-After': '1' },
        extra: { state },
      });
    }
    return c.json({ status: 'ready' as const, space: deps.embedder.space }, 200);
  });

  app.openapi(modelRoute, (c) => c.json(deps.model, 200));

  if (deps.local) {
    app.openapi(metricsRoute, async (c) => {
      const { body, contentType } = await deps.metrics.expose();
      return c.text(body, 200, { 'Content-Type': contentType });
    });
  }

  let document: ReturnType<typeof describeApi> | undefined;
  app.get('/openapi.json', revalidated, (c) => {
    document ??= describeApi(app, deps.version);
    return c.json(document);
  });

  // The `type` of a problem document can be opened.
  app.get('/problems/:code', revalidated, (c) => {
    const code = c.req.param('code');
    if (!Object.hasOwn(PROBLEMS, code)) throw new HttpProblem('not-found', 'there is no problem type with this name');
    return c.json({ type: `${c.get('caller').basePath}/problems/${code}`, ...PROBLEMS[code as ProblemCode] });
  });
}
