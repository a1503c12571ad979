import type { MiddlewareHandler } from 'hono';
import type { AppEnv } from './deps.ts';
import type { HttpOptions } from './options.ts';
import { HttpProblem } from './problem.ts';

/**
 * Ends a request that takes too long, and aborts its work through `signal` and `late`. Time in which its body arrives
 * does not count: a photo takes minutes on a slow line. Node ends one that is not complete after five minutes.
 */
export function timeLimit(options: HttpOptions): MiddlewareHandler<AppEnv> {
  const limit = options.requestTimeoutMs;
  return async (c, next) => {
    const late = new AbortController();
    c.set('late', late.signal);
    c.set('signal', AbortSignal.any([c.req.raw.signal, late.signal]));
    const { promise, reject } = Promise.withResolvers<never>();
    const start = () =>
      setTimeout(() => {
        const headers = { 'Retry-After': '5' };
        const problem = new HttpProblem('timeout', `expected an answer within ${limit} ms, got none`, { headers });
        late.abort(problem);
        reject(problem);
      }, limit);
    let timer: NodeJS.Timeout | null = start();
    const disable = () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    };
    c.set('disableTimeLimit', disable);
    c.set('restartTimeLimit', () => {
      if (timer === null || late.signal.aborted) return;
      disable();
      timer = start();
    });
    try {
      await Promise.race([next(), promise]);
    } finally {
      disable();
    }
  };
}
