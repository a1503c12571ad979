import { isAbsolute } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import type { Config } from '../../core/settings.ts';
import type { FolderChanges } from '../../functions/http/deps.ts';
import { HttpProblem } from '../../functions/http/problem.ts';
import { userPath } from '../environment.ts';
import { removeSamples } from '../sample-photos.ts';
import type { AskMoved, Folders } from './folders.ts';
import type { Folder } from './registry.ts';

/** Changes of folders through the API; the folder watcher follows the list. */
export function folderChanges(config: Pick<Config, 'data'>, folders: Folders): FolderChanges {
  /** Makes its pictures visible and returns its bucket. */
  const shown = async (folder: Folder) => (await folders.connect(folder)).bucket;
  return {
    async add(path, moved) {
      const ask: AskMoved = async ({ folder, found, of }) => {
        if (moved !== undefined) return moved;
        const detail =
          `${found} of the ${of} pictures of ${folder.name}, which is gone, are there, too: expected moved to say ` +
          'whether it is that folder, got nothing';
        throw new HttpProblem('perhaps-moved', detail, { extra: { folder: folder.name, found, of } });
      };
      const folder = await folders.add(absolute(path), { watched: true, ask });
      await removeSamples(config.data, folders);
      return shown(folder);
    },
    move: async (name, path) => shown(await folders.move(name, absolute(path))),
    async remove(name) {
      await folders.remove(name);
    },
  };
}

/** An HTTP client has no working folder, so paths must be absolute. */
function absolute(path: string): string {
  if (isAbsolute(path) || /^~(?=$|[/\\])/.test(path)) return userPath(path);
  throw new SightlineError(
    'invalid-input',
    `expected the whole path of a folder, such as /home/me/Pictures, got ${path}`,
  );
}
