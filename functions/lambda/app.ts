import { Hono } from 'hono';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { requestId } from 'hono/request-id';
import type { Loaded } from '../../core/load-once.ts';
import type { AppEnv } from '../http/deps.ts';
import type { Metrics } from '../http/metrics.ts';
import { answerProblem } from '../http/problem.ts';
import type { Telemetry } from './telemetry.ts';

/** What hono's adapters hand over with a request: `context` when streaming, `lambdaContext` when not. */
export interface LambdaBindings {
  readonly event: LambdaEvent;
  readonly context?: LambdaContext;
  readonly lambdaContext?: LambdaContext;
}

interface WebApp {
  fetch(request: Request, bindings: LambdaBindings): Response | Promise<Response>;
}

/**
 * The app as Lambda runs it: each request an invocation for logs and metrics. While models or stores cannot be
 * opened it answers with the problem, and the next request tries again.
 */
export function createLambdaApp(loaded: Loaded<WebApp>, telemetry: Telemetry) {
  const outer = new Hono<AppEnv>();
  outer.use(requestId({ limitLength: 64, headerName: 'X-Request-Id' }));
  outer.all('*', async (c) => {
    const bindings = c.env as LambdaBindings;
    const answer = async () => {
      const app = await loaded.get().catch((error: unknown) => {
        telemetry.count('Requests');
        telemetry.count('ServerErrors');
        throw error;
      });
      return app.fetch(c.req.raw, bindings);
    };
    const context = bindings.context ?? bindings.lambdaContext;
    return context === undefined ? answer() : telemetry.invocation(context, answer);
  });
  outer.onError((error, c) => {
    c.set('log', telemetry.logger);
    return answerProblem(error, c);
  });
  return outer;
}

/** The address of the caller as the function URL or API Gateway saw it; of CloudFront when that stands in between. */
export function sourceAddress({ event }: LambdaBindings): string | null {
  const context = event.requestContext as
    | { http?: { sourceIp?: string }; identity?: { sourceIp?: string } }
    | undefined;
  return context?.http?.sourceIp ?? context?.identity?.sourceIp ?? null;
}

/** The measurements of the HTTP edge as CloudWatch metrics. */
export function requestMetrics(telemetry: Telemetry): Metrics {
  return {
    request({ status }, seconds) {
      telemetry.count('Requests');
      if (status >= 500) telemetry.count('ServerErrors');
      telemetry.milliseconds('RequestTime', seconds * 1000);
    },
    embedding(kind, _count, seconds) {
      telemetry.milliseconds(kind === 'text' ? 'TextEmbeddingTime' : 'ImageEmbeddingTime', seconds * 1000);
    },
    // CloudWatch is written to, never asked: there is no GET /metrics on Lambda.
    watch() {},
    async expose() {
      return { body: '', contentType: 'text/plain' };
    },
  };
}
