// npm run search -- "a dog on the beach" [--image FILE] [--limit N] [--json]
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../core/errors.ts';
import { type SearchTerm, search } from '../core/search.ts';
import { readFolders } from '../server/folder-registry.ts';
import { createLogger, openRuntime, readConfig, userPath } from '../server/runtime.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';

const usage = `
Usage: npm run search -- [WORDS] [options]

Prints the pictures of the index that fit best, best first: score, then path.

  WORDS            what to look for, such as "a dog on the beach"
  --image FILE     a picture to look for, alone or together with words
  --minus WORDS    what the pictures should not show
  --limit N        how many to print, 1 to 1000 (default 10)
  --min-score N    only pictures with at least this cosine, -1 to 1
  --json           one JSON document instead of lines
  --data DIR       folder of the index (default: data)
  --help           this text
`;

await runCommand(
  {
    usage,
    options: {
      image: { type: 'string' },
      minus: { type: 'string' },
      limit: { type: 'string', default: '10' },
      'min-score': { type: 'string' },
      json: { type: 'boolean', default: false },
      data: { type: 'string' },
    },
    positionals: { min: 0, max: 100 },
  },
  async (flags, words) => {
    const text = words.join(' ');
    if (text.trim() === '' && flags.image === undefined)
      throw new UsageError('expected words or --image FILE, got neither');
    const limit = numberFlag('--limit', flags.limit, 1, 1000, true);
    const minScore =
      flags['min-score'] === undefined ? undefined : numberFlag('--min-score', flags['min-score'], -1, 1);

    const config = readConfig({ data: flags.data, logLevel: 'error' });
    const terms: SearchTerm[] = [];
    if (text.trim() !== '') terms.push({ text, weight: 1 });
    if (flags.image !== undefined) terms.push({ image: await readPicture(flags.image), weight: 1 });
    if (flags.minus !== undefined) terms.push({ text: flags.minus, weight: -0.5 });

    const runtime = await openRuntime(config, createLogger(config));
    try {
      const request = { terms, filter: { kind: 'image' }, limit, minScore } as const;
      const [{ items }, space] = await runtime.live.read(async (parts) => {
        return [await search(parts, request), parts.embedder.space] as const;
      });
      const folders = new Map((await readFolders(config.data)).map(({ bucket, path }) => [bucket, path]));
      const found = items.flatMap(({ id, score, payload }) => {
        if (payload.kind !== 'image') return [];
        const { bucket, key, width, height, contentType, tags } = payload;
        return [
          { id, score, path: join(folders.get(bucket) ?? bucket, key), bucket, key, width, height, contentType, tags },
        ];
      });
      if (flags.json) console.log(JSON.stringify({ space, items: found }, null, 2));
      else for (const { score, path } of found) console.log(`${score.toFixed(3)}  ${path}`);
      if (found.length === 0 && !flags.json) {
        const all = await runtime.vectors.count({ kind: 'image' });
        console.error(all === 0 ? 'the index is empty: npm run index -- FOLDER' : 'nothing fits');
      }
      return EXIT.done;
    } finally {
      await runtime.close();
    }
  },
);

function numberFlag(name: string, value: string, min: number, max: number, whole = false): number {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!(number >= min && number <= max) || (whole && !Number.isInteger(number))) {
    throw new UsageError(`${name}: expected a ${whole ? 'whole ' : ''}number from ${min} to ${max}, got "${value}"`);
  }
  return number;
}

async function readPicture(path: string): Promise<Uint8Array> {
  const file = userPath(path);
  try {
    return await readFile(file);
  } catch (error) {
    throw new SightlineError('invalid-input', `--image: cannot read ${file}: ${(error as Error).message}`);
  }
}
