// npm run bench -- encode
// What the encoders add to the bare model, and how pictures are best pipelined.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeImage } from '../core/encode/decode.ts';
import { DEFAULT_LIMITS, type Encoders, loadEncoders } from '../core/encode/encoders.ts';
import { loadImageEncoder } from '../core/encode/image-encoder.ts';
import { type RgbPixels, toTensorData } from '../core/encode/preprocess.ts';
import { loadTokenizer } from '../core/encode/tokenizer.ts';
import { float32, int64, loadOnnx } from '../core/onnx/session.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const models = join(root, 'models');
const photoFolder = join(root, 'examples', 'photos');

const CAPTIONS = [
  'a dog running on the beach',
  'two children play in the snow',
  'a man in a red shirt climbs a rock face',
  'a black and white photo of a street at night with neon signs',
  'a cup of coffee on a table',
  'mountains behind a lake in the evening',
];

export async function run(): Promise<void> {
  const photos = readdirSync(photoFolder)
    .filter((name) => name.endsWith('.jpg'))
    .map((name) => readFileSync(join(photoFolder, name)));
  const encoders = await loadEncoders({ modelDirs: [models] });
  await textQuery(encoders);
  await bulkTexts(encoders);
  await onePicture(encoders, photos);
  await encoders.close();
  await pipelines(photos);
}

/** A query through tokenizer, model and pooling against the model alone on ready-made tensors. */
async function textQuery(encoders: Encoders): Promise<void> {
  const { profile } = encoders;
  const folder = join(models, profile.text.folder);
  const bare = await loadOnnx(join(folder, profile.text.files.model.path));
  const tokenizer = await loadTokenizer({
    tokenizer: join(folder, profile.text.files.tokenizer.path),
    config: join(folder, profile.text.files.tokenizerConfig.path),
    maxTokens: profile.text.maxTokens,
    vocabulary: profile.text.vocabulary,
  });
  const { tensors } = profile.text;
  const feeds = CAPTIONS.map((caption) => {
    const ids = tokenizer.encode(caption);
    const shape = [1, ids.length];
    return {
      [tensors.inputIds]: int64(ids, shape),
      [tensors.attentionMask!]: int64(
        ids.map(() => 1),
        shape,
      ),
      [tensors.tokenTypeIds!]: int64(
        ids.map(() => 0),
        shape,
      ),
    };
  });
  const times = await interleaved(40 * CAPTIONS.length, {
    bare: (i) => bare.run(feeds[i % feeds.length]!, [tensors.output]),
    query: (i) => encoders.text.encode([CAPTIONS[i % CAPTIONS.length]!]),
    tokenizer: async (i) => tokenizer.encode(CAPTIONS[i % CAPTIONS.length]!),
  });
  await bare.release();
  table('one text (ms)', [
    ['bare onnxruntime run', ms(times.bare), ''],
    ['query: tokenizer, model, pooling', ms(times.query), `${ratio(times.query, times.bare)} of bare, wanted <= 1.15`],
    ['tokenizer alone', ms(times.tokenizer), ''],
  ]);
}

/** Captions by the hundred, as training and caption import encode them. */
async function bulkTexts(encoders: Encoders): Promise<void> {
  const captions = Array.from({ length: 192 }, (_, i) => `${CAPTIONS[i % CAPTIONS.length]} ${'again '.repeat(i % 4)}`);
  const times = await interleaved(3, {
    single: async () => {
      for (const caption of captions) await encoders.text.encode([caption]);
    },
    grouped: () => encoders.text.encode(captions),
  });
  table('192 texts (captions/s)', [
    ['one by one', rate(captions.length, times.single), ''],
    ['grouped by length', rate(captions.length, times.grouped), `${ratio(times.grouped, times.single)} of the time`],
  ]);
}

/** The whole way of one picture against its parts measured alone, and a batch against one at a time. */
async function onePicture(encoders: Encoders, photos: readonly Buffer[]): Promise<void> {
  const { image } = encoders.profile;
  const { preprocessing } = encoders.image;
  const model = await loadImageEncoder([models], image);
  const photo = (i: number) => photos[i % photos.length]!;
  const decode = (i: number) => decodeImage(photo(i), preprocessing, DEFAULT_LIMITS);
  const pixels: RgbPixels[] = [];
  for (const i of photos.keys()) pixels.push((await decode(i)).pixels);
  const pixel = (i: number) => pixels[i % pixels.length]!;
  const times = await interleaved(3 * photos.length, {
    decode,
    model: (i) => model.encode(pixel(i)),
    scale: async (i) => toTensorData(pixel(i), preprocessing, image.tensors.layout),
    whole: (i) => encoders.image.encode(photo(i)),
  });
  await model.close();
  const parts = undisturbed(times.decode) + undisturbed(times.model);
  const bare = await loadOnnx(join(models, image.folder, image.files.model.path));
  const { crop } = preprocessing;
  const input = (rows: number) => ({
    [image.tensors.pixels]: float32(new Float32Array(rows * 3 * crop * crop), [rows, 3, crop, crop]),
  });
  const batches = await interleaved(10, { one: () => bare.run(input(1)), four: () => bare.run(input(4)) });
  await bare.release();
  table('one picture (ms)', [
    ['decode, resize, crop', ms(times.decode), ''],
    ['scaling and model', ms(times.model), ''],
    ['scaling alone', ms(times.scale), 'wanted < 1'],
    ['the whole way', ms(times.whole), `${(undisturbed(times.whole) / parts).toFixed(2)} of the parts, wanted <= 1.1`],
    ['model, a batch of 4, per picture', (undisturbed(batches.four) / 4).toFixed(2), `one alone ${ms(batches.one)}`],
  ]);
}

/** Pictures a second by threads of the model and pictures under way at once, and the CPU time each takes. */
async function pipelines(photos: readonly Buffer[]): Promise<void> {
  const rows: string[][] = [];
  const few = photos.slice(0, 12);
  for (const threads of [1, 2].filter((count) => count <= availableParallelism())) {
    const encoders = await loadEncoders({ modelDirs: [models], threads });
    const decode = (bytes: Buffer) => decodeImage(bytes, encoders.image.preprocessing, DEFAULT_LIMITS);
    const { pixels } = await decode(few[0]!);
    const model = await loadImageEncoder([models], encoders.profile.image, { threads });
    const whole = (limit: number) => () => concurrently(few, limit, (bytes) => encoders.image.encode(bytes));
    const times = await interleaved<string>(5, {
      ...Object.fromEntries([1, 2, 3, 4, 6].map((limit) => [`${limit} at once`, whole(limit)])),
      decode: () => concurrently(few, 4, decode),
      model: () => concurrently(few, 1, () => model.encode(pixels)),
    });
    const { decode: decoding, model: running, ...limits } = times;
    const slowest = Math.max(undisturbed(decoding!), undisturbed(running!));
    const name = threads === 1 ? '1 thread' : `${threads} threads`;
    rows.push([`${name}, decoding alone`, rate(few.length, decoding!), '4 at once']);
    rows.push([`${name}, model alone`, rate(few.length, running!), '']);
    for (const [limit, taken] of Object.entries(limits)) {
      const note = `${(undisturbed(taken) / slowest).toFixed(2)} of max(decode, model), wanted <= 1.3 on 2 cores`;
      rows.push([`${name}, ${limit}`, rate(few.length, taken), note]);
    }
    const before = process.cpuUsage();
    await whole(3)();
    const { user, system } = process.cpuUsage(before);
    rows.push([`${name}, CPU ms a picture`, ((user + system) / 1000 / few.length).toFixed(1), '']);
    await Promise.all([encoders.close(), model.close()]);
  }
  table('many pictures (pictures/s)', rows);
}

async function concurrently<T>(items: readonly T[], limit: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

/** Runs the alternatives in turn, so that a slow spell of the machine hits all of them. Milliseconds of each run. */
async function interleaved<Name extends string>(
  rounds: number,
  alternatives: Readonly<Record<Name, (round: number) => Promise<unknown>>>,
): Promise<Record<Name, number[]>> {
  const entries = Object.entries(alternatives) as [Name, (round: number) => Promise<unknown>][];
  const times = Object.fromEntries(entries.map(([name]) => [name, []])) as unknown as Record<Name, number[]>;
  for (const [, work] of entries) await work(0);
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of entries) {
      const start = performance.now();
      await work(round);
      times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** The time without what others on the machine add to it: the tenth percentile. */
function undisturbed(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;
}

const ms = (times: readonly number[]) => undisturbed(times).toFixed(2);
const rate = (items: number, times: readonly number[]) => ((items * 1000) / undisturbed(times)).toFixed(0);
const ratio = (a: readonly number[], b: readonly number[]) => (undisturbed(a) / undisturbed(b)).toFixed(2);

function table(title: string, rows: readonly string[][]): void {
  const wide = Math.max(title.length, ...rows.map(([name]) => name!.length));
  console.log(`\n${title}`);
  for (const [name, value, note] of rows) console.log(`  ${name!.padEnd(wide)}  ${value!.padStart(8)}  ${note}`);
}

if (import.meta.main) await run();
