import { createHash } from 'node:crypto';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SightlineError } from '../../errors.ts';
import { OPEN_FOLDER, unavailable } from '../../files/file-errors.ts';
import { resolveRange } from '../byte-range.ts';
import type { PictureStore } from '../picture-store.ts';
import { readOnly } from '../read-only.ts';
import { createRules, type FolderRules } from './ignore-file.ts';
import { segmentsOf } from './key.ts';
import { listFolder } from './list-objects.ts';
import { enterFolder, type Root } from './open-directory.ts';
import { learnDevice, type OpenedFile, objectInfoOf, openFile, streamOf } from './open-file.ts';
import { scanFolder } from './scan-for-pictures.ts';
import { discardObject, openDiscarded, purgeObject, recoverObject } from './trash.ts';
import { conditionFailed, deleteObject, putObject, removeStaleWrites, WORKSHOP } from './write.ts';

export interface FolderOptions {
  /** An existing folder; may itself be a symbolic link. */
  readonly root: string;
  /**
   * The bucket's name.
   * @default the folder's name and eight hex digits of the SHA-256 of its real path, such as `photos-1f9a0c3e`
   */
  readonly bucket?: string;
  /**
   * Patterns that `scan` leaves out, as in a .gitignore, in addition to the folder's .sightlineignore files.
   */
  readonly ignore?: readonly string[];
  /** Folder of the index, left out by `scan` if it is in this one. */
  readonly data?: string;
  /**
   * Folder for discarded files, created when needed.
   * @default `.sightline/trash` in the root, hidden
   */
  readonly trash?: string;
  /** Refuses everything that would change the folder, with `read-only`. */
  readonly readOnly?: boolean;
}

/** A user's folder of pictures: it holds any files, and `scan` picks those worth indexing. */
export interface FolderStore extends PictureStore {
  /** Whether the opened folder is still at its path: after a drive is unmounted or a link changed, another one is. */
  isThere(): Promise<boolean>;
}

/**
 * A folder as a bucket: the key `a/b.jpg` is the file `a/b.jpg` below the root.
 *
 * Every method refuses keys without a safe path below the root with `invalid-key`. Hidden names (`.x`), symbolic links,
 * and special files are not part of the bucket. Unlike in S3, a key cannot be both an object and a prefix of others
 * (`a` and `a/b`).
 * @throws {unavailable} when the root is not a readable folder
 */
export async function openFolder(options: FolderOptions): Promise<FolderStore> {
  const root = await openRoot(options.root);
  const rules = await createRules(root, options.ignore ?? [], options.data);
  const name = options.bucket ?? bucketNameOf(root.path);
  const trash = options.trash ?? join(root.path, WORKSHOP, 'trash');
  const folder = folderOf(root, name, rules, trash, options.root);
  if (options.readOnly) return readOnly(folder);
  await removeStaleWrites(root);
  return folder;
}

/** @param given the path of the root, perhaps through symbolic links */
function folderOf(root: Root, name: string, rules: FolderRules, trash: string, given: string): FolderStore {
  return {
    bucket: name,

    async head(key) {
      const file = await open(root, key);
      if (file === null) return null;
      await using _ = file.handle;
      return await objectInfoOf(key, file);
    },

    async get(key, { range, ifMatch, signal } = {}) {
      signal?.throwIfAborted();
      const file = await open(root, key);
      if (file === null) return null;
      try {
        const info = await objectInfoOf(key, file);
        if (ifMatch !== undefined && ifMatch !== info.etag) throw conditionFailed(key, `etag ${ifMatch}`, info.etag);
        const part = resolveRange(range, info.bytes);
        signal?.throwIfAborted();
        return { info, ...part, body: streamOf(file, part, signal) };
      } catch (error) {
        await file.handle.close();
        throw error;
      }
    },

    put: (key, body, options = {}) => putObject(root, key, body, options),

    delete: async (key, { ifMatch } = {}) => deleteObject(root, key, segmentsOf(key), ifMatch),

    list: (page) => listFolder(root, name, page),
    scan: (prefix = '') => scanFolder(root, rules, prefix),
    leftOut: (key) => rules.leftOut(key),

    discard: (object) => discardObject(root, trash, object),
    getDiscarded: (object) => openDiscarded(trash, object),
    recover: (object) => recoverObject(root, trash, object),
    purge: (object) => purgeObject(trash, object),

    async isThere() {
      const now = await openRoot(given).catch(() => null);
      return (
        now !== null && now.dev === root.dev && now.ino === root.ino && (root.ino !== null || now.path === root.path)
      );
    },
  };
}

async function openRoot(path: string): Promise<Root> {
  try {
    const real = await realpath(path);
    const info = await stat(real, { bigint: true });
    if (info.isDirectory()) {
      await access(real, constants.R_OK | constants.X_OK);
      return { path: real, dev: info.dev, ino: (await learnDevice(info.dev, real)) ? info.ino : null };
    }
  } catch (error) {
    throw unavailable(error, OPEN_FOLDER, path);
  }
  throw new SightlineError('unavailable', `expected a folder of pictures, but ${path} is a file`);
}

async function open(root: Root, key: string): Promise<OpenedFile | null> {
  const names = segmentsOf(key);
  const found = await enterFolder(root, names.slice(0, -1));
  if ('blocked' in found) return null;
  await using directory = found;
  return await openFile(directory, names.at(-1)!);
}

/** A valid S3 bucket name (3 to 63 of a-z, 0-9 and '-') that differs between folders with the same name. */
function bucketNameOf(realPath: string): string {
  const slug = basename(realPath)
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replace(/^-|-$/g, '');
  const hash = createHash('sha256').update(realPath).digest('hex').slice(0, 8);
  return `${slug === '' ? 'folder' : slug}-${hash}`;
}
