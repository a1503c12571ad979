import { createRoute, z } from '@hono/zod-openapi';
import { isFresh, quoteEtag } from '../conditional-and-range.ts';
import type { AppDeps } from '../deps.ts';
import { type App, problems } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import { noQuery } from '../schemas/common.ts';

const route = createRoute({
  method: 'get',
  path: '/report',
  tags: ['operations'],
  summary: 'The report on the head',
  description: 'The HTML file that `npm run report` wrote into the data folder. Only on a local server.',
  request: { query: noQuery },
  responses: {
    200: { description: 'The report.', content: { 'text/html': { schema: z.string() } } },
    304: { description: 'The copy of the caller is still good.' },
    ...problems(404),
  },
});

/** The policy inside the document, which names its only script and style sheet by their hashes. */
const ownPolicy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/;

/** Registers GET /report: the report that `npm run report` wrote. Its policy allows only its own script. */
export function registerReport(app: App, deps: AppDeps): void {
  app.openapi(route, async (c) => {
    const version = (await deps.report?.version()) ?? null;
    if (version === null) throw new HttpProblem('not-found', 'there is no report; npm run report writes one');
    const etag = quoteEtag(version);
    const headers = { ETag: etag, 'Cache-Control': 'no-cache' };
    if (isFresh(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
    const body = await deps.report!.read();
    const policy = ownPolicy.exec(new TextDecoder().decode(body.subarray(0, 10_000)))?.[1] ?? "default-src 'none'";
    return c.body(body, 200, {
      ...headers,
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `${policy}; frame-ancestors 'none'; sandbox allow-scripts`,
    });
  });
}
