import type { Context } from 'aws-lambda';
import pino, { type Logger } from 'pino';

/** Without the callbacks that Node 24 no longer has. */
export type InvocationContext = Omit<Context, 'done' | 'fail' | 'succeed'>;

/**
 * Logs and metrics for CloudWatch: JSON lines with Lambda's request id, and one line per invocation with metrics in the
 * embedded metric format.
 */
export interface Telemetry {
  readonly logger: Logger;
  /** Adds to a metric of the current invocation. */
  count(name: CountName, value?: number): void;
  /** Adds a measurement to a metric of the current invocation, in milliseconds. */
  milliseconds(name: TimeName, value: number): void;
  /** Runs one invocation: every line has its id, and its metrics are written at the end. */
  invocation<T>(context: InvocationContext, work: () => Promise<T>): Promise<T>;
}

export type CountName =
  | 'ColdStart'
  | 'Requests'
  | 'ServerErrors'
  | 'Indexed'
  | 'Unchanged'
  | 'Removed'
  | 'Rejected'
  | 'Retried'
  | 'NotStarted';
export type TimeName = 'RequestTime' | 'TextEmbeddingTime' | 'ImageEmbeddingTime' | 'IndexTime';

/**
 * Maximum measurements of one metric per line (CloudWatch, "Embedded metric format specification").
 */
const MOST_VALUES = 100;

/** Namespace of the metrics of all stages; `service` distinguishes the stages. */
const NAMESPACE = 'Sightline';

/**
 * Writes to standard output. Lambda filters lines by their `level` and `timestamp` (Lambda, "Log level filtering").
 *
 * @param options.level Least severe level that is logged.
 * @param options.service Names the deployment in lines and metrics.
 */
export function createTelemetry({ level, service }: { level: string; service: string }): Telemetry {
  const output = pino.destination({ dest: 1, sync: true });
  let invocation: { readonly awsRequestId: string } | undefined;
  const logger = pino(
    {
      level,
      base: { service },
      messageKey: 'message',
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      mixin: () => invocation ?? {},
    },
    output,
  );

  const counts = new Map<CountName, number>();
  const times = new Map<TimeName, number[]>();
  const publish = () => {
    if (counts.size + times.size === 0) return;
    const metrics = (names: Iterable<string>, Unit: string) => [...names].map((Name) => ({ Name, Unit }));
    const Metrics = [...metrics(counts.keys(), 'Count'), ...metrics(times.keys(), 'Milliseconds')];
    const line = {
      _aws: {
        Timestamp: Date.now(),
        CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [['service']], Metrics }],
      },
      service,
      ...Object.fromEntries(counts),
      ...Object.fromEntries(times),
    };
    output.write(`${JSON.stringify(line)}\n`);
    counts.clear();
    times.clear();
  };

  let isCold = true;
  const count = (name: CountName, value = 1) => void counts.set(name, (counts.get(name) ?? 0) + value);
  return {
    logger,
    count,
    milliseconds(name, value) {
      const values = times.get(name) ?? [];
      times.set(name, [...values, value]);
      if (values.length + 1 === MOST_VALUES) publish();
    },
    async invocation({ awsRequestId }, work) {
      invocation = { awsRequestId };
      if (isCold) count('ColdStart');
      isCold = false;
      try {
        return await work();
      } finally {
        publish();
      }
    },
  };
}
