import { Logger as PowertoolsLogger } from '@aws-lambda-powertools/logger';
import { MetricUnit, Metrics as PowertoolsMetrics } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';
import type { Context } from 'aws-lambda';
import pino, { type Logger } from 'pino';

/** Without the callbacks that Node 24 no longer has. */
export type InvocationContext = Omit<Context, 'done' | 'fail' | 'succeed'>;

/**
 * Logs, metrics and traces as Lambda's tools read them: JSON lines with the request's id, embedded metric format, X-Ray.
 * The rest of the program logs through pino, as everywhere; its lines are handed on.
 */
export interface Telemetry {
  readonly logger: Logger;
  /** Adds to a metric of the current invocation. */
  count(name: MetricName, value?: number): void;
  milliseconds(name: TimeName, value: number): void;
  /** Makes each request of a client of the AWS SDK a part of the trace. */
  trace(client: object): void;
  /** Runs one invocation: its id in every line, one X-Ray subsegment, its metrics published at the end. */
  invocation<T>(context: InvocationContext, name: string, work: () => Promise<T>): Promise<T>;
}

export type MetricName =
  | 'Requests'
  | 'ServerErrors'
  | 'Indexed'
  | 'Unchanged'
  | 'Removed'
  | 'Rejected'
  | 'Retried'
  | 'NotStarted';
export type TimeName = 'RequestTime' | 'TextEmbeddingTime' | 'ImageEmbeddingTime' | 'IndexTime';

const LEVELS: Readonly<Record<number, 'debug' | 'info' | 'warn' | 'error' | 'critical'>> = {
  10: 'debug',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'critical',
};

/** Service name and namespace come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE, which powertools reads. */
export function createTelemetry(options: { logLevel: string }): Telemetry {
  const sink = new PowertoolsLogger({ logLevel: 'DEBUG' });
  const metrics = new PowertoolsMetrics();
  const tracer = new Tracer();
  // While the process starts there is no trace yet; the SDK would print an error for every request to Qdrant.
  tracer.provider.setContextMissingStrategy('IGNORE_ERROR');
  const logger = pino(
    { level: options.logLevel, base: null, timestamp: false },
    {
      write(line: string) {
        const { level, msg, ...fields } = JSON.parse(line) as { level: number; msg?: string };
        sink[LEVELS[level] ?? 'info'](msg ?? '', fields);
      },
    },
  );

  return {
    logger,
    count: (name, value = 1) => void metrics.addMetric(name, MetricUnit.Count, value),
    milliseconds: (name, value) => void metrics.addMetric(name, MetricUnit.Milliseconds, value),
    trace: (client) => void tracer.captureAWSv3Client(client),
    async invocation(context, name, work) {
      sink.addContext(context as Context);
      metrics.captureColdStartMetric(context.functionName);
      try {
        return await traced(tracer, name, work);
      } finally {
        if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
      }
    },
  };
}

/** A subsegment around the work; without X-Ray just the work. */
async function traced<T>(tracer: Tracer, name: string, work: () => Promise<T>): Promise<T> {
  const parent = tracer.isTracingEnabled() ? tracer.getSegment() : undefined;
  if (parent === undefined) return work();
  const segment = parent.addNewSubsegment(name);
  tracer.setSegment(segment);
  tracer.annotateColdStart();
  tracer.addServiceNameAnnotation();
  try {
    return await work();
  } catch (error) {
    tracer.addErrorAsMetadata(error as Error);
    throw error;
  } finally {
    segment.close();
    tracer.setSegment(parent);
  }
}
