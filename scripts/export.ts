import { createWriteStream } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { unavailable } from '../core/files/file-errors.ts';
import { path, toggle } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { createLogger, expectIndex, openRuntime } from '../server/composition-root.ts';
import { readConfig } from '../server/environment.ts';
import { exportUserData } from '../server/export-import.ts';
import { openTrash } from '../server/trash-and-sessions.ts';
import { command, EXIT } from './cli/command.ts';
import { INDEX } from './cli/options.ts';

export default command({
  about: `
Backs up what only the index has: tags, captions and the trash, as one JSON document per line that names pictures by
folder, key and hash. The command import restores it into this or another index of the same pictures. Trash of folders
includes the files, which are nowhere else.`,
  options: {
    ...INDEX,
    out: path({ unit: 'FILE', text: 'file to write', shown: 'standard output' }),
    'no-files': toggle({
      text: 'export only the tags of the trash; its files stay in this data folder',
    }),
  },
  run: async ({ data, bucket, qdrant, out, 'no-files': noFiles }) => {
    const config = expectIndex(readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'silent' }));
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
    else await writeAside(out, lines());
    console.error(`${pluralise(count, 'line')} written${out === undefined ? '' : ` to ${out}`}.`);
    return EXIT.done;
  },
});

/** An export that fails in the middle leaves the file before as it was. A pipe or a device is written to as it is. */
async function writeAside(file: string, lines: AsyncIterable<string>): Promise<void> {
  const before = await stat(file).catch(() => null);
  const isFile = before === null || before.isFile();
  // A link stays one.
  const target = before === null ? file : await realpath(file);
  const written = isFile ? `${target}.${process.pid}.part` : target;
  try {
    await pipeline(Readable.from(lines), createWriteStream(written, { flush: isFile, mode: before?.mode }));
    if (isFile) await rename(written, target);
  } catch (error) {
    if (isFile) await rm(written, { force: true }).catch(() => {});
    throw unavailable(error, 'write', file);
  }
}
