import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sha256OfFile } from '../../core/encode/model-files.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { withPrefix } from '../../core/objects/prefixed.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { everyItem } from '../../core/util/paginate.ts';
import { type CacheDescription, describeCache, otherCache, RecordCache } from './record-cache.ts';

/**
 * A cache of rows that several machines share through a bucket. The bucket holds sealed segments named by their
 * content, so synchronising means copying the missing names in each direction: nothing is changed in place, an
 * interrupted call leaves nothing half done, and machines that encode concurrently cannot disturb each other.
 */

const DESCRIPTION = 'cache.json';
const SEGMENTS = 'segments/';
/** Bytes of unsent rows that trigger an upload; at most this much is lost with a machine. */
const SEGMENT_BYTES = 16 * 1024 ** 2;

export interface CacheLocation {
  /** Folder of all caches on this machine. */
  readonly cache: string;
  /** The shared store, if any. */
  readonly shared?: ObjectStore | null;
}

export interface OpenCache {
  readonly rows: RecordCache;
  /** Uploads what the bucket lacks: everything, or only once it is worth a request. */
  send(how: 'everything' | 'when-large'): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens one cache, including everything in the bucket.
 * @param path of this cache, both below the folder and in the bucket, with forward slashes
 * @throws {schema-mismatch}
 * @throws {unavailable}
 */
export async function openCache(
  { cache, shared }: CacheLocation,
  path: string,
  description: CacheDescription,
): Promise<OpenCache> {
  const rows = await RecordCache.open(join(cache, path), description);
  const store = shared ? withPrefix(shared, `${path}/`) : null;
  try {
    if (store !== null) await fetchSegments(rows, store);
  } catch (error) {
    await rows.close();
    throw error;
  }
  return {
    rows,
    async send(how) {
      if (store !== null && (how === 'everything' || rows.unsealedBytes >= SEGMENT_BYTES))
        await sendSegments(rows, store);
    },
    close: () => rows.close(),
  };
}

/**
 * Downloads the segments that the cache lacks.
 * @throws {schema-mismatch} if the bucket holds a cache with another description
 * @throws {unavailable}
 */
async function fetchSegments(cache: RecordCache, store: ObjectStore): Promise<void> {
  await checkShared(cache, store);
  const known = new Set(cache.segments);
  for (const name of await sharedSegments(store)) {
    if (known.has(name)) continue;
    const found = await store.get(SEGMENTS + name);
    if (found !== null) await cache.adopt(name, found.body);
  }
}

/**
 * Uploads the segments that the bucket lacks.
 * @throws {unavailable} if the bucket cannot be written; nothing is lost, and the next call retries
 */
async function sendSegments(cache: RecordCache, store: ObjectStore): Promise<void> {
  await cache.seal();
  const known = new Set(await sharedSegments(store));
  for (const name of cache.segments) {
    if (known.has(name)) continue;
    const path = cache.pathOf(name);
    const actual = `${await sha256OfFile(path)}.bin`;
    if (actual !== name) {
      throw new SightlineError('unavailable', `${path} was damaged on this disk (its SHA-256 is ${actual}): delete it`);
    }
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    await store.put(SEGMENTS + name, body).catch((error: unknown) => {
      throw unsent(name, error);
    });
  }
}

async function sharedSegments(store: ObjectStore): Promise<string[]> {
  const objects = everyItem((cursor) => store.list({ prefix: SEGMENTS, cursor, limit: 1000 }));
  return Array.fromAsync(objects, ({ key }) => key.slice(SEGMENTS.length));
}

async function checkShared(cache: RecordCache, store: ObjectStore): Promise<void> {
  const expected = describeCache(cache.description);
  try {
    await store.put(DESCRIPTION, Buffer.from(expected), { contentType: 'application/json', ifNoneMatch: '*' });
  } catch (error) {
    if (!isSightlineError(error, 'precondition-failed')) throw error;
    const found = await store.get(DESCRIPTION);
    const text = found === null ? '' : await new Response(found.body).text();
    if (text !== expected) throw otherCache(`${store.bucket}/${DESCRIPTION}`, expected, text);
  }
}

function unsent(name: string, error: unknown): unknown {
  if (!(error instanceof SightlineError)) return error;
  const kept = `encoder outputs could not be sent (${name}), they are kept here and sent next time`;
  return new SightlineError(error.code, `${kept}: ${error.message}`, { cause: error, details: error.details });
}
