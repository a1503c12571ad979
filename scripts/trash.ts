import type { Trash } from '../core/trash.ts';
import { closing } from '../core/util/async-disposable.ts';
import { everyItem } from '../core/util/paginate.ts';
import { createLogger, expectIndex, openRuntime } from '../server/composition-root.ts';
import { readConfig } from '../server/environment.ts';
import { openTrash } from '../server/trash-and-sessions.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { INDEX, JSON_OUTPUT } from './cli/options.ts';

const PAGE = 200;

export default command({
  usage: 'list | restore ID | empty [options]',
  about: `
Manages deleted pictures: files and tags are kept for SIGHTLINE_TRASH_DAYS days.`,
  words: {
    min: 1,
    max: 2,
    rows: {
      list: 'lists the trash, latest first: id, time of deletion, key',
      'restore ID': 'puts a picture back where it was',
      empty: 'deletes all of them permanently',
    },
  },
  options: { ...INDEX, json: JSON_OUTPUT },
  run: async ({ data, bucket, qdrant, json }, [what, id]) => {
    const config = expectIndex(readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'silent' }));
    await using runtime = closing(await openRuntime(config, createLogger(config), { texts: 'later' }));
    const trash = await openTrash(config, runtime);
    if (what === 'list' && id === undefined) return await list(trash, json);
    if (what === 'restore' && id !== undefined) return await restore(trash, id, json);
    if (what === 'empty' && id === undefined) return await empty(trash, json);
    throw new UsageError(`expected list, restore ID or empty, got ${[what, id].join(' ').trim()}`);
  },
});

async function list(trash: Trash, json: boolean): Promise<number> {
  const entries = everyItem((cursor) => trash.list({ limit: PAGE, cursor }));
  const found = await Array.fromAsync(entries, ({ id, deletedAt, picture: { bucket, key }, object }) => {
    return { id, deletedAt, bucket, key, moved: object !== null };
  });
  if (json) console.log(JSON.stringify({ items: found }, null, 2));
  else if (found.length === 0) console.log('The trash is empty.');
  for (const { id, deletedAt, key, moved } of json ? [] : found) {
    console.log(`${id}  ${deletedAt.slice(0, 16)}  ${key}${moved ? '' : ' (its file is where it was)'}`);
  }
  return EXIT.done;
}

async function restore(trash: Trash, id: string, json: boolean): Promise<number> {
  const { entry, outcome } = await trash.restore(id);
  const { bucket, key } = entry.picture;
  if (json) console.log(JSON.stringify({ bucket, key, status: outcome.status }, null, 2));
  else console.log(outcome.status === 'rejected' ? `${key} is back, but: ${outcome.message}` : `${key} is back.`);
  return EXIT.done;
}

async function empty(trash: Trash, json: boolean): Promise<number> {
  const removed = await trash.empty('all');
  if (json) console.log(JSON.stringify({ removed }, null, 2));
  else console.log(`${removed} ${removed === 1 ? 'picture is' : 'pictures are'} permanently deleted.`);
  return EXIT.done;
}
