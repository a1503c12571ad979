import { isIP } from 'node:net';
import type { Context, MiddlewareHandler } from 'hono';
import type { AppEnv } from './deps.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';

/** Host name in a Host or Origin header, without port and trailing dot; null when invalid. */
function hostName(authority: string): string | null {
  if (!/^(\[[0-9a-f:.]+\]|[^\s/?#@\\:]+)(:\d{1,5})?$/i.test(authority)) return null;
  try {
    return new URL(`http://${authority}/`).hostname.replace(/\.$/, '');
  } catch {
    return null;
  }
}

/**
 * Answers only to the server's own names. A page whose name was rebound to 127.0.0.1 (DNS rebinding) sends that name in
 * Host, and would otherwise be same-origin with everything here. Only names can be rebound, so a server that others can
 * reach accepts any IP address. Where a proxy is trusted to forward the name, `Host` is judged, too, because a rebound
 * page can add X-Forwarded-Host: besides our own names it may be a name without a dot, as networks of containers have
 * them.
 */
export function guardHost(options: HttpOptions): MiddlewareHandler<AppEnv> {
  const { loopback } = options;
  const named = new Set(options.allowedHosts.map((name) => hostName(name)));
  const isOurs = (name: string) =>
    named.has(name) || (loopback ? isLoopbackName(name) : named.size === 0 || isIP(name.replace(/^\[|\]$/g, '')) !== 0);
  return async (c, next) => {
    const { host } = c.get('caller');
    const refuse = (got: string) => {
      const expected = [...named, ...(loopback ? ['localhost'] : [])].join(' or ');
      return new HttpProblem('wrong-host', `expected Host to be ${expected}, got ${got.slice(0, 100)}`);
    };
    const name = hostName(host);
    if (name === null || !isOurs(name)) throw refuse(host);
    const direct = c.req.header('host') || host;
    const directName = hostName(direct);
    if (directName === null || (directName.includes('.') && !isOurs(directName))) throw refuse(direct);
    await next();
  };
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses writes that a browser sends for another site. A browser always sends Sec-Fetch-Site or, if it is old, Origin
 * (Fetch Metadata, W3C); other programs send neither.
 */
export function guardOrigin(options: HttpOptions): MiddlewareHandler<AppEnv> {
  const allowed = new Set(options.corsOrigins);
  return async (c, next) => {
    if (!SAFE_METHODS.has(c.req.method)) {
      const origin = c.req.header('origin');
      const site = c.req.header('sec-fetch-site');
      const listed = origin !== undefined && allowed.has(origin);
      const foreign =
        site !== undefined
          ? site !== 'same-origin' && site !== 'none'
          : origin !== undefined && !isOwn(origin, c.get('caller').host);
      if (foreign && !listed) {
        throw new HttpProblem(
          'cross-site',
          `expected a request from this site, got one from ${(origin ?? site ?? 'another').slice(0, 100)}`,
        );
      }
    }
    await next();
  };
}

/** Ignores the scheme, which a proxy may have changed. */
function isOwn(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === new URL(`http://${host}/`).host;
  } catch {
    return false;
  }
}

/** Whether a browser states that our own page sent this. False for other programs, which state nothing. */
export function isSameOrigin(c: Context<AppEnv>): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = c.req.header('origin');
  return origin !== undefined && isOwn(origin, c.get('caller').host);
}

/** Refuses URLs with broken percent-encoding, instead of searching for the remains. */
export function guardUrl(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const target = c.req.raw.url;
    const query = target.indexOf('?');
    try {
      decodeURIComponent(query < 0 ? '' : target.slice(query + 1).replaceAll('+', ' '));
      decodeURIComponent(new URL(target).pathname);
    } catch (cause) {
      throw new HttpProblem('malformed-url', 'expected percent-encoded UTF-8, got a URL that cannot be decoded', {
        cause,
      });
    }
    await next();
  };
}
