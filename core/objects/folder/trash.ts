import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SightlineError } from '../../errors.ts';
import { systemCode, unavailable } from '../../files/file-errors.ts';
import type { Discarded, DiscardedObject, ObjectBody, ObjectInfo } from '../../ports.ts';
import { exclusively } from '../../util/keyed-mutex.ts';
import { readOnlyFault } from '../read-only.ts';
import { invalidKey, segmentsOf } from './key.ts';
import { enterFolder, type Root } from './open-directory.ts';
import { objectInfoOf, openFile, streamOf } from './open-file.ts';
import { conditionFailed, linkNew, removeEmptyFolders, storedEtag, WORKSHOP } from './write.ts';

/** The trash of a folder: its discarded files in one flat folder, moved with their times. */

/**
 * `ObjectStore.discard` for a folder: an atomic move on the same file system; between file systems a verified copy.
 */
export async function discardObject(root: Root, trash: string, object: DiscardedObject): Promise<void> {
  const { key, etag } = object;
  const parents = segmentsOf(key);
  const name = parents.pop()!;
  const shown = join(root.path, ...parents, name);
  await exclusively(shown, async () => {
    const found = await enterFolder(root, parents);
    if ('blocked' in found) throw conditionFailed(key, `etag ${etag}`, 'no object');
    await using parent = found;
    const expectVersion = async () => {
      const found = await storedEtag(parent, name, key);
      if (found !== etag) throw conditionFailed(key, `etag ${etag}`, found ?? 'no object');
    };
    const source = join(parent.path, name);
    try {
      await mkdir(trash, { recursive: true });
      await expectVersion();
      await rename(source, join(trash, fileNameOf(object))).catch(async (error: unknown) => {
        if (systemCode(error) !== 'EXDEV') throw error;
        await copyChecked(source, join(trash, fileNameOf(object)));
        await expectVersion();
        await unlink(source);
      });
      await parent.sync();
    } catch (error) {
      throw unavailable(error, 'move to the trash', shown);
    }
    await removeEmptyFolders(root, parents);
  });
}

/** The discarded files in such a folder, even if their original folder is unavailable. */
export function discardedFiles(trash: string, options: { readonly readOnly?: boolean } = {}): Discarded {
  return {
    getDiscarded: (object) => openDiscarded(trash, object),
    async purge(object) {
      if (options.readOnly) throw readOnlyFault();
      await purgeObject(trash, object);
    },
  };
}

/** `ObjectStore.getDiscarded` for a folder. */
export async function openDiscarded(trash: string, object: DiscardedObject): Promise<ObjectBody | null> {
  const file = await openFile({ path: trash, shown: trash }, fileNameOf(object));
  if (file === null) return null;
  const info = await objectInfoOf(object.key, file);
  const whole = { offset: 0, length: info.bytes };
  return { info, ...whole, body: streamOf(file, whole) };
}

/** `ObjectStore.recover` for a folder. */
export async function recoverObject(root: Root, trash: string, object: DiscardedObject): Promise<ObjectInfo | null> {
  const { key } = object;
  const source = join(trash, fileNameOf(object));
  if (!(await isThere(source))) return null;
  const parents = segmentsOf(key);
  const name = parents.pop()!;
  const shown = join(root.path, ...parents, name);
  return exclusively(shown, async () => {
    const found = await enterFolder(root, parents, { create: true });
    if ('blocked' in found) throw invalidKey(key, found.problem);
    await using parent = found;
    try {
      const target = join(parent.path, name);
      if ((await storedEtag(parent, name, key)) !== null) throw conditionFailed(key, 'no object', 'one');
      await linkNew(source, target, key).catch(async (error: unknown) => {
        if (systemCode(error) !== 'EXDEV') throw error;
        await recoverCopy(root, object, source, target);
      });
      await parent.sync();
      const file = await openFile(parent, name);
      if (file === null) throw new SightlineError('unavailable', `${shown} is gone`);
      await using _ = file.handle;
      return await objectInfoOf(key, file);
    } catch (error) {
      throw unavailable(error, 'take out of the trash', shown);
    }
  });
}

/** To another file system: the complete copy is put in place atomically, then the original is deleted. */
async function recoverCopy(root: Root, object: DiscardedObject, source: string, target: string): Promise<void> {
  const found = await enterFolder(root, [WORKSHOP], { create: true });
  if ('blocked' in found) throw new SightlineError('unavailable', `restoring a picture ${found.problem}`);
  await using workshop = found;
  const copy = join(workshop.path, object.id);
  try {
    await copyChecked(source, copy);
    await linkNew(copy, target, object.key);
    await unlink(source);
  } finally {
    await rm(copy, { force: true });
  }
}

/** `ObjectStore.purge` for a folder. */
export async function purgeObject(trash: string, object: DiscardedObject): Promise<void> {
  const path = join(trash, fileNameOf(object));
  await rm(path, { force: true }).catch((error: unknown) => {
    throw unavailable(error, 'delete', path);
  });
}

/** The id, with the extension for people who open the folder. */
function fileNameOf({ id, key }: DiscardedObject): string {
  return `${id}${/^\.\w{1,10}$/.exec(extname(key))?.[0] ?? ''}`;
}

/** The copy appears under its name only when it is complete, synced, and verified against its source. */
async function copyChecked(source: string, target: string): Promise<void> {
  const unfinished = `${target}.unfinished`;
  const { atime, mtime } = await stat(source);
  try {
    await copyFile(source, unfinished, constants.COPYFILE_FICLONE);
    await utimes(unfinished, atime, mtime);
    await syncFile(unfinished);
    const [from, to] = await Promise.all([hashOf(source), hashOf(unfinished)]);
    if (from !== to)
      throw new SightlineError('unavailable', `expected an identical copy of ${source}, got other bytes`);
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.sync();
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw unavailable(error, 'look at', path);
    },
  );
}
