import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { unavailable } from '../core/files/file-errors.ts';
import { closing } from '../core/util/async-disposable.ts';
import { createLogger, expectIndex, openRuntime } from '../server/composition-root.ts';
import { readConfig, userPath } from '../server/environment.ts';
import { importUserData } from '../server/export-import.ts';
import { openTrash } from '../server/trash-and-sessions.ts';
import { transcoded } from '../training/datasets/utf8.ts';
import { command, EXIT } from './cli/command.ts';
import { INDEX, JSON_OUTPUT } from './cli/options.ts';

export default command({
  usage: 'FILE [options]',
  about: `
Restores what the command export wrote into an index of the same pictures, wherever they are, including the trash.
Only adds, and can be repeated.`,
  words: { min: 1, max: 1, rows: { FILE: 'a file written by export; - for standard input' } },
  options: { ...INDEX, json: JSON_OUTPUT },
  notes: 'Exit code 0 even if some pictures are not in this index; the last line says how many.',
  run: async ({ data, bucket, qdrant, json }, [file]) => {
    const config = expectIndex(readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'silent' }));
    await using runtime = closing(await openRuntime(config, createLogger(config), { texts: 'later' }));

    const trash = await openTrash(config, runtime);
    // Redirected by PowerShell, what export prints is UTF-16.
    const input = Readable.from(transcoded(file === '-' ? process.stdin : createReadStream(userPath(file!))));
    const counts = await importUserData(runtime, trash, createInterface({ input }), console.error).catch(
      (error: unknown) => {
        throw unavailable(error, 'read', file!);
      },
    );
    if (json) console.log(JSON.stringify(counts, null, 2));
    else console.log(`${counts.taken} taken over, ${counts.unknown} of pictures that are not in this index.`);
    return EXIT.done;
  },
});
