import { toggle } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { createLogger, expectIndex, openRuntime, type Runtime } from '../server/composition-root.ts';
import { readConfig, userPath } from '../server/environment.ts';
import { removeSamples } from '../server/sample-photos.ts';
import { askMoved } from './cli/ask-moved.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { DATA } from './cli/options.ts';

export default command({
  usage: 'list | add FOLDER | move NAME FOLDER | rm NAME [options]',
  about: `
Manages the folders of an index. A running server follows within seconds.`,
  words: {
    min: 1,
    max: 3,
    rows: {
      list: 'lists folders, their number of pictures and whether they are available',
      'add FOLDER': 'adds a folder to watch; a moved one is recognised by its pictures',
      'move NAME FOLDER': 'sets the new location of a folder; its pictures keep their tags and everything else',
      'rm NAME': 'removes a folder from the index; its files stay',
    },
  },
  options: { data: DATA, json: toggle({ text: 'print one JSON document' }) },
  run: async ({ data, json }, [what, ...words]) => {
    const config = readConfig({ data, logLevel: 'silent' });
    const run = actions[what!];
    if (run === undefined || run.length - 1 !== words.length) {
      throw new UsageError(`expected list, add FOLDER, move NAME FOLDER or rm NAME, got ${[what, ...words].join(' ')}`);
    }
    if (what !== 'add') expectIndex(config);
    await using runtime = closing(await openRuntime(config, createLogger(config), { texts: 'later' }));
    const text = await run(runtime, ...words);
    if (what === 'add') await removeSamples(config.data, runtime.folders);
    if (json) console.log(JSON.stringify({ folders: await runtime.folders.count() }, null, 2));
    else console.log(text);
    return EXIT.done;
  },
});

const actions: Readonly<Record<string, (runtime: Runtime, ...words: string[]) => Promise<string>>> = {
  async list({ folders }: Runtime) {
    const all = await folders.count();
    if (all.length === 0) return 'The index has no folders.';
    const lines = all.map(({ name, path, pictures, watched, isThere }) => {
      const state = isThere
        ? watched
          ? 'watched'
          : 'indexed once'
        : 'not there or not mounted: its pictures are hidden';
      return `${name}  ${path}  ${pluralise(pictures, 'picture')}, ${state}`;
    });
    return lines.join('\n');
  },
  async add({ folders }: Runtime, path: string) {
    const folder = await folders.add(userPath(path), { watched: true, ask: askMoved });
    return `${folder.path} is the folder ${folder.name}. The server indexes and watches it when it runs.`;
  },
  async move({ folders }: Runtime, name: string, path: string) {
    const folder = await folders.move(name, userPath(path));
    return `${folder.name} is at ${folder.path} now. The server compares it when it runs.`;
  },
  async rm({ folders }: Runtime, name: string) {
    const removed = await folders.remove(name);
    return `${name} with ${pluralise(removed, 'picture')} is out of the index; its files stay.`;
  },
};
