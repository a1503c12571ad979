/** Loads thumbnails for the map a few at a time and decodes them off the main thread, so that drawing never waits. */

const atATime = { resting: 8, moving: 2 };
/** Decoded thumbnails to keep besides those of the last drawing; each takes 4 bytes per pixel. */
const keptPixels = 16_000_000;
/** Wait before requesting a thumbnail again after it failed. */
const againMs = 5000;

/** In order of use, most recent last. */
const decoded = new Map<string, ImageBitmap>();
/** Not to be requested for now. */
const failed = new Set<string>();
const loading = new Set<string>();
let pixels = 0;

/** Addresses needed by one drawing: loaded ones are drawn, missing ones are fetched in the order requested. */
export interface Thumbnails {
  readonly get: (url: string) => ImageBitmap | undefined;
  /**
   * Ends the drawing: fetches the missing thumbnails, drops requests of earlier drawings, and calls `arrived` for each.
   * Fetches only a few at a time while the map moves, since most are just passing by and drawing needs the CPU.
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
    // A missing thumbnail does no harm: its point is drawn.
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

/** The server says that this picture does not exist. */
class NeverThere extends Error {}

async function blobOf(url: string): Promise<Blob> {
  // The content security policy forbids fetching data: URLs, so they are decoded here.
  const [, type, base64] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
  if (base64 !== undefined) return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
  const response = await fetch(url, { priority: 'low' });
  if (response.status === 404 || response.status === 410) throw new NeverThere(url);
  if (!response.ok) throw new Error(`no picture, but ${response.status}`);
  return response.blob();
}
