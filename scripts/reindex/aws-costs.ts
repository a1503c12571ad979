/**
 * List prices in US dollars, us-east-1, on demand, without the free tier, as published in November 2025. Other regions
 * are up to a third dearer. Sources: the pricing pages of AWS Lambda (arm64; x64 costs a quarter more a second), Amazon
 * SQS (standard), Amazon S3 (standard class), Amazon CloudWatch (logs, custom metrics, alarms).
 */
const PRICES = {
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2 / 1e6,
  /** Traffic to the internet, first 10 TB a month. */
  trafficGb: 0.09,
  sqsRequest: 0.4 / 1e6,
  s3Get: 0.0004 / 1000,
  s3List: 0.005 / 1000,
  s3Put: 0.005 / 1000,
  s3GbMonth: 0.023,
  logGb: 0.5,
  alarmMonth: 0.1,
  dashboardMonth: 3,
  metricMonth: 0.3,
} as const;

/** Log volume of a run: about 900 bytes of Lambda's own lines, plus ours with metrics. */
const LOG_BYTES = 1700;

/** Costs by part, in US dollars. */
export type Costs = Readonly<Record<string, number>>;

export interface Workload {
  readonly pictures: number;
  readonly messages: number;
  /** Messages handled together, up to 10; 1 when pictures come one by one. */
  readonly batch: number;
  /** Seconds per picture from event to index, on one core. */
  readonly secondsAPicture: number;
  readonly memoryGb: number;
}

/** S3 reads per picture: the picture, a vanished one with its bytes, its failure and its dismissal. */
const READS = 4;

/** Cost of indexing. Pictures of a run in one folder share a list of their sidecars. */
export function indexingCost({ pictures, messages, batch, secondsAPicture, memoryGb }: Workload): Costs {
  const runs = Math.ceil(messages / batch);
  return {
    'Lambda time': pictures * secondsAPicture * memoryGb * PRICES.lambdaGbSecond,
    'Lambda requests': runs * PRICES.lambdaRequest,
    // Sent, received and deleted.
    SQS: 3 * runs * PRICES.sqsRequest,
    'S3 requests': pictures * (READS * PRICES.s3Get + PRICES.s3List / batch) + (pictures / 1000) * PRICES.s3List,
    Logs: logs(runs),
  };
}

export function queryCost(work: { queries: number; secondsAQuery: number; memoryGb: number }): Costs {
  const { queries, secondsAQuery, memoryGb } = work;
  return {
    'Lambda time': queries * secondsAQuery * memoryGb * PRICES.lambdaGbSecond,
    'Lambda requests': queries * PRICES.lambdaRequest,
    Logs: logs(queries),
  };
}

/** Runs a second that Lambda allows per function copy ("Lambda quotas": ten times the concurrency). */
const RUNS_A_SECOND = 10;
/** GB that the function URL sends at full speed; the rest goes at 2 MB/s (Lambda, "Response streaming"). */
const FAST_ANSWER_GB = 0.006;

/**
 * Highest cost of a day that strangers can cause: all API copies busy, each with as many runs as Lambda allows.
 * `Traffic` only applies where they may read pictures, each as large as Lambda sends at full speed.
 */
export function attackCost({ concurrency, memoryGb }: { concurrency: number; memoryGb: number }): Costs {
  const seconds = concurrency * 24 * 3600;
  const runs = seconds * RUNS_A_SECOND;
  return {
    'Lambda time': seconds * memoryGb * PRICES.lambdaGbSecond,
    'Lambda requests': runs * PRICES.lambdaRequest,
    Logs: logs(runs),
    'S3 requests': runs * 2 * PRICES.s3Get,
    Traffic: runs * FAST_ANSWER_GB * PRICES.trafficGb,
  };
}

/**
 * Cost of an idle month: alarms, a dashboard, and Lambda's five pollers, each polling every 20 s (Lambda, "Using SQS").
 */
export function idleCost({ alarms, dashboards }: { alarms: number; dashboards: number }): Costs {
  return {
    Alarms: alarms * PRICES.alarmMonth,
    Dashboards: dashboards * PRICES.dashboardMonth,
    SQS: ((5 * 30 * 24 * 3600) / 20) * PRICES.sqsRequest,
  };
}

/** Cost of metrics for a month, if each is used in every hour; CloudWatch bills used hours only. */
export function metricsCost(metrics: number): number {
  return metrics * PRICES.metricMonth;
}

export function putCost(pictures: number): number {
  return pictures * PRICES.s3Put;
}

export function storageCost(gbMonths: number): number {
  return gbMonths * PRICES.s3GbMonth;
}

export function sumOf(costs: Costs): number {
  return Object.values(costs).reduce((sum, part) => sum + part, 0);
}

function logs(runs: number): number {
  return ((runs * LOG_BYTES) / 1e9) * PRICES.logGb;
}
