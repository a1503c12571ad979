import { hash } from 'node:crypto';
import { z } from 'zod';
import { captionPoint } from '../core/captions.ts';
import { SightlineError } from '../core/errors.ts';
import { plainText } from '../core/metadata/exif.ts';
import { captionId, imageId } from '../core/point-ids.ts';
import { ANY_LANGUAGE, type Filter, type ObjectBody, type StoredPoint } from '../core/ports.ts';
import type { Trash, TrashEntry } from '../core/trash.ts';
import type { ImagePayload } from '../core/types.ts';
import { everyItem } from '../core/util/paginate.ts';
import { HttpProblem } from '../functions/http/problem.ts';
import { MAX_TAGS, tag, withTags } from '../functions/http/schemas/tags.ts';
import { parseOrThrow } from '../functions/http/validation.ts';
import type { Runtime } from './composition-root.ts';

/**
 * Export and import of data that only the index has: tags, captions, and the trash. One JSON document per line;
 * pictures are identified by folder, key and hash, so that another index of the same pictures can import it, wherever
 * its pictures are.
 */
const tags = z.array(tag);
const picture = { folder: z.string(), key: z.string(), sha256: z.string(), tags };
/** Like `TrashEntry`; the store validates the picture. */
const trashEntry = z.object({
  id: z.uuid(),
  deletedAt: z.string(),
  picture: z.custom<ImagePayload>((value) => typeof value === 'object' && value !== null),
  object: z.object({ id: z.string(), key: z.string(), etag: z.string(), version: z.string().optional() }).nullable(),
});
const line = z.discriminatedUnion('type', [
  z.object({ type: z.literal('picture'), ...picture, indexedAt: z.string() }),
  z.object({
    type: z.literal('trash'),
    ...picture,
    deletedAt: z.string(),
    entry: trashEntry.optional(),
    /** The bytes of a trashed file of a folder, which are in the data folder. */
    file: z.base64().optional(),
  }),
  z.object({ type: z.literal('caption'), caption: z.string().min(1), tags, indexedAt: z.string() }),
]);
export type UserData = z.output<typeof line>;

const PAGE = 1000;

/**
 * Exports pictures with tags, all captions, and all of the trash.
 * @param options.files includes the files in the trash of this machine
 */
export async function* exportUserData(
  { vectors, folders, buckets }: Pick<Runtime, 'vectors' | 'folders' | 'buckets'>,
  trash: Pick<Trash, 'list' | 'open'>,
  options: { readonly files: boolean },
): AsyncGenerator<UserData> {
  const nameOf = (bucket: string) => folders.list().find((folder) => folder.bucket === bucket)?.name ?? bucket;
  for await (const { payload } of listAll(vectors, { kind: 'image' })) {
    if (payload.kind !== 'image' || payload.tags.length === 0) continue;
    const { key, sha256, indexedAt } = payload;
    yield { type: 'picture', folder: nameOf(payload.bucket), key, sha256, tags: [...payload.tags], indexedAt };
  }
  for await (const { payload } of listAll(vectors, { kind: 'caption' })) {
    if (payload.kind !== 'caption') continue;
    const { caption, indexedAt } = payload;
    yield { type: 'caption', caption, tags: [...payload.tags], indexedAt };
  }
  const discarded = everyItem((cursor) => trash.list({ limit: 200, cursor }));
  for await (const { id, deletedAt, picture: payload, object } of discarded) {
    const { bucket, key, sha256 } = payload;
    const entry = { id, deletedAt, picture: payload, object };
    const isHere = options.files && folders.list().some((folder) => folder.bucket === bucket);
    const found = isHere && object !== null ? await openIfThere(trash, entry, buckets) : null;
    const file = found && Buffer.from(await new Response(found.body).bytes()).toString('base64');
    const shown = { folder: nameOf(bucket), key, sha256, tags: [...payload.tags], deletedAt };
    yield { type: 'trash', ...shown, entry, ...(file && { file }) };
  }
}

/** Null when its drive is missing and its file is not on this machine. */
async function openIfThere(
  trash: Pick<Trash, 'open'>,
  entry: Pick<TrashEntry, 'picture' | 'object'>,
  buckets: Runtime['buckets'],
): Promise<ObjectBody | null> {
  try {
    return await trash.open(entry);
  } catch (error) {
    if (buckets.has(entry.picture.bucket)) throw error;
    return null;
  }
}

/** Number of documents by outcome. */
export interface Imported {
  /** Imported; what the index already had stays. */
  readonly taken: number;
  /** For pictures that this index does not have. */
  readonly unknown: number;
}

/**
 * Imports exported lines into an index. Pictures are matched by folder and key if their bytes are the same, otherwise
 * by their bytes alone. Nothing is removed, so it may be repeated.
 * @param tell receives the tags that did not fit beside those that a picture or caption has
 * @throws {invalid-input} naming the invalid line
 */
export async function importUserData(
  { live, folders }: Pick<Runtime, 'live' | 'folders'>,
  trash: Pick<Trash, 'adopt'>,
  lines: AsyncIterable<string> | Iterable<string>,
  tell: (problem: string) => void,
): Promise<Imported> {
  const counts = { taken: 0, unknown: 0 };
  let number = 0;
  for await (const text of lines) {
    number++;
    if (text.trim() === '') continue;
    const entry = parseLine(text, number);
    const tagsWith: TagsWith = (own) => {
      const all = withTags(own, entry.tags);
      const left = entry.tags.filter((tag) => !all.includes(tag));
      const expected = `line ${number}: expected at most ${MAX_TAGS} tags in all, got ${all.length + left.length}`;
      if (left.length > 0) tell(`${expected}; not taken over: ${left.join(', ')}`);
      return all;
    };
    const isTaken =
      entry.type === 'caption'
        ? await addCaption(live, entry, tagsWith)
        : (entry.type === 'trash' &&
            (await addToTrash(live, trash, folders.bucketOf(entry.folder), entry, tagsWith))) ||
          (await addTags(live, folders.bucketOf(entry.folder), entry, tagsWith));
    counts[isTaken ? 'taken' : 'unknown']++;
  }
  return counts;
}

/** The tags of a line beside those that a picture or caption has already. */
type TagsWith = (own: readonly string[]) => string[];

function parseLine(text: string, number: number): UserData {
  try {
    return parseOrThrow(line, JSON.parse(text.replace(/^\ufeff/, '')), 'body');
  } catch (cause) {
    const got = plainText(text.slice(0, 80));
    const why = cause instanceof HttpProblem ? ` (${plainText(cause.message)})` : '';
    const message = `line ${number}: expected one JSON document as sightline export writes it, got ${got}${why}`;
    throw new SightlineError('invalid-input', message, { cause });
  }
}

/** False when it is indexed here as a picture, or its file cannot be found. */
async function addToTrash(
  live: Runtime['live'],
  trash: Pick<Trash, 'adopt'>,
  bucket: string,
  { key, sha256, entry, file }: Extract<UserData, { type: 'trash' }>,
  tagsWith: TagsWith,
): Promise<boolean> {
  if (entry === undefined) return false;
  const id = imageId(bucket, key);
  const here = await live.read(async ({ vectors }) => (await vectors.get([id])).get(id));
  const isHere = here !== undefined && !here.deleted;
  if (isHere && entry.object !== null) return false;
  const bytes = file === undefined ? null : Buffer.from(file, 'base64');
  if (bytes !== null && hash('sha256', bytes) !== sha256) {
    throw new SightlineError('invalid-input', `expected the file of ${JSON.stringify(key)} whole, got other bytes`);
  }
  return trash.adopt({ ...entry, imageId: id, picture: { ...entry.picture, bucket, tags: tagsWith([]) } }, bytes);
}

async function addTags(
  live: Runtime['live'],
  bucket: string,
  { key, sha256 }: { key: string; sha256: string },
  tagsWith: TagsWith,
): Promise<boolean> {
  return live.write(async ({ vectors }) => {
    const id = imageId(bucket, key);
    const named = (await vectors.get([id])).get(id);
    const isNamed = named !== undefined && !named.deleted && (named.payload as ImagePayload).sha256 === sha256;
    const found = isNamed
      ? [named as StoredPoint]
      : (await vectors.list({ filter: { kind: 'image', sha256 }, limit: PAGE, order: 'id' })).items;
    for (const point of found) await vectors.setTags(point.id, tagsWith(point.payload.tags));
    return found.length > 0;
  });
}

async function addCaption(
  live: Runtime['live'],
  { caption, indexedAt }: { caption: string; indexedAt: string },
  tagsWith: TagsWith,
): Promise<boolean> {
  return live.write(async ({ vectors, embedder }) => {
    const id = captionId(caption);
    const known = (await vectors.get([id])).get(id);
    if (known !== undefined && !known.deleted) {
      await vectors.setTags(id, tagsWith(known.payload.tags));
      return true;
    }
    const [read] = await embedder.readTexts([caption], ANY_LANGUAGE);
    const payload = { caption, tags: tagsWith([]), indexedAt, sequencer: known?.sequencer ?? '' };
    await vectors.upsert([captionPoint(id, read!, payload)], 'not-older');
    return true;
  });
}

function listAll(vectors: Runtime['vectors'], filter: Filter): AsyncGenerator<StoredPoint> {
  return everyItem((cursor) => vectors.list({ filter, limit: PAGE, cursor, order: 'id' }));
}
