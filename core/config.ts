import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { SightlineError } from './errors.ts';

/**
 * Everything that can be configured, parsed once by the composition root and frozen. Each field says its default and
 * bounds; the environment variable in brackets is read by server/runtime.ts only.
 */
const schema = z.strictObject({
  /** Address to listen on [HOST]. Anything but loopback closes the write routes to callers without an API key. */
  host: z.string().min(1).default('127.0.0.1'),
  /** TCP port [PORT], 0 for any free one. */
  port: z.coerce.number().int().min(0).max(65535).default(8787),
  /** Folder of pictures, watched while the server runs [SIGHTLINE_PHOTOS]. Made, with the samples, when not named. */
  photos: z.string().min(1).optional(),
  /** Folder for the index and caches [SIGHTLINE_DATA]. */
  data: z.string().min(1),
  /** S3 bucket to serve instead of a folder, as s3://name [SIGHTLINE_BUCKET]. Credentials come from the usual places of AWS. */
  bucket: z
    .string()
    .transform((value) => value.replace(/^s3:\/\//, '').replace(/\/$/, ''))
    .refine(
      (name) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name),
      'expected the name of an S3 bucket, as s3://name',
    )
    .optional(),
  /** An S3-compatible server instead of AWS [S3_ENDPOINT]. */
  s3Endpoint: z.url().optional(),
  /** SQS queue that the bucket announces its changes to [SIGHTLINE_QUEUE_URL]. */
  queueUrl: z.url().optional(),
  /** Qdrant server to keep the vectors in, instead of a file [QDRANT_URL]. */
  qdrantUrl: z.url().optional(),
  /** Its API key [QDRANT_API_KEY]. */
  qdrantApiKey: z.string().min(1).optional(),
  /** Every vector is looked at, or the HNSW graph, which may miss some [SIGHTLINE_QDRANT_SEARCH]. */
  qdrantSearch: z.enum(['exact', 'graph']).default('exact'),
  /** Shards of a collection, when it has to be made [SIGHTLINE_QDRANT_SHARDS]. */
  qdrantShards: z.coerce.number().int().min(1).max(1000).default(1),
  /** Copies of each shard, when a collection has to be made [SIGHTLINE_QDRANT_REPLICAS]. */
  qdrantReplicas: z.coerce.number().int().min(1).max(100).default(1),
  /** Folders with encoders and heads, searched in order; further ones from [SIGHTLINE_EXTRA_MODELS], split at the path delimiter. */
  modelDirs: z.array(z.string().min(1)).min(1),
  /** Profile in models/manifest.json [SIGHTLINE_PROFILE]. For a new index the manifest's default, else that of the index. */
  profile: z.string().min(1).optional(),
  /** Folder of the head, instead of the profile's own [SIGHTLINE_HEAD]. */
  head: z.string().min(1).optional(),
  /** Pictures indexed at the same time [SIGHTLINE_CONCURRENCY]. */
  concurrency: z.coerce.number().int().min(1).max(64).default(Math.max(2, availableParallelism())),
  /** Largest picture that is read [SIGHTLINE_MAX_IMAGE_BYTES]. */
  maxImageBytes: z.coerce
    .number()
    .int()
    .min(1024)
    .max(1024 ** 3)
    .default(50 * 1024 ** 2),
  /** Largest picture that is decoded, width x height [SIGHTLINE_MAX_IMAGE_PIXELS]. */
  maxImagePixels: z.coerce.number().int().min(1).max(1_000_000_000).default(100_000_000),
  /** SHA-256 hashes (hex) of the API keys that may write, comma separated [SIGHTLINE_API_KEYS]. */
  apiKeyHashes: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 hash as 64 lower-case hex digits'))
    .default([]),
  /** Origins whose pages may call the API, comma separated [SIGHTLINE_CORS_ORIGINS]. None by default. */
  corsOrigins: z.array(z.url()).default([]),
  /** Host names the server answers to beside its own address, comma separated [SIGHTLINE_ALLOWED_HOSTS]. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Requests a minute and caller [SIGHTLINE_RATE_LIMIT]; 0 switches the limit off. */
  requestsPerMinute: z.coerce.number().int().min(0).max(1_000_000).default(6000),
  /** Least severe level that is logged [LOG_LEVEL]. */
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type Config = Readonly<z.infer<typeof schema>>;
export type ConfigInput = z.input<typeof schema>;

/** What came, as the end of a message; secrets stay out of it. */
function shown(field: keyof ConfigInput, value: unknown): string {
  const isSecret = field === 'qdrantApiKey' || field === 'apiKeyHashes';
  return isSecret || value === undefined ? '' : ` (got ${JSON.stringify(value)})`;
}

/** Checks and completes a configuration. Throws `invalid-config` naming every field that does not fit. */
export function parseConfig(input: ConfigInput): Config {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const [field, ...rest] = issue.path as (keyof ConfigInput)[];
      if (field === undefined) return `configuration: ${issue.message}`;
      return `${[field, ...rest].join('.')}: ${issue.message}${shown(field, input[field])}`;
    });
    throw new SightlineError('invalid-config', `the configuration does not fit: ${problems.join('; ')}`);
  }
  return Object.freeze(parsed.data);
}
