import type { MiddlewareHandler } from 'hono';
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { networkOf } from './caller.ts';
import type { AppEnv } from './deps.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';

/** Window of a limit, in seconds. */
const WINDOW = 60;

/** Polled by monitoring; a limit would look like an outage. */
const EXEMPT = new Set(['/health', '/ready', '/metrics']);

/** Limits requests per minute, by API key or, without a valid one, by network address. */
export function rateLimit(options: HttpOptions): MiddlewareHandler<AppEnv> {
  const points = options.requestsPerMinute;
  if (points === 0) return (_c, next) => next();
  const limiter = new RateLimiterMemory({ points, duration: WINDOW });
  return async (c, next) => {
    if (EXEMPT.has(c.req.path)) return next();
    const key = c.get('apiKey');
    const caller = key === null ? `address:${networkOf(c.get('caller').address ?? 'unknown')}` : `key:${key.name}`;
    let state: RateLimiterRes;
    try {
      state = await limiter.consume(caller);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
      throw new HttpProblem('rate-limited', `expected at most ${points} requests in ${WINDOW} s, got more`, {
        headers: { 'Retry-After': String(seconds), ...headers(points, 0, seconds) },
        extra: { retryAfter: seconds },
      });
    }
    await next();
    const left = headers(points, state.remainingPoints, Math.ceil(state.msBeforeNext / 1000));
    for (const [name, value] of Object.entries(left)) c.res.headers.set(name, value);
  };
}

/** draft-ietf-httpapi-ratelimit-headers-07, which most clients understand. */
function headers(limit: number, remaining: number, reset: number): Record<string, string> {
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(reset),
  };
}
