// npm run bench -- copies        node bench/copies.ts [DIR ...]
// Finding all stacks among 100,000 pictures in the embedded store: total time, and how long it blocks everything else.
// With folders of photos: the differences of hashes and vectors between copies, and between different photos.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import sharp, { type Sharp } from 'sharp';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { findStacks } from '../core/find-stacks.ts';
import { hashDistance, MAX_BITS } from '../core/picture/near-duplicate-rule.ts';
import type { Point } from '../core/ports.ts';
import type { ImagePayload, JointEmbedding } from '../core/types.ts';
import { dot } from '../core/util/vector-arithmetic.ts';
import { openEmbeddedStore } from '../core/vectors/sqlite/store.ts';
import { root } from '../server/environment.ts';
import { image, uuid } from '../test/contract/vectors-data.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { randomUnit } from './support/measuring.ts';

const COUNT = 100_000;
/** One in this many pictures is a copy of the previous one. */
const COPY_EACH = 20;

export async function run(): Promise<void> {
  const folder = tempFolder();
  const store = await openEmbeddedStore({ file: join(folder, 'index.sqlite'), space: 'bench', dimension: 64 });
  for (let i = 0; i < COUNT; i += 1000) await store.upsert(somePoints(i, 1000), 'newer');
  for (let round = 0; round < 3; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const start = performance.now();
    const stacks = await findStacks(store);
    const took = performance.now() - start;
    delay.disable();
    console.log(
      `${stacks.length} stacks of ${COUNT} pictures in ${took.toFixed(0)} ms, ` +
        `no turn for ${(delay.max / 1e6).toFixed(0)} ms at most`,
    );
  }
  await store.close();
}

let last: (Point & { readonly payload: ImagePayload }) | undefined;

function somePoints(from: number, count: number): Point[] {
  return Array.from({ length: count }, (_, j) => {
    const i = from + j;
    const isCopy = i % COPY_EACH === 1 && last !== undefined;
    const payload = image({
      key: `${i % 300}/${i}.jpg`,
      sha256: i.toString(16).padStart(64, '0'),
      bytes: 100_000 + i,
      perceptualHash: isCopy ? last!.payload.perceptualHash : randomBytes(16).toString('hex'),
      indexedAt: new Date(1.7e12 + i).toISOString(),
    });
    last = { id: uuid(i), vector: isCopy ? last!.vector : randomUnit(64), payload };
    return last;
  });
}

/** Typical edits of a photo with this width and height. */
const CHANGES: Readonly<Record<string, (photo: Sharp, width: number, height: number) => Sharp>> = {
  'half the size, JPEG 75': (photo, width) => photo.resize(Math.round(width / 2)).jpeg({ quality: 75 }),
  'JPEG 40': (photo) => photo.jpeg({ quality: 40 }),
  'JPEG 15': (photo) => photo.jpeg({ quality: 15 }),
  '100 pixels wide, WebP': (photo) => photo.resize(100).webp(),
  '1024 pixels wide': (photo) => photo.resize(1024).jpeg({ quality: 85 }),
  '15 % brighter': (photo) => photo.linear(1.15, 0).jpeg({ quality: 90 }),
  greyscale: (photo) => photo.greyscale().jpeg({ quality: 90 }),
  'gamma 1.4': (photo) => photo.gamma(1.4).jpeg({ quality: 90 }),
  ...Object.fromEntries(
    [1, 3, 5, 10].map((percent) => [
      `${percent} % cut off all around`,
      (photo: Sharp, width: number, height: number) => {
        const [left, top] = [width, height].map((edge) => Math.round((edge * percent) / 100)) as [number, number];
        return photo.extract({ left, top, width: width - 2 * left, height: height - 2 * top }).jpeg({ quality: 90 });
      },
    ]),
  ),
  'turned a quarter': (photo) => photo.rotate(90).jpeg({ quality: 90 }),
};

interface Seen {
  readonly hash: string;
  readonly vector: JointEmbedding;
}

async function measure(folders: readonly string[]): Promise<void> {
  const embedder = await loadEmbedder({ modelDirs: [join(root, 'models')] });
  const see = async (bytes: Uint8Array): Promise<Seen> => {
    const { picture, vector } = await embedder.embedImage(bytes);
    return { hash: picture.perceptualHash!, vector };
  };
  const originals: Seen[] = [];
  const differences = new Map<string, { bits: number; cosine: number }[]>();
  const note = (what: string, a: Seen, b: Seen) => {
    const found = { bits: hashDistance(a.hash, b.hash), cosine: dot(a.vector, b.vector) };
    differences.set(what, [...(differences.get(what) ?? []), found]);
  };
  for (const file of folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))) {
    const bytes = readFileSync(file);
    const original = await see(bytes);
    const { autoOrient } = await sharp(bytes).metadata();
    for (const [name, change] of Object.entries(CHANGES)) {
      const changed = change(sharp(bytes).autoOrient(), autoOrient.width, autoOrient.height);
      note(name, original, await see(await changed.toBuffer()));
    }
    originals.push(original);
  }
  await embedder.close();
  const near = originals.flatMap((a, i) => originals.slice(i + 1).map((b) => [a, b] as const));
  for (const [a, b] of near.filter(([a, b]) => hashDistance(a.hash, b.hash) < 30)) note('different, < 30 bits', a, b);
  for (const [a, b] of near.filter(([a, b]) => dot(a.vector, b.vector) > 0.8)) note('different, cosine > 0.8', a, b);
  console.table(Object.fromEntries([...differences].map(([what, found]) => [what, summary(found)])));
}

function summary(found: readonly { bits: number; cosine: number }[]) {
  const bits = found.map((one) => one.bits).sort((a, b) => a - b);
  const cosines = found.map((one) => one.cosine).sort((a, b) => a - b);
  const at = (values: readonly number[], share: number) => values[Math.floor((values.length - 1) * share)]!;
  return {
    pairs: found.length,
    'bits, least': bits[0],
    median: at(bits, 0.5),
    'p99 ': at(bits, 0.99),
    'copies, %': Math.round((100 * bits.filter((one) => one <= MAX_BITS).length) / bits.length),
    'cosine, least': Number(cosines[0]!.toFixed(3)),
    'p10 ': Number(at(cosines, 0.1).toFixed(3)),
    ' median': Number(at(cosines, 0.5).toFixed(3)),
  };
}

if (import.meta.main) await (process.argv.length > 2 ? measure(process.argv.slice(2)) : run());
