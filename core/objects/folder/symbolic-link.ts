import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { systemCode } from '../../files/file-errors.ts';
import type { Scanned } from '../picture-store.ts';
import type { Root } from './open-directory.ts';

/**
 * Classifies a symbolic link; links are never followed. A link to something within the folder is left out, because its
 * target is scanned anyway; any other is a failure that names its target.
 * @param path relative to the root, for people
 * @param real its whole path
 */
export async function describeLink(root: Root, path: string, real: Buffer): Promise<Scanned> {
  const failed = (message: string): Scanned => ({ type: 'failed', path, reason: 'symbolic-link', message });
  try {
    const target = `${await realpath(real)}${sep}`;
    if (!target.startsWith(`${root.path}${sep}`)) {
      return failed('a symbolic link that leads out of the folder: add the folder it leads to as a separate one');
    }
    const isLoop = `${dirname(join(root.path, path))}${sep}`.startsWith(target);
    return isLoop
      ? failed('a symbolic link back to a folder that it is in')
      : { type: 'left-out', reason: 'link', files: 1 };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ELOOP') return failed('a symbolic link that leads in a circle');
    if (code === 'ENOENT' || code === 'ENOTDIR') return failed('a symbolic link to something that does not exist');
    return failed(`a symbolic link that cannot be followed (${code})`);
  }
}
