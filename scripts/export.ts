import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { closing } from '../core/closing.ts';
import { path, toggle } from '../core/setting-value.ts';
import { readConfig } from '../server/environment.ts';
import { exportUserData } from '../server/export-import.ts';
import { openTrash } from '../server/local-stores.ts';
import { createLogger, openRuntime } from '../server/runtime.ts';
import { command, EXIT } from './cli/command.ts';
import { counted } from './cli/counted.ts';
import { INDEX } from './cli/options.ts';

export default command({
  about: `
Writes what only the index knows: tags, captions, and what lies in the trash. One JSON document a line, pictures by
folder, key and hash; the command import puts it into this or another index of the same pictures. What lies in the trash
of a folder goes with its file, which is nowhere else.`,
  options: {
    ...INDEX,
    out: path({ text: 'file to write', shown: 'standard output' }),
    'no-files': toggle({
      text: 'without the files in the trash: they stay in this data folder, and only their tags go',
    }),
  },
  run: async ({ data, bucket, qdrant, out, 'no-files': noFiles }) => {
    const config = readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'silent' });
    await using runtime = closing(await openRuntime(config, createLogger(config), { texts: 'later' }));
    const trash = await openTrash(config, runtime);
    let count = 0;
    async function* lines() {
      for await (const entry of exportUserData(runtime, trash, { files: !noFiles })) {
        count++;
        yield `${JSON.stringify(entry)}\n`;
      }
    }
    if (out === undefined) for await (const line of lines()) process.stdout.write(line);
    else await pipeline(Readable.from(lines()), createWriteStream(out));
    console.error(`${counted(count, 'line')} written${out === undefined ? '' : ` to ${out}`}.`);
    return EXIT.done;
  },
});
