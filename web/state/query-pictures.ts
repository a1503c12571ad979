import { signal } from '@preact/signals';

/** Query pictures, kept in the browser under a name that appears in the URL. */

/** Longest edge sent with a search: the encoder uses much less. */
const maxEdge = 1024;
const sendAsIsBytes = 700_000;
const cacheName = 'sightline-query-pictures';

interface QueryPicture {
  readonly blob: Blob;
  /** A blob URL for display. */
  readonly url: string;
  readonly name: string;
}

const held = signal<ReadonlyMap<string, QueryPicture>>(new Map());

export function heldPicture(ref: string): QueryPicture | undefined {
  return held.value.get(ref);
}

/** Stores a query picture and returns its name. */
export async function holdPicture(file: Blob, name: string): Promise<string> {
  const blob = await scaledDown(file);
  const digest = await digestOf(blob);
  remember(digest, blob, name);
  await withCache((cache) =>
    cache.put(cachePath(digest), new Response(blob, { headers: { 'x-name': encodeURIComponent(name) } })),
  );
  return digest;
}

/** Restores a picture after a reload; false if this browser does not have it. */
export async function recallPicture(ref: string): Promise<boolean> {
  if (held.value.has(ref)) return true;
  const found = await withCache((cache) => cache.match(cachePath(ref)));
  if (!found) return false;
  remember(ref, await found.blob(), decodeURIComponent(found.headers.get('x-name') ?? 'picture'));
  return true;
}

function remember(ref: string, blob: Blob, name: string): void {
  const before = held.value.get(ref);
  if (before) return;
  held.value = new Map([...held.value, [ref, { blob, url: URL.createObjectURL(blob), name }]]);
}

/** Scaled down if the browser can decode it; otherwise unchanged, and the server decides. */
async function scaledDown(file: Blob): Promise<Blob> {
  if (file.size <= sendAsIsBytes && /^image\/(jpeg|png|webp)$/.test(file.type)) return file;
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, maxEdge / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = canvas.getContext('2d')!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
  } catch {
    return file;
  }
}

/** Web Crypto and Cache Storage require https or loopback; elsewhere a picture is lost on reload. */
async function digestOf(blob: Blob): Promise<string> {
  if (!globalThis.crypto.subtle) return Math.random().toString(36).slice(2, 12);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function cachePath(ref: string): string {
  return `/query-pictures/${encodeURIComponent(ref)}`;
}

async function withCache<T>(use: (cache: Cache) => Promise<T>): Promise<T | undefined> {
  try {
    return 'caches' in globalThis ? await use(await caches.open(cacheName)) : undefined;
  } catch {
    return undefined;
  }
}
