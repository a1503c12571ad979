import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, type ConfigInput, parseConfig } from '../core/config.ts';

/** What the environment of a process on one machine says: the only reader of it here. */

/** The folder with package.json, models and samples. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Whether the sources run, in a checkout, and not what was built of them for the package. */
export const isCheckout = import.meta.filename.endsWith('.ts');

/**
 * A path as the user typed it: `~` is the home folder also where no shell replaced it, and relative paths count from where
 * npm was called in a checkout, not from the package.
 */
export function userPath(path: string): string {
  const expanded = path.replace(/^~(?=$|[/\\])/, homedir());
  return resolve((isCheckout && process.env.INIT_CWD) || process.cwd(), expanded);
}

/** Where the index, caches and what is made lie, as configured. */
export function dataFolder(): string {
  return readConfig({ logLevel: 'silent' }).data;
}

/**
 * Flags win over the environment. Relative paths count from where the user called npm. A variable that is set to nothing,
 * as containers like to do, is not set: as a number it would be 0, which is no limit at all to some of these.
 */
export function readConfig(flags: Partial<ConfigInput> = {}): Config {
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim() !== ''));
  const path = (value: string | undefined) => (value === undefined || value === '' ? undefined : userPath(value));
  const list = (value: string | undefined) =>
    value
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return parseConfig({
    host: env.HOST,
    port: env.PORT,
    profile: env.SIGHTLINE_PROFILE,
    concurrency: env.SIGHTLINE_CONCURRENCY,
    maxImageBytes: env.SIGHTLINE_MAX_IMAGE_BYTES,
    maxImagePixels: env.SIGHTLINE_MAX_IMAGE_PIXELS,
    apiKeyHashes: list(env.SIGHTLINE_API_KEYS),
    corsOrigins: list(env.SIGHTLINE_CORS_ORIGINS),
    allowedHosts: list(env.SIGHTLINE_ALLOWED_HOSTS),
    requestsPerMinute: env.SIGHTLINE_RATE_LIMIT,
    // A person at a terminal is told what needs attention; a line for every request would bury it.
    logLevel: (env.LOG_LEVEL ?? (process.stderr.isTTY ? 'warn' : undefined)) as ConfigInput['logLevel'],
    bucket: env.SIGHTLINE_BUCKET,
    s3Endpoint: env.S3_ENDPOINT,
    queueUrl: env.SIGHTLINE_QUEUE_URL,
    qdrantUrl: env.QDRANT_URL,
    qdrantApiKey: env.QDRANT_API_KEY,
    qdrantSearch: env.SIGHTLINE_QDRANT_SEARCH as ConfigInput['qdrantSearch'],
    qdrantShards: env.SIGHTLINE_QDRANT_SHARDS,
    qdrantReplicas: env.SIGHTLINE_QDRANT_REPLICAS,
    ...given,
    photos: path(flags.photos ?? env.SIGHTLINE_PHOTOS),
    data: path(flags.data ?? env.SIGHTLINE_DATA) ?? join(root, 'data'),
    head: path(flags.head ?? env.SIGHTLINE_HEAD),
    modelDirs: flags.modelDirs ?? [
      join(root, 'models'),
      ...(env.SIGHTLINE_EXTRA_MODELS ?? '').split(delimiter).filter((dir) => dir !== ''),
    ],
  });
}

/** Where models and data sets are pulled from: HF_ENDPOINT names a mirror, HF_TOKEN is for what is not open to all. */
export function readHubConfig(): { endpoint: string; token: string | undefined } {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  return { endpoint: endpoint || 'https://huggingface.co', token: token || undefined };
}

/**
 * How npm was asked to run this program: the script's name, and the flags that npm kept for itself because no `--` stood
 * before them. Null when npm did not start it.
 */
export function npmCall(): { readonly script: string; readonly kept: (flag: string) => string | undefined } | null {
  const { npm_lifecycle_event: script, npm_lifecycle_script: line } = process.env;
  if (script === undefined || !line?.includes('scripts/sightline.ts')) return null;
  return { script, kept: (flag) => process.env[`npm_config_${flag.replaceAll('-', '_')}`] };
}

export function isStartedByNpm(): boolean {
  return process.env.npm_lifecycle_event !== undefined;
}
