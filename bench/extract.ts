// npm run bench -- extract
// The cost of caching encoder outputs for training, compared with the encoder alone on prepared pixels.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS, loadEncoders } from '../core/encode/encoders.ts';
import { loadImageEncoder } from '../core/encode/image-encoder.ts';
import { openFolder } from '../core/objects/folder/store.ts';
import { decodeImage } from '../core/picture/decode.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { loadFeatures } from '../training/features/extract.ts';
import { inParallel } from '../training/parallel.ts';
import { RECIPES } from '../training/trainer/recipes.ts';
import { interleaved, median } from './support/measuring.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const models = join(root, 'models');
const photos = join(root, 'examples', 'photos');
const PARALLEL = 3;
const ROUNDS = 3;
/**
 * Repeats each photo this many times, as different files (one extra byte at the end), so that start and end of the run
 * matter less.
 */
const COPIES = 4;

export async function run(): Promise<void> {
  const folder = tempFolder();
  const encoders = await loadEncoders({ modelDirs: [models], threads: 1 });
  const encoder = await loadImageEncoder([models], encoders.profile.image, { threads: 1 });
  try {
    const { augmentations } = RECIPES.best!;
    const files = (await readdir(photos)).filter((name) => name.endsWith('.jpg'));
    const copies = Array.from({ length: COPIES }, (_, copy) =>
      files.map((name) => ({ name: `${copy}-${name}`, copy, from: name })),
    );
    const bytes = await Promise.all(files.map((name) => readFile(join(photos, name))));
    const ready = await Promise.all(
      bytes.map(async (photo) => (await decodeImage(photo, encoder.preprocessing, DEFAULT_LIMITS)).pixels),
    );
    const looks = copies.flatMap(() => ready.flatMap((pixels) => augmentations.map(() => pixels)));
    await mkdir(join(folder, 'images'));
    for (const { name, copy, from } of copies.flat()) {
      await writeFile(
        join(folder, 'images', name),
        Buffer.concat([await readFile(join(photos, from)), Buffer.of(copy)]),
      );
    }
    const lines = copies
      .flat()
      .map(({ name }) => JSON.stringify({ image: name, captions: ['a photo'], split: 'train' }));
    await writeFile(join(folder, 'captions.jsonl'), lines.join('\n'));
    const dataset = await readDataset({ store: await openFolder({ root: folder }), name: folder });
    const ways = {
      'the encoder alone': () => inParallel(PARALLEL, looks, async (pixels) => void (await encoder.encode(pixels))),
      'pictures to cached outputs': async (round: number) => {
        const cache = join(folder, `cache-${round}`);
        const options = { encoders, modelDirs: [models], cache, augmentations, parallel: PARALLEL };
        await (await loadFeatures(dataset, options)).close();
      },
    };
    const times = await interleaved(ROUNDS, ways);
    const alone = median(times['the encoder alone']);
    console.log(
      `${copies.flat().length} photos, ${augmentations.length} augmentations each, ${PARALLEL} at once; ` +
        `wanted <= 1.3 of the encoder alone`,
    );
    console.table(
      Object.fromEntries(
        Object.entries(times).map(([name, taken]) => [
          name,
          {
            'ms an augmentation': (median(taken) / looks.length).toFixed(1),
            ratio: (median(taken) / alone).toFixed(2),
          },
        ]),
      ),
    );
  } finally {
    await encoder.close();
    await encoders.close();
  }
}
