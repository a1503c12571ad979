import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { AppDeps, AppEnv } from './deps.ts';
import { isSameOrigin } from './host-guard.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';
import { SESSION_COOKIE } from './session-cookie.ts';

/** What a caller may do. Who may write may read, too. */
export type Scope = 'read' | 'write';

/** A key that was shown and is known. */
export interface KnownKey {
  /** The first 8 digits of its hash. */
  readonly name: string;
  readonly scope: Scope;
  /** Sent by a browser on its own, in a cookie, and not by whoever wrote the request. */
  readonly byCookie: boolean;
}

/** Names in the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <API key>' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'The same key in a header of its own.' },
  session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'What POST /session trades a key for.' },
} as const;

/** `security` of a write route: any of them. */
export const WRITE_SECURITY: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }, { session: [] }];

/** The key a request shows, or null. Longer ones than any sane key are not even hashed. */
export function shownKey(c: Context): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const key = bearer ?? c.req.header('x-api-key')?.trim() ?? '';
  return key === '' || key.length > 1024 ? null : key;
}

/**
 * Leaves the key that was shown in `apiKey`. Keys are compared as SHA-256 hashes of equal length in constant time, and
 * every configured one is compared, so that the time tells neither how close a guess came nor which key it is. A key
 * wins over a session.
 */
export function identify({ options, sessions }: AppDeps): MiddlewareHandler<AppEnv> {
  const known = options.apiKeyHashes.map((entry) => {
    const [, scope, hash] = /^(?:(read|write):)?(\w+)$/.exec(entry)!;
    return { name: hash!.slice(0, 8), scope: (scope ?? 'write') as Scope, hash: Buffer.from(hash!, 'hex') };
  });
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
      const own = known.find((one) => one.name === name);
      found = own === undefined ? null : { name: own.name, scope: own.scope, byCookie: true };
    }
    c.set('apiKey', found);
    await next();
  };
}

/** What may be done without any key. */
export function openTo({ requireKey }: HttpOptions): readonly Scope[] {
  return requireKey === 'read' ? [] : requireKey === 'write' ? ['read'] : ['read', 'write'];
}

/** Stops a write without a key that may write, before its body is read. */
export function requireKey(options: HttpOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const key = c.get('apiKey');
    if (!openTo(options).includes('write')) {
      if (key === null) throw unauthorized(c);
      if (key.scope !== 'write')
        throw new HttpProblem('forbidden', 'expected a key that may write, got one for reading');
    }
    // A browser adds the cookie to what other pages make it send, too.
    if (key?.byCookie && !isSameOrigin(c)) {
      throw new HttpProblem('cross-site', 'expected a request of this page, as it was sent with a session and no key');
    }
    await next();
  };
}

/** What every route that writes has. */
export function writeRoute(options: HttpOptions) {
  return { security: WRITE_SECURITY, middleware: requireKey(options) };
}
export type WriteRoute = ReturnType<typeof writeRoute>;

/** Open in any case: for machines that watch us, and for a browser that has no session yet. */
const OPEN_PATHS = new Set(['/health', '/session']);

/**
 * Stops a request without a known key where reading needs one, unless it is for the page itself, which has no
 * pictures.
 */
export function requireKeyToRead({ options, page }: AppDeps): MiddlewareHandler<AppEnv> {
  if (openTo(options).includes('read')) return (_c, next) => next();
  return async (c, next) => {
    const { path, method } = c.req;
    const isOpen = c.get('apiKey') !== null || OPEN_PATHS.has(path) || method === 'OPTIONS';
    if (!isOpen && ((await page?.(path)) ?? null) === null) throw unauthorized(c);
    await next();
  };
}

export function unauthorized(c: Context): HttpProblem {
  const shown = shownKey(c) === null ? 'none' : 'one that is not known';
  return new HttpProblem('unauthorized', `expected an API key in Authorization or X-Api-Key, got ${shown}`, {
    headers: { 'WWW-Authenticate': 'Bearer realm="sightline"', Connection: 'close' },
  });
}

/** Stops an upload to pictures that are only to be read, before its body is. */
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
