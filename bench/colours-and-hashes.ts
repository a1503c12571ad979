// npm run bench -- colours-and-hashes        node bench/colours-and-hashes.ts [DIR]
// The cost of colours and hash when indexing a picture, in CPU time of the whole process, which is independent of other
// load: decoding and embedding with them, and their share.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { DEFAULT_LIMITS, loadEncoders } from '../core/encode/encoder-pair.ts';
import { decodeImage } from '../core/picture/decode.ts';
import { coloursOf } from '../core/picture/main-colours.ts';
import { perceptualHash } from '../core/picture/perceptual-hash.ts';
import type { RgbPixels } from '../core/picture/preprocess.ts';

const models = fileURLToPath(new URL('../models', import.meta.url));
const samples = fileURLToPath(new URL('../examples/photos', import.meta.url));
const ROUNDS = 3;
const MOST = 100;

export async function run(): Promise<void> {
  const folder = (import.meta.main && process.argv[2]) || samples;
  const names = readdirSync(folder).filter((name) => name.endsWith('.jpg'));
  const photos = names.slice(0, MOST).map((name) => readFileSync(join(folder, name)));
  const options = { modelDirs: [models], profile: 'compact' };
  const [embedder, encoders] = [await loadEmbedder(options), await loadEncoders(options)];
  const { preprocessing } = encoders.image;
  const pixels: RgbPixels[] = [];
  for (const photo of photos) pixels.push((await decodeImage(photo, preprocessing, DEFAULT_LIMITS)).pixels);
  await embedder.embedImage(photos[0]!);
  for (let round = 0; round < ROUNDS; round++) {
    const whole = await cpuOf(async () => {
      for (const photo of photos) await embedder.embedImage(photo);
    });
    const hashes = await cpuOf(async () => pixels.forEach((some) => void perceptualHash(some)));
    const colours = await cpuOf(async () => pixels.forEach((some) => void coloursOf(some)));
    const ms = (part: number) => `${(part / photos.length).toFixed(2)} ms`;
    const share = (100 * (hashes + colours)) / (whole - hashes - colours);
    console.log(
      `a picture ${ms(whole)}, its hash ${ms(hashes)}, its colours ${ms(colours)}: ${share.toFixed(1)} % more`,
    );
  }
  await Promise.all([embedder.close(), encoders.close()]);
}

/** CPU time in milliseconds, over all threads. */
async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

if (import.meta.main) await run();
