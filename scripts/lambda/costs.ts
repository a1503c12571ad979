/**
 * List prices in US dollars, us-east-1, on demand, without the free tier, as published in 2025. Other regions are up to
 * a third dearer. Sources: the pricing pages of AWS Lambda (arm64), Amazon SQS (standard), Amazon S3 (standard class),
 * CloudWatch Logs.
 */
const PRICES = {
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2 / 1e6,
  sqsRequest: 0.4 / 1e6,
  s3Get: 0.0004 / 1000,
  s3List: 0.005 / 1000,
  logGb: 0.5,
} as const;

export interface Workload {
  readonly pictures: number;
  readonly messages: number;
  /** Of one picture from its event to the index, on one core. */
  readonly secondsAPicture: number;
  readonly memoryGb: number;
}

/** What indexing costs, by part. One read and one look of S3 a picture, a log line of 400 bytes. */
export function indexingCost({ pictures, messages, secondsAPicture, memoryGb }: Workload): Record<string, number> {
  const runs = Math.ceil(messages / 10);
  return {
    'Lambda time': pictures * secondsAPicture * memoryGb * PRICES.lambdaGbSecond,
    'Lambda requests': runs * PRICES.lambdaRequest,
    // Sent, received and deleted in batches of ten.
    SQS: ((3 * messages) / 10) * PRICES.sqsRequest,
    'S3 requests': pictures * 2 * PRICES.s3Get + Math.ceil(pictures / 1000) * PRICES.s3List,
    Logs: ((pictures * 400) / 1e9) * PRICES.logGb,
  };
}
