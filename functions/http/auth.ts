import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import type { AppEnv } from './deps.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';

/** Names in the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <API key>' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'The same key in a header of its own.' },
} as const;

/** `security` of a write route: either header. */
export const WRITE_SECURITY: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }];

/** The key a request shows, or null. Longer ones than any sane key are not even hashed. */
function shownKey(c: Context): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const key = bearer ?? c.req.header('x-api-key')?.trim() ?? '';
  return key === '' || key.length > 1024 ? null : key;
}

/**
 * Leaves the name of the key that was shown in `apiKey`. Keys are compared as SHA-256 hashes of equal length in constant
 * time, and every configured one is compared, so that the time tells neither how close a guess came nor which key it is.
 */
export function identify(options: HttpOptions): MiddlewareHandler<AppEnv> {
  const known = options.apiKeyHashes.map((hash) => ({ name: hash.slice(0, 8), hash: Buffer.from(hash, 'hex') }));
  return async (c, next) => {
    const key = shownKey(c);
    let name: string | null = null;
    if (key !== null) {
      const hash = createHash('sha256').update(key).digest();
      for (const one of known) {
        const same = timingSafeEqual(one.hash, hash);
        name = same ? one.name : name;
      }
    }
    c.set('apiKey', name);
    await next();
  };
}

/** Stops a write without a known key, before its body is read. */
export function requireKey(options: HttpOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!options.openWrites && c.get('apiKey') === null) {
      const shown = shownKey(c) === null ? 'none' : 'one that is not known';
      throw new HttpProblem('unauthorized', `expected an API key in Authorization or X-Api-Key, got ${shown}`, {
        headers: { 'WWW-Authenticate': 'Bearer realm="sightline"', Connection: 'close' },
      });
    }
    await next();
  };
}
