import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { AppDeps, AppEnv, KnownKey, Scope } from './deps.ts';
import { isSameOrigin } from './host-guard.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';
import { SESSION_COOKIE } from './session-cookie.ts';

/** Security schemes of the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <API key>' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'The same key in its own header.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: SESSION_COOKIE,
    description: 'The session that POST /session returns for a key.',
  },
} as const;

/** `security` of a write route: any one of these. */
export const WRITE_SECURITY: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }, { session: [] }];

/** The key in a request's headers, or null. Overlong ones are not even hashed. */
export function shownKey(c: Context): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const key = bearer ?? c.req.header('x-api-key')?.trim() ?? '';
  return key === '' || key.length > 1024 ? null : key;
}

/**
 * Sets `apiKey` to the request's valid key. SHA-256 hashes are compared in constant time with every configured one, so
 * that the time reveals neither how close a guess was nor which key it is. A key wins over a session.
 */
export function identify({ options, sessions }: AppDeps): MiddlewareHandler<AppEnv> {
  const listed = options.apiKeyHashes.map((entry) => {
    const [, scope, hash] = /^(?:(read|write):)?(\w+)$/.exec(entry)!;
    return { name: hash!.slice(0, 8), scope: (scope ?? 'write') as Scope, hash: Buffer.from(hash!, 'hex') };
  });
  // The last one counts: a key that is listed for both may write.
  const known = listed.toSorted((a, b) => a.scope.localeCompare(b.scope));
  return async (c, next) => {
    const key = shownKey(c);
    const cookie = key === null ? getCookie(c, SESSION_COOKIE) : undefined;
    let found: KnownKey | null = null;
    if (key !== null) {
      const hash = createHash('sha256').update(key).digest();
      for (const { name, scope, hash: expected } of known) {
        const same = timingSafeEqual(expected, hash);
        found = same ? { name, scope, byCookie: false } : found;
      }
    } else if (cookie !== undefined && known.length > 0) {
      const name = await sessions.read(cookie);
      const own = known.findLast((one) => one.name === name);
      found = own === undefined ? null : { name: own.name, scope: own.scope, byCookie: true };
    }
    c.set('apiKey', found);
    await next();
  };
}

/** What is allowed without a key. */
export function scopesWithoutKey({ requireKey }: HttpOptions): readonly Scope[] {
  return requireKey === 'read' ? [] : requireKey === 'write' ? ['read'] : ['read', 'write'];
}

/** Refuses a write without a write key, before its body is read. */
export function requireKey(options: HttpOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const key = c.get('apiKey');
    if (!scopesWithoutKey(options).includes('write')) {
      if (key === null) throw unauthorized(c);
      if (key.scope !== 'write')
        throw new HttpProblem('forbidden', 'expected a key that may write, got one for reading');
    }
    // A browser also adds the cookie to requests made by other sites' pages.
    if (key?.byCookie && !isSameOrigin(c)) {
      throw new HttpProblem(
        'cross-site',
        'expected a request from this page, as it came with a session instead of a key',
      );
    }
    await next();
  };
}

/** Options that every write route has. */
export function writeRoute(options: HttpOptions) {
  return { security: WRITE_SECURITY, middleware: requireKey(options) };
}
export type WriteRoute = ReturnType<typeof writeRoute>;

/** Always open: for monitoring, for a browser without a session, and for who reads how to ask. */
const OPEN_PATHS = /^\/(health|session|docs(\/.*)?|openapi\.json)$/;

/**
 * Refuses a request without a valid key if reading requires one. The page itself is exempt, as is the documentation of
 * the API: they hold no pictures.
 */
export function requireKeyToRead({ options, page }: AppDeps): MiddlewareHandler<AppEnv> {
  if (scopesWithoutKey(options).includes('read')) return (_c, next) => next();
  return async (c, next) => {
    const { path, method } = c.req;
    const isOpen = c.get('apiKey') !== null || OPEN_PATHS.test(path) || method === 'OPTIONS';
    if (!isOpen && ((await page?.(path)) ?? null) === null) throw unauthorized(c);
    await next();
  };
}

export function unauthorized(c: Context): HttpProblem {
  const shown = shownKey(c) === null ? 'none' : 'an unknown one';
  return new HttpProblem('unauthorized', `expected an API key in Authorization or X-Api-Key, got ${shown}`, {
    headers: { 'WWW-Authenticate': 'Bearer realm="sightline"', Connection: 'close' },
  });
}

/** Refuses an upload to a read-only server, before its body is read. */
export function requireWritable(options: HttpOptions): MiddlewareHandler<AppEnv> {
  return async (_c, next) => {
    if (options.readOnly) {
      const detail =
        'expected no uploads: this server was started read-only, and changes no folder or bucket of pictures';
      throw new HttpProblem('read-only', detail, { headers: { Connection: 'close' } });
    }
    await next();
  };
}
