import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { secureHeaders } from 'hono/secure-headers';
import type { AppDeps, AppEnv } from './deps.ts';
import type { HttpOptions } from './options.ts';

/** API responses are data: nothing in them may run or be framed. Pages set their own policy. */
const API_POLICY = { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] };

/** Swagger UI sets style attributes; its scripts are files. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * The policy of the page: nothing inline, no other origins except uploads to `connect`. `blob:` shows pictures dropped
 * on the page, `data:` small icons; the map's worker falls under script-src.
 */
export function pagePolicy(connect: readonly string[] = []): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    ["connect-src 'self'", ...connect].join(' '),
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** A stored file opened directly may only be displayed. */
export const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/** Security headers, unless the handler set its own. A local server has no HTTPS, so no HSTS. */
export function security(deps: AppDeps): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: API_POLICY,
    xFrameOptions: 'DENY',
    strictTransportSecurity: !deps.local,
    permissionsPolicy: { camera: false, microphone: false, geolocation: false },
    overwrite: false,
  });
}

/** Names the space of scores and vectors in every response, and forbids caching unless the route allows it. */
export function defaults(deps: AppDeps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    c.res.headers.set('Sightline-Space', deps.embedder.space);
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
  };
}

const CORS_METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];

/** CORS for the configured origins; without any, other sites' pages can read nothing. */
export function crossOrigin(options: HttpOptions): MiddlewareHandler {
  if (options.corsOrigins.length === 0) return (_c, next) => next();
  const allow = cors({
    origin: [...options.corsOrigins],
    allowMethods: CORS_METHODS,
    allowHeaders: ['Authorization', 'X-Api-Key', 'X-Request-Id', 'Content-Type', 'If-Match', 'If-None-Match', 'Range'],
    exposeHeaders: [
      'Sightline-Space',
      'Sightline-Trash',
      'ETag',
      'Location',
      'X-Request-Id',
      'Retry-After',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
    ],
    maxAge: 600,
  });
  // An OPTIONS request that is not a preflight asks for the methods of a URL; it goes on to the routes.
  return (c, next) =>
    c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') === undefined ? next() : allow(c, next);
}

const weakEtag = etag({ weak: true });

/** For JSON that changes rarely: cached by the client, and revalidated with If-None-Match. */
export const revalidated: MiddlewareHandler<AppEnv> = (c, next) =>
  weakEtag(c, async () => {
    await next();
    if (c.res.ok) c.res.headers.set('Cache-Control', 'private, no-cache');
  });
