// npm run bench -- encode
// The bundled encoders compared with the same weights in float32, run by onnxruntime alone.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS, type Encoders, loadEncoders } from '../core/encode/encoder-pair.ts';
import { type Head, loadHead } from '../core/encode/head.ts';
import { loadImageModel } from '../core/encode/image-model.ts';
import { loadManifest, type Profile, profileOf } from '../core/encode/manifest.ts';
import { loadTokenizer } from '../core/encode/tokenizer.ts';
import { float32, int64, loadOnnx, type OnnxModel } from '../core/onnx/onnx-session.ts';
import { type RgbPixels, toTensorData } from '../core/picture/preprocess.ts';
import type { Preprocessing } from '../core/picture/preprocessor-config.ts';
import { openPicture } from '../core/picture/sharp.ts';
import { interleaved, median, printRows } from './support/measuring.ts';

const models = fileURLToPath(new URL('../models', import.meta.url));
const photoFolder = fileURLToPath(new URL('../examples/photos', import.meta.url));
const BUNDLED = 'compact';
/** The same encoders, computed in float32. */
const FLOAT = 'compact-float32';
/** Pictures in progress at once in bulk work: running, waiting, and being decoded. */
const BULK = [2, 4, 8, 16];

const CAPTIONS = [
  'a dog running on the beach',
  'two children play in the snow',
  'a man in a red shirt climbs a rock face',
  'a black and white photo of a street at night with neon signs',
  'a cup of coffee on a table',
  'mountains behind a lake in the evening',
];

/** The bundled encoders and head, and float32 ones to compare with. */
interface Sides {
  readonly encoders: Encoders;
  readonly head: Head;
  readonly threads: number;
  readonly photos: readonly Buffer[];
  readonly float: { readonly profile: Profile; readonly text: OnnxModel; readonly image: OnnxModel };
}

export async function run(): Promise<void> {
  const photos = readdirSync(photoFolder)
    .filter((name) => name.endsWith('.jpg'))
    .map((name) => readFileSync(join(photoFolder, name)));
  for (const threads of [1, 2].filter((count) => count <= availableParallelism())) {
    const sides = await loadSides(threads, photos);
    console.log(`\n${threads === 1 ? '1 thread' : `${threads} threads`}, medians`);
    await onePicture(sides);
    await oneCaption(sides);
    await manyPictures(sides);
    await Promise.all([sides.encoders.close(), sides.head.close()]);
    await Promise.all([sides.float.text.release(), sides.float.image.release()]);
  }
}

async function loadSides(threads: number, photos: readonly Buffer[]): Promise<Sides> {
  const encoders = await loadEncoders({ modelDirs: [models], profile: BUNDLED, threads });
  const head = await loadHead(join(models, encoders.profile.head!), encoders);
  const profile = profileOf(await loadManifest([models]), FLOAT);
  const bare = ({ folder, files }: Profile['text'] | Profile['image']) =>
    loadOnnx(join(models, folder, files.model.path), { threads, arena: true });
  const float = { profile, text: await bare(profile.text), image: await bare(profile.image) };
  return { encoders, head, threads, photos, float };
}

/** From pixels to a joint vector, without decoding, compared with the model alone on a prepared tensor. */
async function onePicture({ encoders, head, threads, photos, float }: Sides): Promise<void> {
  const { image } = encoders.profile;
  const { preprocessing } = encoders.image;
  const model = await loadImageModel([models], image, { threads });
  const pixels = await Promise.all(photos.map((photo) => plainDecode(photo, preprocessing)));
  const feeds = pixels.map((one) => tensorOf(one, preprocessing, float.profile));
  const times = await interleaved(3 * photos.length, {
    float: (i) => float.image.run(feeds[i % feeds.length]!),
    encoder: (i) => model.encode(pixels[i % pixels.length]!),
    whole: async (i) => head.projectImages([await model.encode(pixels[i % pixels.length]!)]),
  });
  await model.close();
  const wanted = threads === 1 ? 2.2 : 1.6;
  printRows('one picture, ms', [
    ['float32, the model alone', ms(times.float), ''],
    ['encoder', ms(times.encoder), faster(times.float, times.encoder)],
    ['encoder and head', ms(times.whole), `${faster(times.float, times.whole)}, wanted ${wanted}`],
  ]);
}

/** From a text to a joint vector, compared with the model alone on prepared tensors. */
async function oneCaption({ encoders, head, threads, float }: Sides): Promise<void> {
  const { text } = float.profile;
  const folder = join(models, text.folder);
  const tokenizer = await loadTokenizer({
    tokenizer: join(folder, text.files.tokenizer.path),
    config: join(folder, text.files.tokenizerConfig.path),
    maxTokens: text.maxTokens,
    vocabulary: text.vocabulary,
  });
  const feeds = CAPTIONS.map((caption) => {
    const ids = tokenizer.encode(caption);
    const same = (value: number) =>
      int64(
        ids.map(() => value),
        [1, ids.length],
      );
    const { inputIds, attentionMask, tokenTypeIds } = text.tensors;
    return { [inputIds]: int64(ids, [1, ids.length]), [attentionMask!]: same(1), [tokenTypeIds!]: same(0) };
  });
  const caption = (i: number) => CAPTIONS[i % CAPTIONS.length]!;
  const times = await interleaved(20 * CAPTIONS.length, {
    float: (i) => float.text.run(feeds[i % feeds.length]!, [text.tensors.output]),
    encoder: (i) => encoders.text.encode([caption(i)]),
    whole: async (i) => head.projectTexts(await encoders.text.encode([caption(i)])),
  });
  const wanted = threads === 1 ? 2.3 : 1.6;
  printRows('one caption, ms', [
    ['float32, the model alone', ms(times.float), ''],
    ['tokens and encoder', ms(times.encoder), `${faster(times.float, times.encoder)}, wanted ${wanted}`],
    ['tokens, encoder and head', ms(times.whole), faster(times.float, times.whole)],
  ]);
}

/** From files to joint vectors, including decoding, compared with sharp and float32 in a loop. */
async function manyPictures({ encoders, head, threads, photos, float }: Sides): Promise<void> {
  const files = Array.from({ length: 32 }, (_, i) => photos[i % photos.length]!);
  const embed = async (bytes: Buffer) => head.projectImages([(await encoders.image.encode(bytes)).outputs]);
  const times = await interleaved<string>(5, {
    float: async () => {
      for (const bytes of files) {
        const pixels = await plainDecode(bytes, encoders.image.preprocessing);
        await float.image.run(tensorOf(pixels, encoders.image.preprocessing, float.profile));
      }
    },
    ...Object.fromEntries(BULK.map((limit) => [limit, () => concurrently(files, limit, embed)])),
  });
  const wanted = threads === 1 ? '' : ', wanted 2.3';
  printRows(`${files.length} pictures, ms each`, [
    ['sharp and float32, one by one', ms(times.float!, files.length), ''],
    ...BULK.map((limit) => [
      `${limit} at once`,
      ms(times[limit]!, files.length),
      `${faster(times.float!, times[limit]!)}${limit === BULK.at(-1) ? wanted : ''}`,
    ]),
  ]);
}

/** The model's input pixels for an upright RGB photo. */
async function plainDecode(bytes: Buffer, { crop, resize: { size } }: Preprocessing): Promise<RgbPixels> {
  const margin = Math.floor((size - crop) / 2);
  const data = await openPicture({ bytes }, { maxPixels: DEFAULT_LIMITS.maxPixels })
    .resize({ width: size, height: size, fit: 'fill', kernel: 'cubic' })
    .extract({ left: margin, top: margin, width: crop, height: crop })
    .raw()
    .toBuffer();
  return { data, width: crop, height: crop };
}

function tensorOf(pixels: RgbPixels, preprocessing: Preprocessing, { image: { tensors } }: Profile) {
  const { crop } = preprocessing;
  return { [tensors.pixels]: float32(toTensorData(pixels, preprocessing, tensors.layout), [1, 3, crop, crop]) };
}

async function concurrently<T>(items: readonly T[], limit: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

const ms = (times: readonly number[], items = 1) => (median(times) / items).toFixed(2);
const faster = (slow: readonly number[], fast: readonly number[]) =>
  `${(median(slow) / median(fast)).toFixed(2)} times as fast`;

if (import.meta.main) await run();
