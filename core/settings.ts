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
 * Everything that can be configured, each setting once: an entry here is read from the environment, is a flag of the
 * commands that name it, and stands in the tables of README.md and docs/configuration.md (`npm run docs`).
 */

/** Who reads a setting: a process on one machine, the Lambda functions, or the stack when it is deployed. */
export type Reader = 'server' | 'functions' | 'stack';

export interface Setting<T, R extends Reader = Reader> extends Option<T> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Name of the flag of commands that take it, without its dashes. */
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
    many(path({ text: 'folder to watch', shown: 'data/photos, which starts with 23 sample photos' }), {
      separator: delimiter,
    }),
  ),
  data: setting(
    { env: 'SIGHTLINE_DATA', flag: 'data', readers: RUNTIMES },
    path({
      text: 'folder for the index and caches',
      shown: 'data in a clone, else where the system keeps such things',
    }),
  ),
  port: setting(
    { env: 'PORT', flag: 'port', readers: SERVER },
    whole({ max: 65535, default: 8787, text: 'TCP port, 0 for any free one' }),
  ),
  host: setting(
    { env: 'HOST', flag: 'host', readers: RUNTIMES },
    address({
      text: 'address to listen on; anything else than loopback needs API keys for writing',
      default: '127.0.0.1',
    }),
  ),
  bucket: setting(
    { env: 'SIGHTLINE_BUCKET', flag: 'bucket', readers: RUNTIMES },
    bucketName({ text: 'S3 bucket to serve instead of a folder; credentials come from the usual places of AWS' }),
  ),
  s3Endpoint: setting(
    { env: 'S3_ENDPOINT', readers: RUNTIMES },
    url({ text: 'a server that speaks S3, instead of AWS' }),
  ),
  queueUrl: setting(
    { env: 'SIGHTLINE_QUEUE_URL', flag: 'queue', readers: RUNTIMES },
    url({ text: 'SQS queue that the bucket announces its changes to; they are indexed as they come' }),
  ),
  qdrantUrl: setting(
    { env: 'QDRANT_URL', flag: 'qdrant', readers: SERVER },
    url({ text: 'Qdrant server for the vectors, instead of a file (port 6333 unless the URL has another)' }),
  ),
  qdrantApiKey: setting({ env: 'QDRANT_API_KEY', readers: SERVER }, text({ text: 'its API key', secret: true })),
  qdrantSearch: setting(
    { env: 'SIGHTLINE_QDRANT_SEARCH', readers: ALL },
    choice(['auto', 'exact', 'graph'], {
      text:
        'exact: every vector is looked at; graph: the HNSW graph, which may miss some; auto: by the ' +
        'number of points',
      default: 'auto',
    }),
  ),
  qdrantExactBelow: setting(
    { env: 'SIGHTLINE_QDRANT_EXACT_BELOW', readers: ALL },
    whole({ default: 300_000, text: 'points from which on auto takes the graph' }),
  ),
  qdrantEf: setting(
    { env: 'SIGHTLINE_QDRANT_EF', readers: ALL },
    whole({ min: 1, max: 10_000, default: 128, text: 'candidates of a search by the graph: more find more' }),
  ),
  qdrantM: setting(
    { env: 'SIGHTLINE_QDRANT_M', readers: ALL },
    whole({ max: 512, default: 16, text: 'edges a node of the graph, when a collection is made; 0 for no graph' }),
  ),
  qdrantQuantization: setting(
    { env: 'SIGHTLINE_QDRANT_QUANTIZATION', readers: ALL },
    choice(['none', 'int8'], {
      text: 'copies of one byte a component that the graph searches first, when a collection is made: none or int8',
      default: 'none',
    }),
  ),
  qdrantOnDisk: setting(
    { env: 'SIGHTLINE_QDRANT_ON_DISK', readers: ALL },
    choice(['none', 'vectors', 'all'], {
      text:
        'what lies on disk instead of in memory, when a collection is made: none, vectors, or all with ' +
        'graph and indexes',
      default: 'none',
    }),
  ),
  qdrantShards: setting(
    { env: 'SIGHTLINE_QDRANT_SHARDS', readers: ALL },
    whole({ min: 1, max: 1000, default: 1, text: 'shards of a collection, when it is made' }),
  ),
  qdrantReplicas: setting(
    { env: 'SIGHTLINE_QDRANT_REPLICAS', readers: ALL },
    whole({ min: 1, max: 100, default: 1, text: 'copies of each shard, when a collection is made' }),
  ),
  tombstoneDays: setting(
    { env: 'SIGHTLINE_TOMBSTONE_DAYS', readers: ALL },
    whole({
      min: 1,
      max: 3650,
      default: 30,
      text: 'days that a deletion is remembered, so that no event that was delayed can undo it',
    }),
  ),
  profile: setting(
    { env: 'SIGHTLINE_PROFILE', flag: 'profile', readers: ALL },
    text({
      unit: 'NAME',
      pattern: /^[a-z0-9-]+$/,
      expected: 'the name of a profile in models/manifest.json',
      text: 'models, a profile of models/manifest.json',
      shown: 'that of the index, else compact',
    }),
  ),
  head: setting(
    { env: 'SIGHTLINE_HEAD', readers: SERVER },
    path({ text: 'folder of the head', shown: "the profile's" }),
  ),
  extraModels: setting(
    { env: 'SIGHTLINE_EXTRA_MODELS', readers: RUNTIMES },
    many(path({ text: 'further folders of models, as in PATH' }), { separator: delimiter }),
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
          'SHA-256 hashes of keys as `npm run key` makes them, comma separated: `read:HASH`, ' +
          '`write:HASH`, or just `HASH`, which may write, too',
      }),
    ),
  ),
  requireKey: setting(
    { env: 'SIGHTLINE_REQUIRE_KEY', readers: ALL },
    choice(['write', 'read'], {
      text: 'what needs a key: writing, or reading, too; on loopback nothing while there are no keys',
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
        text: 'networks of proxies whose word on caller, scheme, host and path in front counts, comma separated',
      }),
    ),
  ),
  basePath: setting(
    { env: 'SIGHTLINE_BASE_PATH', readers: RUNTIMES },
    text({
      unit: 'PATH',
      pattern: /^(\/[\w.~-]+)+$/,
      expected: 'a path such as /photos',
      text: 'path in front of all addresses, as a proxy shows them; also where it takes the path away',
    }),
  ),
  readOnly: setting(
    { env: 'SIGHTLINE_READ_ONLY', flag: 'read-only', readers: ALL },
    toggle({ text: 'never change a file in folders and buckets of pictures: no uploads, no deletes' }),
  ),
  trashDays: setting(
    { env: 'SIGHTLINE_TRASH_DAYS', readers: ALL },
    whole({ min: 1, max: 3650, default: 30, text: 'days that deleted pictures are kept in the trash' }),
  ),
  requesterPays: setting(
    { env: 'SIGHTLINE_REQUESTER_PAYS', readers: ALL },
    toggle({ text: 'pay for requests to buckets whose owners do not' }),
  ),
  corsOrigins: setting(
    { env: 'SIGHTLINE_CORS_ORIGINS', readers: ALL },
    many(url({ unit: 'URLS', text: 'pages of other origins that may call the API, comma separated' })),
  ),
  allowedHosts: setting(
    { env: 'SIGHTLINE_ALLOWED_HOSTS', readers: RUNTIMES },
    many(text({ unit: 'NAMES', text: 'host names the server answers to beside its own address, comma separated' })),
  ),
  requestsPerMinute: setting(
    { env: 'SIGHTLINE_RATE_LIMIT', readers: ALL },
    whole({ max: 1_000_000, default: 6000, text: 'requests a minute and caller, 0 for no limit' }),
  ),
  ignore: setting(
    { env: 'SIGHTLINE_IGNORE', flag: 'ignore', readers: SERVER },
    many(text({ unit: 'PATTERNS', text: 'what to leave out of folders, as in a .gitignore, comma separated' })),
  ),
  sidecars: setting(
    { env: 'SIGHTLINE_SIDECARS', readers: AWS },
    choice(['on', 'off'], {
      text:
        'look beside pictures for what says more of them (.xmp, .json of Google Takeout), which costs a list in S3 ' +
        'for each folder and run',
      default: 'on',
    }),
  ),
  vanishedHours: setting(
    { env: 'SIGHTLINE_VANISHED_HOURS', readers: ALL },
    whole({
      max: 24 * 365,
      default: 24,
      text: 'hours that the tags of a picture that is gone wait for its bytes to come back under any name',
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
      text: 'larger pictures, width x height, are rejected undecoded',
    }),
  ),
  damaged: setting(
    { env: 'SIGHTLINE_DAMAGED', readers: ALL },
    choice(['refuse', 'draw'], {
      default: 'refuse',
      text: '`draw` indexes files that are damaged or end too early by what they still show',
    }),
  ),
  concurrency: setting(
    { env: 'SIGHTLINE_CONCURRENCY', flag: 'concurrency', readers: RUNTIMES },
    whole({
      min: 1,
      max: 64,
      default: Math.max(2, availableParallelism()),
      shown: 'cores, at least 2',
      text: 'pictures at the same time',
    }),
  ),
  logLevel: setting(
    { env: 'LOG_LEVEL', readers: ALL },
    choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
      text: 'least severe level that is logged: trace, debug, info, warn, error or silent',
      default: 'info',
      shown: 'info, on a terminal warn',
    }),
  ),
  hubEndpoint: setting(
    { env: 'HF_ENDPOINT', readers: SERVER },
    url({ text: 'where models and data sets are pulled from', default: 'https://huggingface.co' }),
  ),
  hubToken: setting(
    { env: 'HF_TOKEN', readers: SERVER },
    text({ unit: 'TOKEN', secret: true, text: 'for what is not open to all there' }),
  ),
  prefixes: setting(
    { env: 'SIGHTLINE_PREFIXES', readers: AWS },
    many(text({ unit: 'PREFIXES', text: 'key prefixes whose objects are indexed, comma separated', shown: 'all' }), {
      check: apart,
    }),
  ),
  readBuckets: setting(
    { env: 'SIGHTLINE_READ_BUCKETS', readers: AWS },
    many(
      text({
        ...BUCKET,
        unit: 'NAMES',
        text: 'existing buckets that may be read and indexed, comma separated',
      }),
    ),
  ),
  stateBucket: setting(
    { env: 'SIGHTLINE_STATE_BUCKET', readers: ['functions'] },
    bucketName({ text: 'bucket of what the functions must remember' }),
  ),
  maxReceives: setting(
    { env: 'SIGHTLINE_MAX_RECEIVES', readers: AWS },
    whole({
      min: 2,
      max: 1000,
      default: 10,
      text: 'deliveries of a message before it is put aside in the dead letter queue',
    }),
  ),
  requestTimeoutMs: setting(
    { env: 'SIGHTLINE_REQUEST_TIMEOUT_MS', readers: ['functions'] },
    whole({ min: 1, default: 25_000, text: 'milliseconds until a request that has no answer yet gets 503' }),
  ),
  apiMemoryMb: setting({ env: 'SIGHTLINE_API_MEMORY', readers: STACK }, memory('api')),
  ingestMemoryMb: setting({ env: 'SIGHTLINE_INGEST_MEMORY', readers: STACK }, memory('ingest')),
  apiTimeoutSeconds: setting(
    { env: 'SIGHTLINE_API_TIMEOUT', readers: STACK },
    whole({ min: 5, max: 900, default: 30, text: 'longest run of the api function, seconds' }),
  ),
  ingestTimeoutSeconds: setting(
    { env: 'SIGHTLINE_INGEST_TIMEOUT', readers: STACK },
    whole({ min: 10, max: 900, default: 60, text: 'longest run of the ingest function, seconds' }),
  ),
  ingestConcurrency: setting(
    { env: 'SIGHTLINE_INGEST_CONCURRENCY', readers: STACK },
    whole({ min: 2, max: 1000, default: 10, text: 'ingest functions at work at the same time' }),
  ),
  ingestBatch: setting(
    { env: 'SIGHTLINE_INGEST_BATCH', readers: STACK },
    whole({ min: 1, max: 10, default: 10, text: 'SQS messages handed to one run' }),
  ),
  readBucketKeys: setting(
    { env: 'SIGHTLINE_READ_BUCKET_KEYS', readers: STACK },
    many(text({ ...KMS_KEY, unit: 'ARNS', text: 'KMS keys that those buckets are encrypted with, comma separated' })),
  ),
  bucketKey: setting(
    { env: 'SIGHTLINE_BUCKET_KEY', readers: STACK },
    text({
      ...KMS_KEY,
      unit: 'ARN',
      text: "KMS key that the stack's own buckets are encrypted with; its policy must let the account's IAM decide",
      shown: "S3's own",
    }),
  ),
  arch: setting(
    { env: 'SIGHTLINE_ARCH', flag: 'arch', readers: ['server', 'stack'] },
    choice(['arm64', 'x64'], { text: 'processor that the Lambda functions are built for', default: 'arm64' }),
  ),
  urlAuth: setting(
    { env: 'SIGHTLINE_URL_AUTH', readers: STACK },
    choice(['none', 'iam'], {
      text: 'who may call the function URL: everybody, or with iam who signs requests and has the right in the account',
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
        'api functions at work at the same time; AWS keeps 100 for all else, so a new account must ask ' +
        'for more first',
    }),
  ),
  monthlyBudget: setting(
    { env: 'SIGHTLINE_MONTHLY_BUDGET', readers: STACK },
    decimal({
      above: 0,
      unit: 'USD',
      text: 'of the whole account: mail at half of it, at all of it, and when it is about to be passed',
    }),
  ),
  firewallRate: setting(
    { env: 'SIGHTLINE_FIREWALL_RATE', readers: STACK },
    whole({
      min: 10,
      max: 2_000_000_000,
      text: 'with a domain, requests of one address in 5 minutes before AWS WAF refuses more',
    }),
  ),
  dashboard: setting(
    { env: 'SIGHTLINE_DASHBOARD', readers: STACK },
    choice(['on', 'off'], { text: 'a dashboard of the stage in CloudWatch', default: 'on' }),
  ),
  originKeyHash: setting(
    { env: 'SIGHTLINE_ORIGIN_KEY_HASH', readers: ['functions'] },
    text({
      unit: 'HASH',
      pattern: /^[0-9a-f]{64}$/,
      expected: 'a SHA-256 hash as 64 lower-case hex digits',
      text: 'hash of what CloudFront sends along; requests without it are refused',
    }),
  ),
  domain: setting(
    { env: 'SIGHTLINE_DOMAIN', readers: STACK },
    text({
      unit: 'NAME',
      pattern: /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/,
      expected: 'a name such as pictures.example.com',
      text: 'domain served through CloudFront',
      shown: "the function's own URL",
    }),
  ),
  alarmEmail: setting(
    { env: 'SIGHTLINE_ALARM_EMAIL', readers: STACK },
    text({
      unit: 'ADDRESS',
      pattern: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
      expected: 'an e-mail address',
      text: 'where alarms are sent to',
    }),
  ),
  logRetention: setting(
    { env: 'SIGHTLINE_LOG_RETENTION', readers: STACK },
    choice(['1 day', '1 week', '1 month', '3 months', '1 year'], {
      text: 'how long logs are kept: 1 day, 1 week, 1 month, 3 months or 1 year',
      default: '1 month',
    }),
  ),
  artifacts: setting(
    { env: 'SIGHTLINE_ARTIFACTS', readers: STACK },
    text({ unit: 'DIR', text: 'folder with the built functions, from the repository', default: 'dist/lambda' }),
  ),
};

type Settings = typeof SETTINGS;

/** The names of what a reader reads. */
type NamesFor<R extends Reader> = {
  [K in keyof Settings]: R extends Settings[K]['readers'][number] ? K : never;
}[keyof Settings];

/** The values of a setting each. */
export type Values<R extends Reader> = {
  readonly [K in NamesFor<R>]: Settings[K] extends Setting<infer T, Reader> ? T : never;
};

/** What a process on one machine is configured with; paths are absolute. */
export type Config = Omit<Values<'server'>, 'data'> & {
  readonly data: string;
  /** Folders with encoders and heads, searched in order. */
  readonly modelDirs: readonly string[];
};

/** A memory size that AWS takes. */
function memory(name: string): Option<number> {
  const about = `memory of the ${name} function in MB; 1,769 MB is one whole core`;
  return whole({ min: 512, max: 10_240, default: 1769, text: about });
}

function bucketName(about: { readonly text: string }): Option<string | undefined> {
  const bare = text({ ...about, ...BUCKET, unit: 's3://NAME' });
  return { ...bare, parse: (given, resolve) => bare.parse(given.replace(/^s3:\/\//, '').replace(/\/$/, ''), resolve) };
}

/** What compilers and conda call a kind of machine, which conda puts into HOST. */
const MACHINE = /^(x86_64|aarch64|arm64|i\d86|ppc64le|powerpc64le|s390x)-[\w.-]+$/;

function address(about: { readonly text: string; readonly default: string }): Option<string> {
  const wanted = 'an address or a host name to listen on, such as 127.0.0.1';
  return {
    ...text({ ...about, unit: 'ADDRESS', expected: wanted }),
    parse(given) {
      const host = given.trim().replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0) return host;
      if (MACHINE.test(host)) throw new Expected(`${wanted}, not the kind of machine that conda puts into HOST`);
      if (!/^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*\.?$/i.test(host) || /^[\d.]+$/.test(host)) throw new Expected(wanted);
      return host;
    },
  };
}

/** Throws when one prefix begins with another: S3 refuses notifications that overlap. */
function apart(prefixes: readonly string[]): void {
  const overlap = prefixes.some((one, i) => prefixes.some((other, j) => i !== j && one.startsWith(other)));
  if (overlap) {
    throw new Expected('prefixes of which none begins with another: S3 refuses notifications that overlap');
  }
}

/** The flag of a command that stands for a setting: where it is not given, the environment or the default decides. */
export function flagOf<T>(of: Setting<T>): Option<T | undefined> {
  const variable = `${of.text} [${of.env}]`;
  return { ...of, text: variable, default: undefined };
}

/** Where the texts come from, and what they need to become values. */
export interface Sources<R extends Reader> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values that win over the environment. */
  readonly given?: { readonly [K in NamesFor<R>]?: Values<R>[K] | undefined };
  /** Makes a path as the user typed it absolute. @default as it is */
  readonly resolvePath?: (path: string) => string;
}

/**
 * What a reader is configured with. A variable that is set to nothing, as containers like to do, is not set: as a
 * number it would be 0, which is no limit at all to some of these.
 * @throws {invalid-config} naming every variable that does not fit, and those that are mistyped
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

/** A sentence for each variable that begins like ours and is none, but nearly one. */
function mistyped(env: Readonly<Record<string, string | undefined>>): string[] {
  const prefix = 'SIGHTLINE_';
  const known = Object.values(SETTINGS).map(({ env: name }) => name);
  const ours = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith(prefix) || known.includes(name) || IGNORED.includes(name)) return [];
    const renamed = RENAMED[name];
    if (renamed !== undefined) return [`${name} has another name: expected ${renamed}`];
    const near = nearest(name.slice(prefix.length), ours);
    return near === null ? [] : [`there is no setting ${name}; did you mean ${prefix}${near}?`];
  });
}

/** Names of earlier versions, and what they are now. */
const RENAMED: Readonly<Record<string, string>> = { SIGHTLINE_READ_KEYS: 'SIGHTLINE_READ_BUCKET_KEYS' };

/** Set by the stack for the functions' logs and alarms; no setting. */
const IGNORED: readonly string[] = ['SIGHTLINE_SERVICE'];
