import { z } from 'zod';
import { SightlineError } from '../core/errors.ts';
import { captionId, imageId } from '../core/index-image.ts';
import type { Filter, StoredPoint } from '../core/ports.ts';
import type { Trash } from '../core/trash.ts';
import type { ImagePayload } from '../core/types.ts';
import type { Runtime } from './runtime.ts';

/**
 * What only the index knows: tags of pictures, captions, and what lies in the trash. One JSON document a line, pictures
 * by folder, key and hash, so that it can be put into another index of the same pictures, wherever they are there.
 */
const tags = z.array(z.string());
const picture = { folder: z.string(), key: z.string(), sha256: z.string(), tags };
const line = z.discriminatedUnion('type', [
  z.object({ type: z.literal('picture'), ...picture, indexedAt: z.string() }),
  z.object({ type: z.literal('trash'), ...picture, deletedAt: z.string() }),
  z.object({ type: z.literal('caption'), caption: z.string().min(1), tags, indexedAt: z.string() }),
]);
export type UserData = z.output<typeof line>;

const PAGE = 1000;

/** Everything that only the index knows: pictures with tags, all captions, all of the trash. */
export async function* exportUserData(
  { vectors, folders }: Pick<Runtime, 'vectors' | 'folders'>,
  trash: Pick<Trash, 'list'>,
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
  let cursor: string | undefined;
  do {
    const page = await trash.list({ limit: 200, cursor });
    for (const { deletedAt, picture: payload } of page.items) {
      const { key, sha256 } = payload;
      yield { type: 'trash', folder: nameOf(payload.bucket), key, sha256, tags: [...payload.tags], deletedAt };
    }
    cursor = page.next;
  } while (cursor !== undefined);
}

/** Documents by what became of them. */
export interface Imported {
  /** Now as the file says, or more: what the index knew stays. */
  readonly taken: number;
  /** Of pictures that this index does not have. */
  readonly unknown: number;
}

/**
 * Puts exported lines into an index. Pictures are found by folder and key where their bytes are the same, else by their
 * bytes alone. Nothing is taken away, so it may be done again.
 *
 * @throws {invalid-input} naming the line that is none
 */
export async function importUserData(
  { live, folders }: Pick<Runtime, 'live' | 'folders'>,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<Imported> {
  const counts = { taken: 0, unknown: 0 };
  let number = 0;
  for await (const text of lines) {
    number++;
    if (text.trim() === '') continue;
    const entry = parseLine(text, number);
    const isTaken =
      entry.type === 'caption'
        ? await addCaption(live, entry)
        : await addTags(live, folders.bucketOf(entry.folder), entry);
    counts[isTaken ? 'taken' : 'unknown']++;
  }
  return counts;
}

function parseLine(text: string, number: number): UserData {
  try {
    return line.parse(JSON.parse(text.replace(/^\ufeff/, '')));
  } catch (cause) {
    const message =
      `line ${number}: expected one JSON document as sightline export writes it, got ` + `${text.slice(0, 80)}`;
    throw new SightlineError('invalid-input', message, { cause });
  }
}

async function addTags(
  live: Runtime['live'],
  bucket: string,
  { key, sha256, tags }: { key: string; sha256: string; tags: readonly string[] },
): Promise<boolean> {
  return live.write(async ({ vectors }) => {
    const id = imageId(bucket, key);
    const named = (await vectors.get([id])).get(id);
    const isNamed = named !== undefined && !named.deleted && (named.payload as ImagePayload).sha256 === sha256;
    const found = isNamed
      ? [named as StoredPoint]
      : (await vectors.list({ filter: { kind: 'image', sha256 }, limit: PAGE, order: 'id' })).items;
    for (const point of found) await vectors.setTags(point.id, [...new Set([...point.payload.tags, ...tags])]);
    return found.length > 0;
  });
}

async function addCaption(
  live: Runtime['live'],
  { caption, tags, indexedAt }: { caption: string; tags: readonly string[]; indexedAt: string },
): Promise<boolean> {
  return live.write(async ({ vectors, embedder }) => {
    const id = captionId(caption);
    const known = (await vectors.get([id])).get(id);
    if (known !== undefined && !known.deleted) {
      await vectors.setTags(id, [...new Set([...known.payload.tags, ...tags])]);
      return true;
    }
    const [vector] = await embedder.embedTexts([caption]);
    const payload = { kind: 'caption', caption, tags, indexedAt, sequencer: known?.sequencer ?? '' } as const;
    await vectors.upsert([{ id, vector: vector!, payload }], 'not-older');
    return true;
  });
}

async function* listAll(vectors: Runtime['vectors'], filter: Filter): AsyncGenerator<StoredPoint> {
  let cursor: string | undefined;
  do {
    const page = await vectors.list({ filter, limit: PAGE, cursor, order: 'id' });
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}
