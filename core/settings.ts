import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { delimiter } from 'node:path';
import { SightlineError } from './errors.ts';
import {
  bytes,
  choice,
  decimal,
  Expected,
  many,
  nearest,
  type Option,
  path,
  readOption,
  text,
  toggle,
  url,
  whole,
} from './setting-value.ts';

/**
 * All settings. Each entry is read from the environment, can be a flag of commands, and is listed in README.md and
 * docs/configuration.md (`npm run docs`).
 */

/** Where a setting is read: by a process on one machine, by the Lambda functions, or by the stack on deployment. */
export type Reader = 'server' | 'functions' | 'stack';

export interface Setting<T, R extends Reader = Reader> extends Option<T> {
  /** Environment variable. */
  readonly env: string;
  /** Flag of the commands that take it, without dashes. */
  readonly flag?: string;
  readonly readers: readonly R[];
}

function setting<T, const R extends Reader>(
  names: { readonly env: string; readonly flag?: string; readonly readers: readonly R[] },
  option: Option<T>,
): Setting<T, R> {
  return { ...option, ...names };
}

const SERVER = ['server'] as const;
const RUNTIMES = ['server', 'functions'] as const;
const AWS = ['functions', 'stack'] as const;
const STACK = ['stack'] as const;
const ALL = ['server', 'functions', 'stack'] as const;

export const BUCKET = {
  pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  expected:
    'the name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit ' +
    'at both ends',
};
const KMS_KEY = { pattern: /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, expected: 'the ARN of a KMS key' };

export const SETTINGS = {
  photos: setting(
    { env: 'SIGHTLINE_PHOTOS', flag: 'photos', readers: SERVER },
    many(path({ text: 'folder of pictures to index and watch', shown: 'data/photos, with 23 samples' }), {
      separator: delimiter,
    }),
  ),
  data: setting(
    { env: 'SIGHTLINE_DATA', flag: 'data', readers: RUNTIMES },
    path({
      text: 'folder for the index and caches',
      shown: "data in a clone, otherwise the user's data folder",
    }),
  ),
  port: setting(
    { env: 'PORT', flag: 'port', readers: SERVER },
    whole({ max: 65535, default: 8787, text: 'TCP port; 0 picks a free one' }),
  ),
  host: setting(
    { env: 'HOST', flag: 'host', readers: RUNTIMES },
    address({
      text: 'address to listen on; beyond loopback, writing needs an API key',
      default: '127.0.0.1',
    }),
  ),
  bucket: setting(
    { env: 'SIGHTLINE_BUCKET', flag: 'bucket', readers: RUNTIMES },
    bucketName({ text: 'S3 bucket to serve instead of a folder; AWS credentials are found the usual way' }),
  ),
  s3Endpoint: setting(
    { env: 'S3_ENDPOINT', readers: RUNTIMES },
    url({ text: 'S3-compatible server to use instead of AWS' }),
  ),
  queueUrl: setting(
    { env: 'SIGHTLINE_QUEUE_URL', flag: 'queue', readers: RUNTIMES },
    url({ text: 'SQS queue that receives the change events of the bucket' }),
  ),
  qdrantUrl: setting(
    { env: 'QDRANT_URL', flag: 'qdrant', readers: SERVER },
    url({ text: 'Qdrant server for the vectors instead of a local file; the default port is 6333' }),
  ),
  qdrantApiKey: setting(
    { env: 'QDRANT_API_KEY', readers: SERVER },
    text({ text: 'API key of the Qdrant server', secret: true }),
  ),
  qdrantSearch: setting(
    { env: 'SIGHTLINE_QDRANT_SEARCH', readers: ALL },
    choice(['auto', 'exact', 'graph'], {
      text: '`exact` compares every vector, `graph` uses HNSW and may miss some, `auto` goes by the number of points',
      default: 'auto',
    }),
  ),
  qdrantExactBelow: setting(
    { env: 'SIGHTLINE_QDRANT_EXACT_BELOW', readers: ALL },
    whole({ default: 300_000, text: 'number of points from which `auto` uses the graph' }),
  ),
  qdrantEf: setting(
    { env: 'SIGHTLINE_QDRANT_EF', readers: ALL },
    whole({ min: 1, max: 10_000, default: 128, text: 'HNSW candidates per search; more of them find more' }),
  ),
  qdrantM: setting(
    { env: 'SIGHTLINE_QDRANT_M', readers: ALL },
    whole({ max: 512, default: 16, text: 'HNSW edges per node; 0 builds no graph; new collections only' }),
  ),
  qdrantQuantization: setting(
    { env: 'SIGHTLINE_QDRANT_QUANTIZATION', readers: ALL },
    choice(['none', 'int8'], {
      text: 'search int8 copies of the vectors first; new collections only',
      default: 'none',
    }),
  ),
  qdrantOnDisk: setting(
    { env: 'SIGHTLINE_QDRANT_ON_DISK', readers: ALL },
    choice(['none', 'vectors', 'all'], {
      text: 'what stays on disk instead of in memory; `all` includes graph and indexes; new collections only',
      default: 'none',
    }),
  ),
  qdrantShards: setting(
    { env: 'SIGHTLINE_QDRANT_SHARDS', readers: ALL },
    whole({ min: 1, max: 1000, default: 1, text: 'shards per collection; new collections only' }),
  ),
  qdrantReplicas: setting(
    { env: 'SIGHTLINE_QDRANT_REPLICAS', readers: ALL },
    whole({ min: 1, max: 100, default: 1, text: 'copies of each shard; new collections only' }),
  ),
  tombstoneDays: setting(
    { env: 'SIGHTLINE_TOMBSTONE_DAYS', readers: ALL },
    whole({
      min: 1,
      max: 3650,
      default: 30,
      text: 'days to remember a deletion, so that a delayed event cannot undo it',
    }),
  ),
  profile: setting(
    { env: 'SIGHTLINE_PROFILE', flag: 'profile', readers: ALL },
    text({
      unit: 'NAME',
      pattern: /^[a-z0-9-]+$/,
      expected: 'the name of a profile in models/manifest.json',
      text: 'models to use: a profile from models/manifest.json',
      shown: 'that of the index, or compact',
    }),
  ),
  head: setting(
    { env: 'SIGHTLINE_HEAD', readers: SERVER },
    path({ text: 'folder of the trained head', shown: 'that of the profile' }),
  ),
  extraModels: setting(
    { env: 'SIGHTLINE_EXTRA_MODELS', readers: RUNTIMES },
    many(path({ text: 'more folders with models' }), { separator: delimiter }),
  ),
  apiKeyHashes: setting(
    { env: 'SIGHTLINE_API_KEYS', readers: RUNTIMES },
    many(
      text({
        unit: 'HASHES',
        secret: true,
        pattern: /^((read|write):)?[0-9a-f]{64}$/,
        expected: 'a SHA-256 hash as 64 lower-case hex digits, with read: or write: in front or not',
        text:
          'SHA-256 hashes of API keys, made by `npm run key`: `read:HASH` or `write:HASH`; a bare `HASH` may ' +
          'read and write',
      }),
    ),
  ),
  requireKey: setting(
    { env: 'SIGHTLINE_REQUIRE_KEY', readers: ALL },
    choice(['write', 'read'], {
      text: 'what needs an API key: only writing, or also reading; on loopback nothing does until there are keys',
      default: 'write',
    }),
  ),
  trustedProxies: setting(
    { env: 'SIGHTLINE_TRUSTED_PROXIES', readers: RUNTIMES },
    many(
      text({
        unit: 'NETWORKS',
        pattern: /^[0-9a-f.:]+\/\d{1,3}$/i,
        expected: 'a network such as 10.0.0.0/8',
        text: 'proxy networks whose forwarded headers are trusted (caller, scheme, host, path prefix)',
      }),
    ),
  ),
  basePath: setting(
    { env: 'SIGHTLINE_BASE_PATH', readers: RUNTIMES },
    text({
      unit: 'PATH',
      pattern: /^(\/[\w.~-]+)+$/,
      expected: 'a path such as /photos',
      text: 'path prefix of all URLs behind a proxy, even if the proxy strips it',
    }),
  ),
  readOnly: setting(
    { env: 'SIGHTLINE_READ_ONLY', flag: 'read-only', readers: ALL },
    toggle({ text: 'never change picture folders or buckets: no uploads, no deletions' }),
  ),
  trashDays: setting(
    { env: 'SIGHTLINE_TRASH_DAYS', readers: ALL },
    whole({ min: 1, max: 3650, default: 30, text: 'days that deleted pictures stay in the trash' }),
  ),
  requesterPays: setting(
    { env: 'SIGHTLINE_REQUESTER_PAYS', readers: ALL },
    toggle({ text: 'pay for requests to requester-pays buckets' }),
  ),
  corsOrigins: setting(
    { env: 'SIGHTLINE_CORS_ORIGINS', readers: ALL },
    many(url({ unit: 'URLS', text: 'other origins whose pages may call the API' })),
  ),
  allowedHosts: setting(
    { env: 'SIGHTLINE_ALLOWED_HOSTS', readers: RUNTIMES },
    many(text({ unit: 'NAMES', text: 'host names that the server answers to, besides its own address' })),
  ),
  requestsPerMinute: setting(
    { env: 'SIGHTLINE_RATE_LIMIT', readers: ALL },
    whole({ max: 1_000_000, default: 6000, text: 'requests per minute and caller; 0 means no limit' }),
  ),
  ignore: setting(
    { env: 'SIGHTLINE_IGNORE', flag: 'ignore', readers: SERVER },
    many(text({ unit: 'PATTERNS', text: 'files and folders to skip: .gitignore patterns, comma-separated' })),
  ),
  sidecars: setting(
    { env: 'SIGHTLINE_SIDECARS', readers: AWS },
    choice(['on', 'off'], {
      text: 'read sidecar files (.xmp, Google Takeout .json); costs one S3 LIST request per folder and run',
      default: 'on',
    }),
  ),
  vanishedHours: setting(
    { env: 'SIGHTLINE_VANISHED_HOURS', readers: ALL },
    whole({
      max: 24 * 365,
      default: 24,
      text: 'hours to keep the tags of a vanished picture, in case it comes back under another name',
    }),
  ),
  maxImageBytes: setting(
    { env: 'SIGHTLINE_MAX_IMAGE_BYTES', readers: ALL },
    bytes({
      min: 1024,
      max: 1024 ** 3,
      default: 50 * 1024 ** 2,
      shown: '50MiB',
      text: 'larger files are rejected unread',
    }),
  ),
  maxImagePixels: setting(
    { env: 'SIGHTLINE_MAX_IMAGE_PIXELS', readers: ALL },
    whole({
      min: 1,
      max: 1_000_000_000,
      default: 100_000_000,
      text: 'pictures with more pixels (width x height) are rejected undecoded',
    }),
  ),
  damaged: setting(
    { env: 'SIGHTLINE_DAMAGED', readers: ALL },
    choice(['refuse', 'draw'], {
      default: 'refuse',
      text: '`draw` indexes damaged and truncated files by what they still show',
    }),
  ),
  concurrency: setting(
    { env: 'SIGHTLINE_CONCURRENCY', flag: 'concurrency', readers: RUNTIMES },
    whole({
      min: 1,
      max: 64,
      default: Math.max(2, availableParallelism()),
      shown: 'CPU cores, at least 2',
      text: 'pictures to process at the same time',
    }),
  ),
  logLevel: setting(
    { env: 'LOG_LEVEL', readers: ALL },
    choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      text: 'lowest level that is logged',
      default: 'info',
      shown: 'info; warn in a terminal',
    }),
  ),
  hubEndpoint: setting(
    { env: 'HF_ENDPOINT', readers: SERVER },
    url({ text: 'server to download models and data sets from', default: 'https://huggingface.co' }),
  ),
  hubToken: setting(
    { env: 'HF_TOKEN', readers: SERVER },
    text({ unit: 'TOKEN', secret: true, text: 'access token for gated models and data sets' }),
  ),
  prefixes: setting(
    { env: 'SIGHTLINE_PREFIXES', readers: AWS },
    many(text({ unit: 'PREFIXES', text: 'key prefixes to index; none may begin with another', shown: 'all' }), {
      check: apart,
    }),
  ),
  readBuckets: setting(
    { env: 'SIGHTLINE_READ_BUCKETS', readers: AWS },
    many(
      text({
        ...BUCKET,
        unit: 'NAMES',
        text: 'existing buckets to index, read-only',
      }),
    ),
  ),
  stateBucket: setting(
    { env: 'SIGHTLINE_STATE_BUCKET', readers: ['functions'] },
    bucketName({ text: 'bucket for the state of the functions' }),
  ),
  maxReceives: setting(
    { env: 'SIGHTLINE_MAX_RECEIVES', readers: AWS },
    whole({
      min: 2,
      max: 1000,
      default: 10,
      text: 'delivery attempts before a message goes to the dead-letter queue',
    }),
  ),
  requestTimeoutMs: setting(
    { env: 'SIGHTLINE_REQUEST_TIMEOUT_MS', readers: ['functions'] },
    whole({ min: 1, default: 25_000, text: 'milliseconds before an unanswered request gets 503' }),
  ),
  apiMemoryMb: setting({ env: 'SIGHTLINE_API_MEMORY', readers: STACK }, memory('api')),
  ingestMemoryMb: setting({ env: 'SIGHTLINE_INGEST_MEMORY', readers: STACK }, memory('ingest')),
  apiTimeoutSeconds: setting(
    { env: 'SIGHTLINE_API_TIMEOUT', readers: STACK },
    whole({ min: 5, max: 900, default: 30, text: 'timeout of the api function in seconds' }),
  ),
  ingestTimeoutSeconds: setting(
    { env: 'SIGHTLINE_INGEST_TIMEOUT', readers: STACK },
    whole({ min: 10, max: 900, default: 60, text: 'timeout of the ingest function in seconds' }),
  ),
  ingestConcurrency: setting(
    { env: 'SIGHTLINE_INGEST_CONCURRENCY', readers: STACK },
    whole({ min: 2, max: 1000, default: 10, text: 'ingest functions that may run at the same time' }),
  ),
  ingestBatch: setting(
    { env: 'SIGHTLINE_INGEST_BATCH', readers: STACK },
    whole({ min: 1, max: 10, default: 10, text: 'SQS messages per invocation' }),
  ),
  readBucketKeys: setting(
    { env: 'SIGHTLINE_READ_BUCKET_KEYS', readers: STACK },
    many(text({ ...KMS_KEY, unit: 'ARNS', text: 'KMS keys of the buckets in `SIGHTLINE_READ_BUCKETS`' })),
  ),
  bucketKey: setting(
    { env: 'SIGHTLINE_BUCKET_KEY', readers: STACK },
    text({
      ...KMS_KEY,
      unit: 'ARN',
      text: "KMS key for the stack's buckets; its key policy must delegate to the account's IAM policies",
      shown: "S3's own key",
    }),
  ),
  arch: setting(
    { env: 'SIGHTLINE_ARCH', flag: 'arch', readers: ['server', 'stack'] },
    choice(['arm64', 'x64'], { text: 'processor architecture of the Lambda functions', default: 'arm64' }),
  ),
  urlAuth: setting(
    { env: 'SIGHTLINE_URL_AUTH', readers: STACK },
    choice(['none', 'iam'], {
      text: 'access to the function URL: `none` is public, `iam` takes signed requests from authorized principals',
      default: 'none',
    }),
  ),
  apiConcurrency: setting(
    { env: 'SIGHTLINE_API_CONCURRENCY', readers: STACK },
    whole({
      min: 1,
      max: 10_000,
      shown: "the account's limit",
      text:
        'api functions that may run at the same time; AWS reserves 100 for everything else, so new accounts ' +
        'need a quota increase first',
    }),
  ),
  monthlyBudget: setting(
    { env: 'SIGHTLINE_MONTHLY_BUDGET', readers: STACK },
    decimal({
      above: 0,
      unit: 'USD',
      text: 'monthly budget in USD for the whole AWS account; mail at 50 %, at 100 % and when the forecast exceeds it',
    }),
  ),
  firewallRate: setting(
    { env: 'SIGHTLINE_FIREWALL_RATE', readers: STACK },
    whole({
      min: 10,
      max: 2_000_000_000,
      text: 'requests per IP address in 5 minutes before AWS WAF blocks it; needs a domain',
    }),
  ),
  dashboard: setting(
    { env: 'SIGHTLINE_DASHBOARD', readers: STACK },
    choice(['on', 'off'], { text: 'CloudWatch dashboard for the stage', default: 'on' }),
  ),
  originKeyHash: setting(
    { env: 'SIGHTLINE_ORIGIN_KEY_HASH', readers: ['functions'] },
    text({
      unit: 'HASH',
      pattern: /^[0-9a-f]{64}$/,
      expected: 'a SHA-256 hash as 64 lower-case hex digits',
      text: 'hash of the secret header that CloudFront adds; requests without it are refused',
    }),
  ),
  domain: setting(
    { env: 'SIGHTLINE_DOMAIN', readers: STACK },
    text({
      unit: 'NAME',
      pattern: /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/,
      expected: 'a name such as pictures.example.com',
      text: 'domain to serve through CloudFront',
      shown: 'the function URL',
    }),
  ),
  alarmEmail: setting(
    { env: 'SIGHTLINE_ALARM_EMAIL', readers: STACK },
    text({
      unit: 'ADDRESS',
      pattern: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
      expected: 'an e-mail address',
      text: 'recipient of alarms',
    }),
  ),
  logRetention: setting(
    { env: 'SIGHTLINE_LOG_RETENTION', readers: STACK },
    choice(['1 day', '1 week', '1 month', '3 months', '1 year'], {
      text: 'how long to keep logs',
      default: '1 month',
    }),
  ),
  artifacts: setting(
    { env: 'SIGHTLINE_ARTIFACTS', readers: STACK },
    text({ unit: 'DIR', text: 'folder with the built functions, relative to the repository', default: 'dist/lambda' }),
  ),
};

type Settings = typeof SETTINGS;

/** Names of the settings that a reader reads. */
type NamesFor<R extends Reader> = {
  [K in keyof Settings]: R extends Settings[K]['readers'][number] ? K : never;
}[keyof Settings];

/** The values of these settings. */
export type Values<R extends Reader> = {
  readonly [K in NamesFor<R>]: Settings[K] extends Setting<infer T, Reader> ? T : never;
};

/** Configuration of a process on one machine; paths are absolute. */
export type Config = Omit<Values<'server'>, 'data'> & {
  readonly data: string;
  /** Folders with encoders and heads, searched in order. */
  readonly modelDirs: readonly string[];
};

/** A memory size that Lambda accepts. */
function memory(name: string): Option<number> {
  const about = `memory of the ${name} function in MB; 1,769 MB gives one full core`;
  return whole({ min: 512, max: 10_240, default: 1769, text: about });
}

function bucketName(about: { readonly text: string }): Option<string | undefined> {
  const bare = text({ ...about, ...BUCKET, unit: 's3://NAME' });
  return { ...bare, parse: (given, resolve) => bare.parse(given.replace(/^s3:\/\//, '').replace(/\/$/, ''), resolve) };
}

/** Machine types as compilers name them; conda sets HOST to one. */
const MACHINE = /^(x86_64|aarch64|arm64|i\d86|ppc64le|powerpc64le|s390x)-[\w.-]+$/;

function address(about: { readonly text: string; readonly default: string }): Option<string> {
  const wanted = 'an address or a host name to listen on, such as 127.0.0.1';
  return {
    ...text({ ...about, unit: 'ADDRESS', expected: wanted }),
    parse(given) {
      const host = given.trim().replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0) return host;
      if (MACHINE.test(host)) throw new Expected(`${wanted}, not the platform that conda puts into HOST`);
      if (!/^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*\.?$/i.test(host) || /^[\d.]+$/.test(host)) throw new Expected(wanted);
      return host;
    },
  };
}

/** @throws {Expected} when one prefix begins with another: S3 refuses overlapping notifications */
function apart(prefixes: readonly string[]): void {
  const overlap = prefixes.some((one, i) => prefixes.some((other, j) => i !== j && one.startsWith(other)));
  if (overlap) {
    throw new Expected('prefixes that do not begin with each other: S3 refuses notifications that overlap');
  }
}

/** A command's flag for a setting. Without the flag, the environment or the default applies. */
export function flagOf<T>(of: Setting<T>): Option<T | undefined> {
  const variable = `${of.text} [${of.env}]`;
  return { ...of, text: variable, default: undefined };
}

/** Sources of the values. */
export interface Sources<R extends Reader> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values that override the environment. */
  readonly given?: { readonly [K in NamesFor<R>]?: Values<R>[K] | undefined };
  /** Makes a path as the user typed it absolute. @default as it is */
  readonly resolvePath?: (path: string) => string;
}

/**
 * The settings of a reader. An empty variable counts as unset: containers often set some, and as a number it would be
 * 0, which some settings take as "no limit".
 * @throws {invalid-config} naming every invalid and every mistyped variable
 */
export function readSettings<R extends Reader>(reader: R, sources: Sources<R>): Values<R> {
  const { env, given = {}, resolvePath = (typed: string) => typed } = sources;
  const values: Record<string, unknown> = {};
  const problems = mistyped(env);
  for (const [name, one] of Object.entries(SETTINGS) as [keyof Settings, Setting<unknown>][]) {
    if (!one.readers.includes(reader)) continue;
    const override = (given as Readonly<Record<string, unknown>>)[name];
    const read = override === undefined ? readVariable(one, env[one.env], resolvePath) : { value: override };
    if ('problem' in read) problems.push(read.problem);
    else values[name] = read.value;
  }
  if (problems.length > 0) throw new SightlineError('invalid-config', problems.join('; '));
  return Object.freeze(values) as Values<R>;
}

function readVariable(one: Setting<unknown>, text: string | undefined, resolvePath: (path: string) => string) {
  if (text === undefined || text.trim() === '') return { value: one.default };
  const items = text.split(one.separator ?? ',').map((item) => item.trim());
  const given = one.many ? items.filter((item) => item !== '') : text.trim();
  return readOption(one, one.env, given, resolvePath);
}

/** One sentence for each unknown variable that looks like a misspelt setting. */
function mistyped(env: Readonly<Record<string, string | undefined>>): string[] {
  const prefix = 'SIGHTLINE_';
  const known = Object.values(SETTINGS).map(({ env: name }) => name);
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith(prefix) || known.includes(name) || IGNORED.includes(name)) return [];
    const renamed = RENAMED[name];
    if (renamed !== undefined) return [`${name} has another name: expected ${renamed}`];
    const bare = name.slice(prefix.length);
    if (known.includes(bare)) return [`there is no setting ${name}; it is called ${bare}`];
    const near = nearest(
      bare,
      known.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length)),
    );
    return near === null ? [] : [`there is no setting ${name}; did you mean ${prefix}${near}?`];
  });
}

/** Old names and their new ones. */
const RENAMED: Readonly<Record<string, string>> = { SIGHTLINE_READ_KEYS: 'SIGHTLINE_READ_BUCKET_KEYS' };

/** Set by the stack for logs and alarms; not a setting. */
const IGNORED: readonly string[] = ['SIGHTLINE_SERVICE'];
