import { signal } from '@preact/signals';
import type { MapPage } from '../client.ts';
import type { MapAnswer, MapTask } from '../map/worker.ts';
import { isAbort } from '../problem.ts';
import { addressOf, client, thumbnailUrl } from './session.ts';

export type MapItem = MapPage['items'][number];

export interface CollectionMap {
  readonly items: readonly MapItem[];
  /** x and y of each item, one after the other, mostly within -1 to 1. */
  readonly positions: Float32Array;
  /** False while positions still move. */
  readonly settled: boolean;
  /** Address of a small version of an item's picture. */
  readonly thumbnail: (item: MapItem, size: number) => string;
}

/** Where a map's vectors and pictures come from. */
export interface MapSource {
  /** Under which it is kept in this browser, together with the space. */
  readonly name: string;
  readonly download: (abort: AbortSignal) => Promise<MapVectors>;
  readonly thumbnail: CollectionMap['thumbnail'];
}

export interface MapVectors {
  readonly space: string;
  readonly dimension: number;
  readonly items: readonly MapItem[];
  /** Unit vectors as signed bytes, one after the other. */
  readonly bytes: Int8Array;
}

export const map = signal<CollectionMap | null>(null);
/** What the map is waiting for; null when it is done. */
export const mapProgress = signal<{ readonly what: 'loading' | 'arranging'; readonly share: number } | null>(null);
export const mapFault = signal<unknown>(null);

/** More points than this are not arranged in a browser in a time people wait; the first ones are shown. */
export const maxPoints = 20_000;
const cacheName = 'sightline-map';
/** With a larger share of new pictures the old map says little about them: everything is arranged again. */
const mostlyNew = 0.25;

let worker: Worker | undefined;

/** The pictures of the collection. */
export const collection: MapSource = {
  name: 'map',
  download,
  thumbnail: ({ id }, size) => thumbnailUrl(id, size),
};

/** Shows the known map with new pictures put into it, or makes one; `again` makes one anyway. */
export async function loadMap(source: MapSource, abort: AbortSignal, again = false): Promise<void> {
  mapFault.value = null;
  mapProgress.value = { what: 'loading', share: 0 };
  const { thumbnail } = source;
  try {
    const { space, dimension, items, bytes } = await source.download(abort);
    const cacheKey = `/${source.name}/${space}`;
    const known = again ? new Map<string, readonly [number, number]>() : await recall(cacheKey);
    const missing = items.filter(({ id }) => !known.has(id)).length;
    const keeps = items.length > 0 && missing <= items.length * mostlyNew;
    const positions = keeps
      ? Float32Array.from(items.flatMap(({ id }) => known.get(id) ?? [Number.NaN, Number.NaN]))
      : undefined;
    const done = await run({ bytes, dimension, positions }, abort, (answer) => {
      map.value = { items, positions: answer.positions, settled: answer.share >= 1, thumbnail };
      mapProgress.value = answer.share < 1 ? { what: 'arranging', share: answer.share } : null;
    });
    if (missing > 0 || known.size > items.length) await remember(cacheKey, items, done);
  } catch (error) {
    if (!isAbort(error) && !abort.aborted) mapFault.value = error;
  } finally {
    if (!abort.aborted) mapProgress.value = null;
  }
}

async function download(abort: AbortSignal): Promise<MapVectors> {
  const items: MapItem[] = [];
  const parts: string[] = [];
  let page: MapPage;
  let cursor: string | undefined;
  do {
    page = await client.map({ cursor, signal: abort });
    items.push(...page.items);
    parts.push(page.vectors);
    cursor = page.next;
  } while (cursor !== undefined && items.length < maxPoints);
  return { space: page.space, dimension: page.dimension, items, bytes: bytesOf(parts) };
}

/** Parts in base64 as one array. */
export function bytesOf(parts: readonly string[]): Int8Array {
  const binaries = parts.map((part) => atob(part));
  const bytes = new Int8Array(binaries.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const binary of binaries) for (let i = 0; i < binary.length; i++) bytes[at++] = binary.charCodeAt(i);
  return bytes;
}

/** Off the main thread, so that the page stays quick meanwhile. */
function run(task: MapTask, abort: AbortSignal, onAnswer: (answer: MapAnswer) => void): Promise<Float32Array> {
  worker?.terminate();
  const own = new Worker(addressOf(document.documentElement.dataset.mapWorker!), { type: 'module' });
  worker = own;
  return new Promise((resolve, reject) => {
    abort.addEventListener('abort', () => {
      own.terminate();
      reject(abort.reason);
    });
    own.onerror = (event) => reject(new Error(event.message || 'the map could not be made'));
    own.onmessage = ({ data }: MessageEvent<MapAnswer>) => {
      onAnswer(data);
      if (data.share < 1) return;
      own.terminate();
      resolve(data.positions);
    };
    own.postMessage(task);
  });
}

async function recall(cacheKey: string): Promise<Map<string, readonly [number, number]>> {
  try {
    const stored = await (await caches.open(cacheName)).match(cacheKey);
    return new Map((await stored?.json()) ?? []);
  } catch {
    return new Map();
  }
}

async function remember(cacheKey: string, items: readonly MapItem[], positions: Float32Array): Promise<void> {
  try {
    const entries = items.map(({ id }, i) => [id, [positions[i * 2], positions[i * 2 + 1]]]);
    await (await caches.open(cacheName)).put(cacheKey, Response.json(entries));
  } catch {
    // Without a cache the map is made again at each visit, the same one from the same pictures.
  }
}
