import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { unavailable } from '../files/file-errors.ts';
import { writeJsonFile } from '../files/json-file.ts';
import { fetchFile, type HubAnswer, HubBusy, type HubFile, type HubOptions, type HubRepo } from './client.ts';

/** Downloads one file of the hub to disk: complete and verified, or not at all. */

export interface Download {
  readonly repo: HubRepo;
  /** A commit, so that all attempts get the same file. */
  readonly revision: string;
  readonly path: string;
  /** Destination; a partial download is kept beside it as `.part`. */
  readonly to: string;
  /** Size and hash of an earlier download; others are refused. */
  readonly expected?: { readonly bytes: number; readonly sha256: string } | null;
  readonly onProgress?: (bytes: number, total: number | null) => void;
  readonly signal?: AbortSignal;
  /** Consecutive failures without a received byte before giving up. @default 5 */
  readonly tries?: number;
  /** First wait between attempts; doubles. @default 1,000 ms */
  readonly waitMs?: number;
}

export interface Downloaded {
  readonly bytes: number;
  readonly sha256: string;
  /** According to the hub. */
  readonly commit: string | null;
}

/** If the server asks for a longer wait, the user is told instead. */
const LONGEST_WAIT_MS = 300_000;
/** Disk space to leave free. */
const SPARE_BYTES = 16 * 1024 ** 2;

/**
 * Downloads a file, resuming an earlier call, retrying after broken connections and busy servers, and puts it in place
 * once its checksums are right. Attempts are counted since the last received byte, which p-retry cannot do.
 * @throws {unavailable} (received bytes are kept for the next call)
 * @throws {model-mismatch} for bytes other than `expected`
 * @throws {not-found}
 * @throws {invalid-config}
 */
export async function downloadFile(hub: HubOptions, download: Download): Promise<Downloaded> {
  const { to, signal, tries = 5, waitMs = 1000 } = download;
  await mkdir(dirname(to), { recursive: true }).catch((error: unknown) => {
    throw unavailable(error, 'make', dirname(to));
  });
  let [failures, wrong] = [0, 0];
  for (;;) {
    const before = await sizeOf(partOf(to));
    try {
      const file = await receive(hub, download);
      const checked = await check(file, download);
      if (typeof checked !== 'string') return checked;
      // Wrong bytes cannot be resumed. Once may be the connection, twice is the server.
      await discard(to);
      if (++wrong === 2) throw new SightlineError('unavailable', checked);
    } catch (error) {
      if (!(error instanceof HubBusy)) throw error;
      failures = (await sizeOf(partOf(to))) > before ? 1 : failures + 1;
      const wait = error.afterMs ?? waitMs * 2 ** (failures - 1);
      if (failures >= tries || wait > LONGEST_WAIT_MS) {
        const later = wait > LONGEST_WAIT_MS ? `; asked to come back in ${Math.ceil(wait / 60_000)} min` : '';
        throw new SightlineError('unavailable', `${error.message}${later}; the next call goes on from here`, {
          cause: error,
        });
      }
      await sleep(wait, undefined, { signal });
    }
  }
}

const partSchema = z.object({ etag: z.string().min(1), revision: z.string() });

/**
 * Completes the partial file.
 * @throws {HubBusy} when the connection ends early
 */
async function receive(hub: HubOptions, download: Download): Promise<HubFile> {
  const { to, signal, onProgress } = download;
  const have = await sizeOf(partOf(to));
  const known = have > 0 ? await readPart(to) : null;
  const resume = known !== null && known.revision === download.revision ? { from: have, etag: known.etag } : null;
  const answer = await fetchFile(hub, download, resume, signal).catch((error: unknown) => {
    if (resume !== null && error instanceof HubBusy && error.message.endsWith('HTTP 416')) return null;
    throw error;
  });
  if (answer === null) return nothingLeft(hub, download, have);
  const { file, response } = answer;
  const from = continues(response, resume?.from ?? 0) ? resume!.from : 0;
  await enoughRoom(to, file.bytes === null ? 0 : file.bytes - from);
  await using handle = await openPart(to, from);
  try {
    const etag = response.headers.get('etag');
    // A weak etag does not guarantee identical bytes.
    if (etag !== null && !etag.startsWith('W/'))
      await writeJsonFile(`${partOf(to)}.json`, { etag, revision: download.revision });
    let total = from;
    for await (const chunk of withoutSilence({ file, response }, hub.idleMs ?? 30_000, signal)) {
      await handle.write(chunk, 0, chunk.length, total);
      total += chunk.length;
      onProgress?.(total, file.bytes);
    }
    if (file.bytes !== null && total < file.bytes)
      throw new HubBusy(`${download.path}: the connection ended at ${total} of ${file.bytes} bytes`, null);
    await handle.sync();
    return file;
  } catch (error) {
    throw unavailable(error, 'write', partOf(to));
  }
}

/**
 * The server has nothing after the partial file: either it is complete, and an earlier call ended before the check, or
 * it is wrong.
 */
async function nothingLeft(hub: HubOptions, download: Download, have: number): Promise<HubFile> {
  const { file, response } = await fetchFile(hub, download, null, download.signal);
  await response.body?.cancel();
  if (file.bytes === have) return file;
  await discard(download.to);
  throw new HubBusy(`${download.path}: ${have} bytes were there, expected at most ${file.bytes}`, null);
}

/** Whether a response is the rest of the file from `from` on. */
function continues(response: Response, from: number): boolean {
  return (
    response.status === 206 && from > 0 && response.headers.get('content-range')?.startsWith(`bytes ${from}-`) === true
  );
}

async function* withoutSilence(
  { response }: HubAnswer,
  idleMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader();
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new HubBusy(`no byte for ${idleMs} ms`, null)), idleMs);
      });
      const { done, value } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof HubBusy
      ? error
      : new HubBusy(`the connection broke (${(error as Error).message})`, null, error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * Checks the partial file against the hub and the lock, and puts it in place; returns a text if the bytes are wrong.
 */
async function check(file: HubFile, { to, path, expected }: Download): Promise<Downloaded | string> {
  const bytes = await sizeOf(partOf(to));
  const sha256 = createHash('sha256');
  // Git hashes a header with the length before the content (Pro Git, 10.2 "Object Storage").
  const git = createHash('sha1').update(`blob ${bytes}\0`);
  await hashPart(to, [sha256, git]);
  const actual = { sha256: sha256.digest('hex'), 'git-sha1': git.digest('hex') };
  const { checksum } = file;
  if (file.bytes !== null && bytes !== file.bytes)
    return `${path}: expected ${file.bytes} bytes, as the hub says, got ${bytes}`;
  if (checksum !== null && actual[checksum.algorithm] !== checksum.hex) {
    return (
      `${path}: expected ${checksum.algorithm} ${checksum.hex}, as the hub says, got ` + `${actual[checksum.algorithm]}`
    );
  }
  if (expected && actual.sha256 !== expected.sha256) {
    await discard(to);
    throw new SightlineError(
      'model-mismatch',
      `${path}: expected SHA-256 ${expected.sha256}, as pinned, got ${actual.sha256}`,
    );
  }
  try {
    await rename(partOf(to), to);
  } catch (error) {
    throw unavailable(error, 'write', to);
  }
  await rm(`${partOf(to)}.json`, { force: true });
  return { bytes, sha256: actual.sha256, commit: file.commit };
}

async function hashPart(to: string, hashes: readonly Hash[]): Promise<void> {
  for await (const chunk of createReadStream(partOf(to), { highWaterMark: 1 << 20 }))
    for (const hash of hashes) hash.update(chunk as Buffer);
}

async function enoughRoom(to: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(to));
  const free = bavail * bsize;
  if (free >= bytes + SPARE_BYTES) return;
  const mb = (n: number) => `${Math.ceil(n / 1e6)} MB`;
  throw new SightlineError(
    'unavailable',
    `${to}: expected ${mb(bytes + SPARE_BYTES)} of free disk, got ${mb(free)}: free some space and try again`,
  );
}

async function openPart(to: string, from: number): Promise<FileHandle> {
  try {
    const handle = await open(partOf(to), from > 0 ? 'r+' : 'w');
    await handle.truncate(from);
    return handle;
  } catch (error) {
    throw unavailable(error, 'write', partOf(to));
  }
}

async function readPart(to: string): Promise<z.infer<typeof partSchema> | null> {
  const text = await readFile(`${partOf(to)}.json`, 'utf8').catch(() => '');
  try {
    return partSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

async function discard(to: string): Promise<void> {
  await rm(partOf(to), { force: true });
  await rm(`${partOf(to)}.json`, { force: true });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function partOf(to: string): string {
  return `${to}.part`;
}
