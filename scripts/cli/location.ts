import { mkdir } from 'node:fs/promises';
import { openFolder } from '../../core/objects/folder/store.ts';
import { withPrefix } from '../../core/objects/prefixed.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { BUCKET } from '../../core/settings.ts';
import { readConfig, userPath } from '../../server/environment.ts';
import { UsageError } from './command.ts';

/** A folder, or a prefix of a bucket, named on the command line. */
export interface Location {
  readonly store: ObjectStore;
  /** Path or s3://bucket/prefix, for messages. */
  readonly name: string;
  /** Whether reads go over a network. */
  readonly remote: boolean;
  close(): void;
}

/** Whether `at` names a bucket rather than a folder. */
export function isBucket(at: string): boolean {
  return at.startsWith('s3://');
}

/**
 * The normalised form of a location: an absolute path, or s3://BUCKET/PREFIX without a trailing slash.
 */
export function absoluteLocation(at: string): string {
  return isBucket(at) ? at.replace(/\/+$/, '') : userPath(at);
}

/**
 * Opens `DIR` or `s3://BUCKET[/PREFIX]`; S3_ENDPOINT names an S3-compatible server. Relative paths start where the user
 * called npm.
 * @param options.create creates a missing folder
 * @throws {UsageError} for an address that is none
 * @throws {unavailable}
 * @throws {invalid-config}
 */
export async function openLocation(at: string, options: { create?: boolean } = {}): Promise<Location> {
  if (!isBucket(at)) {
    const path = userPath(at);
    if (options.create) await mkdir(path, { recursive: true });
    return { store: await openFolder({ root: path }), name: at, remote: false, close: () => {} };
  }
  const { bucket, prefix } = parseBucket(at);
  const { openS3 } = await import('../../core/objects/s3/store.ts');
  const { s3Endpoint } = readConfig({ logLevel: 'silent' });
  const s3 = await openS3({ bucket, endpoint: s3Endpoint });
  const below = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
  return { store: withPrefix(s3, below), name: at.replace(/\/+$/, ''), remote: true, close: () => s3.close() };
}

/**
 * Splits s3://BUCKET/PREFIX; the prefix is not changed.
 * @throws {UsageError} for another form
 */
export function parseBucket(at: string): { bucket: string; prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(at) ?? [];
  if (!BUCKET.pattern.test(bucket)) throw new UsageError(`expected s3://BUCKET or s3://BUCKET/PREFIX, got "${at}"`);
  return { bucket, prefix };
}
