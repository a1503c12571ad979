import path from 'node:path';
import { z } from 'zod';

/**
 * What can be chosen when the stack is deployed, each by the environment variable in brackets. Secrets are not here:
 * they are set with `sst secret set` (infra/secrets.ts).
 */
const schema = z.strictObject({
  stage: z.string(),
  /** Models the functions carry [SIGHTLINE_PROFILE]. */
  profile: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('compact'),
  /** Memory of each function in MB [SIGHTLINE_API_MEMORY, SIGHTLINE_INGEST_MEMORY]. 1,769 MB is one whole core. */
  apiMemoryMb: z.coerce.number().int().min(512).max(10_240).default(1769),
  ingestMemoryMb: z.coerce.number().int().min(512).max(10_240).default(1769),
  /** Longest run of each function [SIGHTLINE_API_TIMEOUT, SIGHTLINE_INGEST_TIMEOUT]. */
  apiTimeoutSeconds: z.coerce.number().int().min(5).max(900).default(30),
  ingestTimeoutSeconds: z.coerce.number().int().min(10).max(900).default(60),
  /** Ingest functions at work at the same time [SIGHTLINE_INGEST_CONCURRENCY]. AWS allows 2 to 1,000. */
  ingestConcurrency: z.coerce.number().int().min(2).max(1000).default(10),
  /** SQS messages handed to one run [SIGHTLINE_INGEST_BATCH]. */
  ingestBatch: z.coerce.number().int().min(1).max(10).default(10),
  /** Deliveries of a message before it is put aside in the dead letter queue [SIGHTLINE_MAX_RECEIVES]. */
  maxReceives: z.coerce.number().int().min(2).max(1000).default(10),
  /** How Qdrant searches, and how it keeps the collection when it makes it [SIGHTLINE_QDRANT_SEARCH, ..._SHARDS, ..._REPLICAS]. */
  qdrantSearch: z.enum(['exact', 'graph']).default('exact'),
  qdrantShards: z.coerce.number().int().min(1).max(1000).default(1),
  qdrantReplicas: z.coerce.number().int().min(1).max(100).default(1),
  /** Key prefixes whose objects are indexed, comma separated; none means all [SIGHTLINE_PREFIXES]. */
  prefixes: z
    .array(z.string().min(1))
    .max(50)
    .refine((all) => all.every((one, i) => !all.some((other, j) => i !== j && one.startsWith(other))), {
      error: 'expected prefixes of which none begins with another: S3 refuses notifications that overlap',
    })
    .default([]),
  /** Existing buckets that may be read and indexed, comma separated [SIGHTLINE_READ_BUCKETS]. */
  readBuckets: z.array(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)).default([]),
  /** ARNs of the KMS keys that those buckets are encrypted with, comma separated [SIGHTLINE_READ_KEYS]. */
  readKeys: z
    .array(z.string().regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, 'expected the ARN of a KMS key'))
    .default([]),
  /** Origins whose pages may call the API and upload to the bucket, comma separated [SIGHTLINE_CORS_ORIGINS]. */
  corsOrigins: z.array(z.url()).default([]),
  /** Domain served through CloudFront; none means the function's own URL [SIGHTLINE_DOMAIN]. */
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'expected a name such as pictures.example.com')
    .optional(),
  /** Address that alarms are sent to [SIGHTLINE_ALARM_EMAIL]. */
  alarmEmail: z.email().optional(),
  /** Least severe level that the functions log and Lambda lets through, in any case of letters [LOG_LEVEL]. */
  logLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']))
    .default('info'),
  /** How long logs are kept [SIGHTLINE_LOG_RETENTION]. */
  logRetention: z.enum(['1 day', '1 week', '1 month', '3 months', '1 year']).default('1 month'),
  /** Folder with the built functions, `api` and `ingest` [SIGHTLINE_ARTIFACTS]; `npm run build:lambda` fills it. */
  artifacts: z.string().min(1).default(path.join('dist', 'lambda')),
});

export type Settings = Readonly<z.infer<typeof schema>>;

/** Parses the settings of one deployment. Throws with every variable that does not fit. */
export function readSettings(stage: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const text = (name: string) => (env[name]?.trim() ? env[name].trim() : undefined);
  const list = (name: string) =>
    text(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const parsed = schema.safeParse({
    stage,
    profile: text('SIGHTLINE_PROFILE'),
    apiMemoryMb: text('SIGHTLINE_API_MEMORY'),
    ingestMemoryMb: text('SIGHTLINE_INGEST_MEMORY'),
    apiTimeoutSeconds: text('SIGHTLINE_API_TIMEOUT'),
    ingestTimeoutSeconds: text('SIGHTLINE_INGEST_TIMEOUT'),
    ingestConcurrency: text('SIGHTLINE_INGEST_CONCURRENCY'),
    ingestBatch: text('SIGHTLINE_INGEST_BATCH'),
    maxReceives: text('SIGHTLINE_MAX_RECEIVES'),
    qdrantSearch: text('SIGHTLINE_QDRANT_SEARCH'),
    qdrantShards: text('SIGHTLINE_QDRANT_SHARDS'),
    qdrantReplicas: text('SIGHTLINE_QDRANT_REPLICAS'),
    prefixes: list('SIGHTLINE_PREFIXES'),
    readBuckets: list('SIGHTLINE_READ_BUCKETS'),
    readKeys: list('SIGHTLINE_READ_KEYS'),
    corsOrigins: list('SIGHTLINE_CORS_ORIGINS'),
    domain: text('SIGHTLINE_DOMAIN'),
    alarmEmail: text('SIGHTLINE_ALARM_EMAIL'),
    logLevel: text('LOG_LEVEL'),
    logRetention: text('SIGHTLINE_LOG_RETENTION'),
    artifacts: text('SIGHTLINE_ARTIFACTS'),
  });
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the settings of stage "${stage}" do not fit: ${problems.join('; ')}`);
  }
  return parsed.data;
}

/** Stage that keeps its data when the stack is removed. */
export function isProduction(settings: Settings): boolean {
  return settings.stage === 'production';
}
