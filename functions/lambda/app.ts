import { hash } from 'node:crypto';
import { Hono } from 'hono';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { requestId } from 'hono/request-id';
import type { Loaded } from '../../core/util/load-once.ts';
import type { AppEnv } from '../http/deps.ts';
import type { Metrics } from '../http/metrics.ts';
import { answerProblem, HttpProblem } from '../http/problem.ts';
import type { Telemetry } from './cloudwatch-telemetry.ts';

/** What hono's adapters pass with a request: `context` when streaming, otherwise `lambdaContext`. */
export interface LambdaBindings {
  readonly event: LambdaEvent;
  readonly context?: LambdaContext;
  readonly lambdaContext?: LambdaContext;
}

interface WebApp {
  fetch(request: Request, bindings: LambdaBindings): Response | Promise<Response>;
}

/** Headers that CloudFront sets, replacing any that a client sent (infra/router.ts). */
const FROM_CLOUDFRONT = { key: 'x-sightline-origin', viewer: 'x-sightline-viewer' } as const;

/**
 * The app on Lambda: each request is an invocation for logs and metrics. If models or stores cannot be opened it
 * answers with the problem, and the next request tries again.
 *
 * @param originKeyHash SHA-256 (hex) of the secret that CloudFront sends; requests that bypass it are refused.
 * Undefined
 *   when there is no CloudFront.
 */
export function createLambdaApp(loaded: Loaded<WebApp>, telemetry: Telemetry, originKeyHash: string | undefined) {
  const outer = new Hono<AppEnv>();
  outer.use(requestId({ limitLength: 64, headerName: 'X-Request-Id' }));
  outer.all('*', async (c) => {
    const bindings = c.env as LambdaBindings;
    const answer = async () => {
      if (originKeyHash !== undefined && hash('sha256', c.req.header(FROM_CLOUDFRONT.key) ?? '') !== originKeyHash) {
        telemetry.count('Requests');
        throw new HttpProblem('wrong-host', 'expected a request through the domain of this service, got a direct one');
      }
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

/**
 * The client's address as seen by CloudFront, if the request provably came through it, otherwise by the function URL or
 * API Gateway.
 */
export function sourceAddress({ event }: LambdaBindings, originKeyHash: string | undefined): string | null {
  const viewer = event.headers?.[FROM_CLOUDFRONT.viewer];
  if (originKeyHash !== undefined && typeof viewer === 'string') return viewer;
  const context = event.requestContext as
    | { http?: { sourceIp?: string }; identity?: { sourceIp?: string } }
    | undefined;
  return context?.http?.sourceIp ?? context?.identity?.sourceIp ?? null;
}

/** The metrics of the HTTP layer for CloudWatch. */
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
    // CloudWatch receives metrics and never polls: there is no GET /metrics on Lambda.
    watch() {},
    async expose() {
      return { body: '', contentType: 'text/plain' };
    },
  };
}
