import { randomUUID } from 'node:crypto';
import { type FileHandle, link, lstat, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSightlineError, SightlineError } from '../../errors.ts';
import { systemCode, unavailable } from '../../files/file-errors.ts';
import type { ObjectInfo, ObjectStore } from '../../ports.ts';
import { exclusively } from '../../util/keyed-mutex.ts';
import { invalidKey, newSegmentsOf } from './key.ts';
import { caseClash, enterFolder, enterRoot, isStoredAs, type OpenDirectory, type Root } from './open-directory.ts';
import { etagOf, objectInfoOf, rememberUpload } from './open-file.ts';

type Body = Parameters<ObjectStore['put']>[1];
type PutOptions = NonNullable<Parameters<ObjectStore['put']>[2]>;

/** Hidden folder for unfinished writes, on the same file system as their destination. */
export const WORKSHOP = '.sightline';
/** A running write of a picture receives bytes more often; older files were left by a crash. */
const STALE_AFTER_MS = 3_600_000;

/**
 * Removes leftovers of unfinished writes, if permitted.
 * @throws {unavailable} when there is no root
 */
export async function removeStaleWrites(root: Root): Promise<void> {
  await (await enterRoot(root)).close();
  const found = await enterFolder(root, [WORKSHOP]).catch(() => null);
  if (found === null || 'blocked' in found) return;
  await using workshop = found;
  for (const name of await readdir(workshop.path)) {
    const path = join(workshop.path, name);
    const stat = await lstat(path).catch(() => null);
    if (stat?.isFile() && Date.now() - stat.mtimeMs > STALE_AFTER_MS) await unlink(path).catch(() => {});
  }
}

/**
 * `ObjectStore.put` for a folder: a complete, synced file replaces the old one atomically, or nothing happens.
 */
export async function putObject(root: Root, key: string, body: Body, options: PutOptions): Promise<ObjectInfo> {
  try {
    return await store(root, key, body, options);
  } catch (error) {
    // Tell the sender of the body that it is no longer read.
    if (!(body instanceof Uint8Array) && !body.locked) await body.cancel(error).catch(() => {});
    throw error;
  }
}

async function store(root: Root, key: string, body: Body, options: PutOptions): Promise<ObjectInfo> {
  const names = newSegmentsOf(key);
  const name = names.pop()!;
  options.signal?.throwIfAborted();
  // Checked before the body is read, to refuse early, and again when the file is put in place, to be sure.
  if (options.ifMatch !== undefined || options.ifNoneMatch !== undefined) {
    const found = await enterFolder(root, names);
    await using directory = 'blocked' in found ? null : found;
    checkCondition(key, directory && (await storedEtag(directory, name, key)), options);
  }
  const found = await enterFolder(root, [WORKSHOP], { create: true });
  if ('blocked' in found) throw new SightlineError('unavailable', `storing a picture ${found.problem}`);
  await using workshop = found;
  const shown = join(root.path, ...names, name);
  const temporary = join(workshop.path, `${process.pid}-${randomUUID()}`);
  try {
    await using handle = await open(temporary, 'wx+');
    await fill(handle, body, options);
    await handle.utimes(...uniqueTimes());
    await handle.sync();
    options.signal?.throwIfAborted();
    return await exclusively(shown, async () => {
      await place(root, names, name, key, temporary, options);
      const stat = await handle.stat({ bigint: true });
      const { fileTime, ...info } = await objectInfoOf(key, { handle, stat, shown });
      rememberUpload(info);
      return info;
    });
  } catch (error) {
    throw unavailable(error, 'store', shown);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

/**
 * Writes the whole body.
 * @throws {too-large} as soon as the limit is exceeded, and what the body throws
 */
async function fill(handle: FileHandle, body: Body, options: PutOptions): Promise<void> {
  const { maxBytes = Number.POSITIVE_INFINITY, signal } = options;
  let total = 0;
  const write = async (chunk: Uint8Array) => {
    total += chunk.length;
    if (total > maxBytes) {
      throw new SightlineError('too-large', `expected at most ${maxBytes} bytes, got more`, { details: { maxBytes } });
    }
    for (let done = 0; done < chunk.length; ) {
      done += (await handle.write(chunk, done, chunk.length - done)).bytesWritten;
    }
  };
  if (body instanceof Uint8Array) return write(body);
  const reader = body.getReader();
  // Unblocks a read of a body that never arrives.
  const abort = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      await write(value);
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Puts the finished file in place if the condition still holds. */
async function place(
  root: Root,
  names: readonly string[],
  name: string,
  key: string,
  temporary: string,
  options: PutOptions,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await placeOnce(root, names, name, key, temporary, options);
    } catch (error) {
      // A delete may have removed a folder on the way, empty as it was, between two steps.
      const code = systemCode(error) ?? (isSightlineError(error, 'unavailable') ? error.details.code : null);
      if (code !== 'ENOENT' || attempt > 5) throw error;
    }
  }
}

async function placeOnce(...[root, names, name, key, temporary, options]: Parameters<typeof place>): Promise<void> {
  const found = await enterFolder(root, names, { create: true });
  if ('blocked' in found) throw invalidKey(key, found.problem);
  await using parent = found;
  checkCondition(key, await storedEtag(parent, name, key), options);
  const target = join(parent.path, name);
  if (options.ifNoneMatch === undefined) await rename(temporary, target);
  else await linkNew(temporary, target, key);
  await parent.sync();
}

/** Unlike a rename, a link fails if the name is taken, even if another process took it just now. */
export async function linkNew(temporary: string, target: string, key: string): Promise<void> {
  try {
    await link(temporary, target);
    await unlink(temporary);
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') throw conditionFailed(key, 'no object', 'one');
    // exFAT and some network drives have no links: there, only writers within this process exclude each other.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
    await rename(temporary, target);
  }
}

/**
 * The etag of the object, null when there is none.
 * @throws {invalid-key} when something else has its name
 */
export async function storedEtag(parent: OpenDirectory, name: string, key: string): Promise<string | null> {
  const stat = await lstat(join(parent.path, name), { bigint: true }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw unavailable(error, 'look at', join(parent.shown, name));
  });
  if (stat === null) return null;
  if (!(await isStoredAs(parent, name))) throw invalidKey(key, caseClash(name).problem);
  if (!stat.isFile()) throw invalidKey(key, `is taken by a folder or a symbolic link, ${join(parent.shown, name)}`);
  return etagOf(stat, parent.path);
}

function checkCondition(key: string, etag: string | null, options: Pick<PutOptions, 'ifMatch' | 'ifNoneMatch'>): void {
  if (options.ifNoneMatch !== undefined && etag !== null) throw conditionFailed(key, 'no object', etag);
  if (options.ifMatch !== undefined && etag !== options.ifMatch) {
    throw conditionFailed(key, `etag ${options.ifMatch}`, etag ?? 'no object');
  }
}

export function conditionFailed(key: string, expected: string, got: string): SightlineError {
  return new SightlineError('precondition-failed', `expected ${expected} under ${JSON.stringify(key)}, found ${got}`);
}

/** `ObjectStore.delete` for a folder. Also removes folders that become empty: a bucket has none. */
export async function deleteObject(root: Root, key: string, names: readonly string[], ifMatch?: string): Promise<void> {
  const parents = names.slice(0, -1);
  const name = names.at(-1)!;
  const shown = join(root.path, ...names);
  await exclusively(shown, async () => {
    const found = await enterFolder(root, parents);
    if ('blocked' in found) {
      if (ifMatch !== undefined) throw conditionFailed(key, `etag ${ifMatch}`, 'no object');
      return;
    }
    await using parent = found;
    try {
      const stat = await lstat(join(parent.path, name), { bigint: true }).catch(() => null);
      const etag = stat?.isFile() && (await isStoredAs(parent, name)) ? etagOf(stat, parent.path) : null;
      checkCondition(key, etag, { ifMatch });
      if (etag === null) return;
      await unlink(join(parent.path, name));
      await parent.sync();
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw unavailable(error, 'delete', shown);
    }
    await removeEmptyFolders(root, parents);
  });
}

export async function removeEmptyFolders(root: Root, names: readonly string[]): Promise<void> {
  for (let depth = names.length; depth > 0; depth--) {
    const found = await enterFolder(root, names.slice(0, depth - 1));
    if ('blocked' in found) return;
    await using parent = found;
    try {
      await rmdir(join(parent.path, names[depth - 1]!));
    } catch {
      // Not empty, or not permitted: the object itself is gone, which is all that was requested.
      return;
    }
  }
}

let lastTime = 0;

/**
 * Access and modification time for a new file, in seconds, unique within this process. Kernels before 6.13 stamp files
 * with a resolution of 1 to 4 ms, during which an inode can be freed and reused: the etag would not change.
 */
function uniqueTimes(): [number, number] {
  lastTime = Math.max(lastTime + 1e-6, (performance.timeOrigin + performance.now()) / 1000);
  return [lastTime, lastTime];
}
