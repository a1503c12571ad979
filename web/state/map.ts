import { signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';
import type { MapPage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import type { MapAnswer, MapTask } from '../map/worker.ts';
import { readStorage, writeStorage } from './local-storage.ts';
import { addressOf, client, thumbnailUrl } from './server-urls.ts';

export type MapItem = MapPage['items'][number];

export interface CollectionMap {
  readonly items: readonly MapItem[];
  /** x and y of each item, interleaved, mostly within -1 to 1. */
  readonly positions: Float32Array;
  /** False while positions are still changing. */
  readonly settled: boolean;
  /** Thumbnail URL of an item. */
  readonly thumbnail: (item: MapItem, size: number) => string;
}

/** Source of a map's vectors and pictures. */
export interface MapSource {
  /** Key of the map in this browser's storage. */
  readonly name: string;
  readonly download: (abort: AbortSignal) => Promise<MapVectors>;
  readonly thumbnail: CollectionMap['thumbnail'];
}

export interface MapVectors {
  readonly space: string;
  readonly dimension: number;
  readonly items: readonly MapItem[];
  /** Unit vectors as signed bytes, concatenated. */
  readonly bytes: Int8Array;
}

export const map = signal<CollectionMap | null>(null);
/** What the map is waiting for; null when finished. */
export const mapProgress = signal<{ readonly what: 'loading' | 'arranging'; readonly share: number } | null>(null);
export const mapFault = signal<unknown>(null);

/** Arranging more points than this takes too long in a browser; only the first ones are shown. */
export const maxPoints = 20_000;
/** With a larger share of new pictures, the old map is a poor guide, so everything is rearranged. */
const mostlyNew = 0.25;

type Point = readonly [x: number, y: number];

let worker: Worker | undefined;

/** The map of the collection. */
export const collection: MapSource = {
  name: 'sightline-map',
  download,
  thumbnail: ({ id }, size) => thumbnailUrl(id, size),
};

/** Adds new pictures to the stored map, or computes one; `again` forces a new one. */
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

/** Decodes base64 parts into one array. */
export function bytesOf(parts: readonly string[]): Int8Array {
  const binaries = parts.map((part) => atob(part));
  const bytes = new Int8Array(binaries.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const binary of binaries) for (let i = 0; i < binary.length; i++) bytes[at++] = binary.charCodeAt(i);
  return bytes;
}

/** Runs in a worker, so that the page stays responsive. */
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

/** Stored positions by id. In local storage, because Cache Storage is not available over plain HTTP. */
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

/** More precise than a pixel of the largest map, in a third of the characters. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
