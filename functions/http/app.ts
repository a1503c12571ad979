import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import { identify, requireKeyToRead } from './auth.ts';
import { identifyCaller } from './caller.ts';
import { compressed } from './compress.ts';
import type { AppDeps } from './deps.ts';
import { guardHost, guardOrigin, guardUrl } from './host-guard.ts';
import { measured } from './metrics.ts';
import { type App, newApp, registerSecurity } from './openapi.ts';
import { answerProblem, HttpProblem } from './problem.ts';
import { rateLimit } from './rate-limit.ts';
import { observe } from './request-log.ts';
import { crossOrigin, defaults, security } from './response-headers.ts';
import { registerUpload } from './routes/add-images.ts';
import { registerArchive } from './routes/archive.ts';
import { registerCaptions } from './routes/captions.ts';
import { registerContent } from './routes/content.ts';
import { registerDocs, sendPage } from './routes/docs.ts';
import { registerEmbed } from './routes/embed.ts';
import { registerEvents } from './routes/event-stream.ts';
import { registerFacets } from './routes/facets.ts';
import { registerFailures } from './routes/failures.ts';
import { registerFolders } from './routes/folders.ts';
import { registerImages } from './routes/images.ts';
import { registerMap } from './routes/map.ts';
import { registerNeighbours } from './routes/neighbours.ts';
import { registerUploads } from './routes/presigned-uploads.ts';
import { registerReport } from './routes/report.ts';
import { registerSearch } from './routes/search.ts';
import { registerSession } from './routes/session.ts';
import { registerStacks } from './routes/stacks.ts';
import { registerStatus } from './routes/status.ts';
import { registerSystem } from './routes/system.ts';
import { registerTrash } from './routes/trash.ts';
import { createThumbnails } from './thumbnail-cache.ts';
import { timeLimit } from './time-limit.ts';

/** A valid X-Request-Id from the client is reused, so that a request can be traced through several services. */
const acceptRequestId = { limitLength: 64, headerName: 'X-Request-Id' };

/**
 * The whole HTTP API as one web-standard handler (`app.fetch`), the same in Node and on Lambda. Middleware from outside
 * in: caller and log, headers, early refusals, rate limit, time limit; then the routes.
 */
export function createApp(given: AppDeps): App {
  const deps: AppDeps = { ...given, embedder: measured(given.embedder, given.metrics) };
  const { options } = deps;
  const app = newApp(options.basePath);

  app.use(requestId(acceptRequestId));
  app.use(observe(deps));
  app.use(security(deps));
  app.use(defaults(deps));
  app.use(compressed());
  app.use(crossOrigin(options));
  app.use(identifyCaller(options, deps.clientAddress));
  app.use(guardHost(options));
  app.use(guardUrl());
  app.use(methodNotAllowed({ app, onMethodNotAllowed: answerMethod }));
  app.use(guardOrigin(options));
  app.use(identify(deps));
  app.use(rateLimit(options));
  app.use(requireKeyToRead(deps));
  app.use(timeLimit(options));

  const thumbnails = createThumbnails(deps);
  registerSecurity(app);
  registerSession(app, deps);
  registerSearch(app, deps);
  registerNeighbours(app, deps);
  registerEmbed(app, deps);
  registerUpload(app, deps);
  registerUploads(app, deps);
  registerImages(app, deps);
  registerContent(app, deps, thumbnails);
  registerArchive(app, deps);
  registerTrash(app, deps, thumbnails);
  registerFolders(app, deps);
  registerFacets(app, deps);
  registerCaptions(app, deps);
  registerFailures(app, deps);
  registerSystem(app, deps);
  registerStatus(app, deps);
  registerEvents(app, deps);
  registerStacks(app, deps);
  registerMap(app, deps);
  registerReport(app, deps);
  registerDocs(app);

  app.onError((error, c) => answerProblem(error, c, deps));
  app.notFound(async (c) => {
    const page = await sendPage(c, deps);
    return page ?? answerProblem(new HttpProblem('not-found', 'there is no route at this path'), c);
  });
  return app;
}

/** Answers a known path with an unsupported method: 405, or for OPTIONS the list of methods. */
function answerMethod(c: Parameters<typeof answerProblem>[1], methods: string[]): Response {
  const headers = { Allow: [...methods, 'OPTIONS'].join(', ') };
  if (c.req.method === 'OPTIONS') return c.body(null, 204, headers);
  return answerProblem(
    new HttpProblem('method-not-allowed', `expected ${headers.Allow}, got ${c.req.method.slice(0, 20)}`, { headers }),
    c,
  );
}
