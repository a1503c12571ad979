/** Small pictures for the map: fetched a few at a time, decoded off the main thread, so that drawing waits for none. */

const atATime = { resting: 8, moving: 2 };
/** Kept decoded, 4 bytes each, beside those of the last drawing. */
const keptPixels = 16_000_000;
/** A picture that could not be had is asked for again after this. */
const againMs = 5000;

/** Those used last are the last in it. */
const decoded = new Map<string, ImageBitmap>();
/** Not asked for at the moment. */
const failed = new Set<string>();
const loading = new Set<string>();
let pixels = 0;

/** Addresses that one drawing needs: what is there is drawn, what is missing comes in the order it was asked for. */
export interface Thumbnails {
  readonly get: (url: string) => ImageBitmap | undefined;
  /**
   * Ends the drawing: the missing ones are fetched, those of earlier drawings no longer; `arrived` is called for each.
   * Few at a time while the map is moving, when many are only passed and drawing needs the processor itself.
   */
  readonly fetch: (moving: boolean, arrived: () => void) => void;
}

let wanted: string[] = [];
let most = atATime.resting;

export function thumbnailsOfDrawing(): Thumbnails {
  const used = new Set<string>();
  const missing: string[] = [];
  return {
    get(url) {
      const bitmap = decoded.get(url);
      if (bitmap) {
        used.add(url);
        decoded.delete(url);
        decoded.set(url, bitmap);
      } else if (url !== '') missing.push(url);
      return bitmap;
    },
    fetch(moving, arrived) {
      forget(used);
      wanted = missing.filter((url) => !failed.has(url) && !loading.has(url));
      most = moving ? atATime.moving : atATime.resting;
      loadMore(arrived);
    },
  };
}

function loadMore(arrived: () => void): void {
  while (loading.size < most && wanted.length > 0) void load(wanted.shift()!, arrived);
}

async function load(url: string, arrived: () => void): Promise<void> {
  loading.add(url);
  try {
    const bitmap = await createImageBitmap(await blobOf(url));
    decoded.set(url, bitmap);
    pixels += bitmap.width * bitmap.height;
    arrived();
  } catch (error) {
    // A map without one of its pictures is still a map: its point is there.
    failed.add(url);
    if (!(error instanceof NeverThere)) setTimeout(() => askAgain(url, arrived), againMs);
  }
  loading.delete(url);
  loadMore(arrived);
}

function askAgain(url: string, arrived: () => void): void {
  failed.delete(url);
  arrived();
}

function forget(used: ReadonlySet<string>): void {
  for (const [url, bitmap] of decoded) {
    if (pixels <= keptPixels || used.has(url)) return;
    decoded.delete(url);
    pixels -= bitmap.width * bitmap.height;
    bitmap.close();
  }
}

/** The server says that it has no such picture. */
class NeverThere extends Error {}

async function blobOf(url: string): Promise<Blob> {
  // The page may not connect to data: addresses, so they are taken apart here.
  const [, type, base64] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
  if (base64 !== undefined) return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
  const response = await fetch(url, { priority: 'low' });
  if (response.status === 404 || response.status === 410) throw new NeverThere(url);
  if (!response.ok) throw new Error(`no picture, but ${response.status}`);
  return response.blob();
}
