import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { constants, statfsSync } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { systemCode, unavailable } from '../../files/file-errors.ts';
import { contentTypeOf } from '../../picture/format.ts';
import type { ListedObject, ObjectInfo } from '../../ports.ts';
import { isStoredAs, type OpenDirectory } from './open-directory.ts';

/** Enough for the first directory of most camera raw files; other formats are told by a few bytes. */
const SNIFFED_BYTES = 4096;
const CHUNK_BYTES = 256 * 1024;

/**
 * Etags of files stored by this process: their times are those of uploads. The index remembers that for longer.
 */
const uploads = new LRUCache<string, true>({ max: 100_000 });

export function rememberUpload({ etag }: ObjectInfo): void {
  uploads.set(etag, true);
}

/** A file opened once, so that everything read from it is one version. */
export interface OpenedFile {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  readonly shown: string;
}

/**
 * Opens the regular file `name` in `place`, or returns null: symbolic links, folders, devices and names in another case
 * are not objects. The caller closes the handle.
 * @throws {unavailable}
 */
export async function openFile(
  directory: Pick<OpenDirectory, 'path' | 'shown'>,
  name: string,
): Promise<OpenedFile | null> {
  const shown = join(directory.shown, name);
  let handle: FileHandle;
  try {
    // Non-blocking, because opening a named pipe would otherwise wait for a writer.
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    handle = await open(join(directory.path, name), flags);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO', 'EISDIR'].includes(systemCode(error) ?? '')) return null;
    throw unavailable(error, 'read', shown);
  }
  try {
    const stat = await handle.stat({ bigint: true });
    if (stat.isFile() && (await isStoredAs(directory, name))) return { handle, stat, shown };
  } catch (error) {
    await handle.close();
    if (systemCode(error) === 'ENOENT') return null;
    throw unavailable(error, 'read', shown);
  }
  await handle.close();
  return null;
}

/**
 * What of a file lasts as long as its content. Linux makes inode numbers up for FAT and exFAT, and most FUSE file
 * systems do (sshfs, for example): others at each mount, and whenever a file was forgotten. FAT and exFAT have no
 * ctime, either.
 */
type Identity = 'inode and times' | 'times' | 'mtime';

/** By type of file system, see statfs(2); there are none of these numbers on other systems than Linux. */
const IDENTITIES: ReadonlyMap<number, Identity> = new Map([
  [0x4d44, 'mtime'],
  [0x2011bab0, 'mtime'],
  [0x65735546, 'times'],
]);
/** By device: asked once, and whenever a root is opened, because another drive may have got its number. */
const identities = new Map<bigint, Identity>();

/** Learns what lasts on the device of a root; whether its inode numbers do. */
export async function learnDevice(dev: bigint, root: string): Promise<boolean> {
  const { type } = await statfs(root);
  identities.set(dev, IDENTITIES.get(type) ?? 'inode and times');
  return identities.get(dev) === 'inode and times';
}

/** A drive mounted below the root is asked when its first file is met. */
function identityOf(dev: bigint, path: string, typeOf: (path: string) => number): Identity {
  const known = identities.get(dev);
  if (known !== undefined) return known;
  try {
    const identity = IDENTITIES.get(typeOf(path)) ?? 'inode and times';
    identities.set(dev, identity);
    return identity;
  } catch {
    // It is gone by now.
    return 'inode and times';
  }
}

/**
 * The etag of a file, from what the file system knows about it, so that listing a folder reads no file. Replacing a
 * file changes its inode, writing to it changes its times; ctime cannot be set back. The etag also changes with
 * permissions, or when the folder is copied to another disk: the picture is then read again, recognised by its SHA-256,
 * and not embedded again.
 * @param path of the file, or of its folder
 * @param typeOf the type of the file system of a path
 */
export function etagOf(
  { dev, ino, size, mtimeNs, ctimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>,
  path: string,
  typeOf = (path: string) => statfsSync(path).type,
): string {
  const identity = identityOf(dev, path, typeOf);
  const parts = [
    ...(identity === 'inode and times' ? [ino] : []),
    size,
    mtimeNs,
    ...(identity === 'mtime' ? [] : [ctimeNs]),
  ];
  return createHash('sha256').update(parts.join(':')).digest('hex').slice(0, 32);
}

/** @param path of the file, or of its folder */
export function listedObjectOf(key: string, stat: BigIntStats, path: string): ListedObject {
  const { size, mtimeMs } = stat;
  return { key, bytes: Number(size), etag: etagOf(stat, path), lastModified: new Date(Number(mtimeMs)) };
}

/** Describes the object `key`, which is the open `file`. */
export async function objectInfoOf(key: string, file: OpenedFile): Promise<ObjectInfo> {
  const head = new Uint8Array(Math.min(SNIFFED_BYTES, Number(file.stat.size)));
  try {
    const { bytesRead } = await file.handle.read(head, 0, head.length, 0);
    const info = {
      ...listedObjectOf(key, file.stat, file.shown),
      contentType: contentTypeOf(head.subarray(0, bytesRead)),
    };
    return uploads.has(info.etag) ? info : { ...info, fileTime: info.lastModified };
  } catch (error) {
    throw unavailable(error, 'read', file.shown);
  }
}

/**
 * The bytes of an open file as a stream that closes the file at the end, on cancel, and when `signal` aborts. If
 * another program writes to the file meanwhile, the stream fails with `unavailable` instead of mixing two versions.
 */
export function streamOf(
  file: OpenedFile,
  range: { offset: number; length: number },
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  const { handle, stat, shown } = file;
  const end = range.offset + range.length;
  let position = range.offset;
  let closing: Promise<void> | undefined;
  let abort = () => {};
  const close = () => {
    signal?.removeEventListener('abort', abort);
    closing ??= handle.close();
    return closing;
  };
  const changed = (now: BigIntStats) => now.mtimeNs !== stat.mtimeNs || now.size !== stat.size;

  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => {
        controller.error(signal?.reason);
        void close();
      };
      signal?.addEventListener('abort', abort, { once: true });
    },
    async pull(controller) {
      try {
        if (position < end) {
          const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - position));
          const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
          if (bytesRead === 0) throw changedWhileRead(shown);
          position += bytesRead;
          if (position < end) return controller.enqueue(chunk.subarray(0, bytesRead));
          // Before the last bytes are delivered: a complete read is then of one version.
          if (changed(await handle.stat({ bigint: true }))) throw changedWhileRead(shown);
          controller.enqueue(chunk.subarray(0, bytesRead));
        }
        controller.close();
        await close();
      } catch (error) {
        if (signal?.aborted) return;
        await close().catch(() => {});
        throw unavailable(error, 'read', shown);
      }
    },
    cancel: close,
  });
}

function changedWhileRead(shown: string): Error {
  return Object.assign(new Error('the file changed while it was read'), {
    code: 'ESTALE',
    syscall: 'read',
    path: shown,
  });
}
