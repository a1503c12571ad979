// npm run bench -- train-memory
// Memory and time of training and evaluating on synthetic data of Flickr30k's size, from cached encoder outputs.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { imageCache, textCache } from '../training/features/extract.ts';
import { hashText, RecordCache } from '../training/features/record-cache.ts';
import { Random } from '../training/random.ts';
import { RECIPES } from '../training/trainer/recipes.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const SPLITS = { train: 29_000, val: 1_014, test: 1_000 };
const CAPTIONS = 5;
/** Rows written at once, and number of distinct rows: the content does not matter here. */
const ROWS = 512;
const WANTED_MB = 1500;

interface Line {
  readonly image: string;
  readonly split: string;
  readonly sha256: string;
  readonly captions: readonly string[];
}

export async function run(): Promise<void> {
  const folder = tempFolder();
  const lines = Object.entries(SPLITS).flatMap(([split, count]) =>
    Array.from({ length: count }, (_, i) => madeUpLine(`${split}-${i}`, split)),
  );
  await writeFile(join(folder, 'captions.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await fillCaches(join(folder, 'features'), lines);
  const head = join(folder, 'head');
  const where = ['--data', folder, '--features', join(folder, 'features')];
  const table = {
    'train --recipe best --epochs 1': await measured(folder, [
      'scripts/sightline.ts',
      'train',
      ...where,
      '--epochs',
      '1',
      '--out',
      head,
      '--run',
      join(folder, 'run'),
    ]),
    [`evaluate --split train (${SPLITS.train} pictures)`]: await measured(folder, [
      'scripts/sightline.ts',
      'evaluate',
      ...where,
      '--head',
      head,
      '--split',
      'train',
      '--resamples',
      '200',
    ]),
  };
  console.log(`${lines.length} pictures, ${lines.length * CAPTIONS} captions; wanted: at most ${WANTED_MB} MB`);
  console.table(table);
}

function madeUpLine(name: string, split: string): Line {
  const captions = Array.from({ length: CAPTIONS }, (_, i) => `caption ${i} of ${name}`);
  return { image: `${name}.jpg`, split, sha256: hashText(name), captions };
}

/**
 * Caches as `train` would leave them: all augmentations of training pictures, the first of the others, and all
 * captions.
 */
async function fillCaches(features: string, lines: readonly Line[]): Promise<void> {
  const encoders = await loadEncoders({ modelDirs: [join(root, 'models')] });
  await encoders.close();
  for (const [v, augmentation] of RECIPES.best!.augmentations.entries()) {
    const seen = lines.filter(({ split }) => v === 0 || split === 'train').map(({ sha256 }) => sha256);
    await fill(features, imageCache(encoders.image, augmentation), seen);
  }
  const texts = lines.flatMap(({ captions }) => captions.map(hashText));
  await fill(features, textCache(encoders.text), texts);
}

async function fill(
  features: string,
  { path, description }: ReturnType<typeof textCache>,
  hashes: readonly string[],
): Promise<void> {
  const random = new Random(1, path);
  const pool = Array.from({ length: ROWS }, () =>
    Float32Array.from({ length: description.columns }, () => random.normal()),
  );
  const cache = await RecordCache.open(join(features, path), description);
  for (let start = 0; start < hashes.length; start += ROWS) {
    await cache.append(hashes.slice(start, start + ROWS).map((hash, i) => ({ hash, values: pool[i]! })));
  }
  await cache.close();
}

/** Runs one of our commands in a separate process; returns its peak resident memory and duration. */
async function measured(folder: string, command: readonly string[]): Promise<{ 'peak MB': number; seconds: number }> {
  const peak = join(folder, 'peak');
  const report = `import { writeFileSync } from 'node:fs';
    process.on('exit', () => writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS)));`;
  const before = performance.now();
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    `data:text/javascript,${encodeURIComponent(report)}`,
  ];
  const child = spawn(process.execPath, [...flags, ...command], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.on('exit', resolve));
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}`);
  // In KiB.
  const kilobytes = Number(await readFile(peak, 'utf8'));
  return { 'peak MB': Math.round((kilobytes * 1024) / 1e6), seconds: Math.round((performance.now() - before) / 1000) };
}
