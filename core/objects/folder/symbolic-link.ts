import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { systemCode } from '../../files/file-errors.ts';
import type { Scanned } from '../picture-store.ts';
import type { Root } from './open-directory.ts';

/**
 * What is said of a symbolic link: it is never followed. One to something else in the folder is left out, because that
 * is found where it lies; any other is a failure that says where it leads.
 * @param path as it is shown, below the root
 * @param real its whole path
 */
export async function describeLink(root: Root, path: string, real: Buffer): Promise<Scanned> {
  const failed = (message: string): Scanned => ({ type: 'failed', path, reason: 'symbolic-link', message });
  try {
    const target = `${await realpath(real)}${sep}`;
    if (!target.startsWith(`${root.path}${sep}`)) {
      return failed('a symbolic link that leads out of the folder: give the folder it leads to as one of its own');
    }
    const isLoop = `${dirname(join(root.path, path))}${sep}`.startsWith(target);
    return isLoop
      ? failed('a symbolic link back to a folder that it is in')
      : { type: 'left-out', reason: 'link', files: 1 };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ELOOP') return failed('a symbolic link that leads in a circle');
    if (code === 'ENOENT' || code === 'ENOTDIR') return failed('a symbolic link to something that is not there');
    return failed(`a symbolic link that cannot be followed (${code})`);
  }
}
