import { signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';
import type { MapPage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import type { MapAnswer, MapTask } from '../map/worker.ts';
import { addressOf, client, thumbnailUrl } from './server.ts';
import { readStorage, writeStorage } from './storage.ts';

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
  /** The name under which it is kept in this browser. */
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
/** With a larger share of new pictures the old map says little about them: everything is arranged again. */
const mostlyNew = 0.25;

type Point = readonly [x: number, y: number];

let worker: Worker | undefined;

/** The pictures of the collection. */
export const collection: MapSource = {
  name: 'sightline-map',
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
    const known = again ? new Map<string, Point>() : recall(source.name, space);
    const missing = items.filter(({ id }) => !known.has(id)).length;
    const keeps = items.length > 0 && missing <= items.length * mostlyNew;
    const positions = keeps
      ? Float32Array.from(items.flatMap(({ id }) => known.get(id) ?? [Number.NaN, Number.NaN]))
      : undefined;
    const done = await run({ bytes, dimension, positions }, abort, (answer) => {
      map.value = { items, positions: answer.positions, settled: answer.share >= 1, thumbnail };
      mapProgress.value = answer.share < 1 ? { what: 'arranging', share: answer.share } : null;
    });
    if (missing > 0 || known.size > items.length) remember(source.name, space, items, done);
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
    own.onerror = (event) => reject(new Error(event.message || t('fault.map')));
    own.onmessage = ({ data }: MessageEvent<MapAnswer>) => {
      onAnswer(data);
      if (data.share < 1) return;
      own.terminate();
      resolve(data.positions);
    };
    own.postMessage(task);
  });
}

/** Positions by id as they were kept. Local storage, because browsers have no Cache Storage over plain HTTP. */
function recall(name: string, space: string): Map<string, Point> {
  try {
    const kept = JSON.parse(readStorage(() => localStorage, name) ?? '{}') as {
      space?: string;
      points?: [string, Point][];
    };
    return new Map(kept.space === space ? kept.points : []);
  } catch {
    return new Map();
  }
}

function remember(name: string, space: string, items: readonly MapItem[], positions: Float32Array): void {
  const points = items.map(({ id }, i) => [id, [rounded(positions[i * 2]!), rounded(positions[i * 2 + 1]!)]]);
  writeStorage(() => localStorage, name, JSON.stringify({ space, points }));
}

/** Finer than a pixel of the largest map, in a third of the characters. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
