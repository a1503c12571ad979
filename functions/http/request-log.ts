import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { AppDeps, AppEnv } from './deps.ts';

/**
 * The template of the matching route, such as `/images/:id`; one word for all unknown paths keeps the number of labels
 * small.
 */
function routeTemplate(c: Context): string {
  const route = matchedRoutes(c).findLast(({ method, path }) => method !== 'ALL' && !path.includes('*'));
  return route?.path ?? 'unmatched';
}

/**
 * One log line and one measurement per request. Query strings hold what people search for and are logged only at
 * `debug`; paths hold only ids.
 */
export function observe(deps: AppDeps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const start = performance.now();
    const log = deps.logger.child({ requestId: c.get('requestId') });
    c.set('log', log);
    await next();
    const seconds = (performance.now() - start) / 1000;
    const { method } = c.req;
    const route = routeTemplate(c);
    const { status } = c.res;
    deps.metrics.request({ method: KNOWN_METHODS.has(method) ? method : 'other', route, status }, seconds);
    const line = {
      method,
      path: c.req.path.slice(0, 200),
      route,
      status,
      durationMs: Math.round(seconds * 1e4) / 10,
      apiKey: c.get('apiKey')?.name,
      ...(log.isLevelEnabled('debug') && { query: new URL(c.req.url).search.slice(0, 500) }),
    };
    if (status >= 500) log.error(line, 'request');
    else log.info(line, 'request');
  };
}

/** Clients choose the method; unknown ones would let labels grow without bound. */
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
