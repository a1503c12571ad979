// npx node bench/quantise.ts --variants DIR [--data DIR] [--encoder NAME | --encoder both] [--mobilenet-head DIR]
// Gains and costs of quantising an encoder: speed, memory, size, whether the batch changes a vector, and the loss in
// search quality.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadEncoders } from '../core/encode/encoders.ts';
import { findFolder } from '../core/encode/model-files.ts';
import { float32, int64, loadOnnx, type Tensor } from '../core/onnx/session.ts';
import { openLocation } from '../scripts/cli/location.ts';
import { modelFolders } from '../scripts/cli/training-options.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { FULL } from '../training/features/augmentations.ts';
import { loadFeatures } from '../training/features/extract.ts';
import { type EvaluatedHead, evaluateHead } from '../training/metrics/evaluate-head.ts';
import { compare } from '../training/metrics/significance.ts';
import { median } from './support/measuring.ts';

/**
 * Variants come from models/export/quantise.py: DIR/ENCODER/VARIANT.onnx. Speeds are medians of alternating runs, so
 * that a slow spell of the machine affects all of them.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const models = join(root, 'models');
const MODEL_DIRS = modelFolders(undefined);
const ROUNDS = 15;
/** Tokens of a caption, including special tokens. */
const TOKENS = 14;
const RESAMPLING = { resamples: 1000, seed: 1 };

interface Encoder {
  readonly name: string;
  readonly kind: 'text' | 'image';
  /** The output whose vectors are compared. */
  readonly output: string;
  readonly edge: number;
}

const ENCODERS: readonly Encoder[] = [
  { name: 'all-minilm-l6-v2', kind: 'text', output: 'last_hidden_state', edge: 0 },
  { name: 'efficientnet-lite2', kind: 'image', output: 'features', edge: 260 },
  { name: 'mobilenet_v2_1.0_224', kind: 'image', output: 'features', edge: 224 },
];

export async function run(args: readonly string[] = []): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      variants: { type: 'string' },
      data: { type: 'string' },
      encoder: { type: 'string' },
      /** A head from npm run train -- --profile mobilenet; without it, recall is not measured for MobileNetV2. */
      'mobilenet-head': { type: 'string' },
    },
  });
  if (values.variants === undefined) {
    console.log(
      'needs variants: models/export/quantise.py makes them, npx node bench/quantise.ts --variants DIR measures',
    );
    return;
  }
  const folder = resolve(values.variants);
  for (const encoder of ENCODERS.filter(({ name }) => name === (values.encoder ?? name))) {
    const variants = findVariants(encoder, folder);
    if (variants.size < 2) continue;
    const speed = await speeds(encoder, variants);
    const faults = await batchFaults(encoder, variants);
    const judged = headOf(encoder, values['mobilenet-head']);
    const recalls =
      values.data === undefined || judged === null
        ? new Map()
        : await recallsOf(encoder, variants, values.data, judged);
    console.log(`\n${encoder.name}: ms a ${encoder.kind}`);
    console.table(
      Object.fromEntries(
        [...variants].map(([variant, path]) => [
          variant,
          { ...speed.get(variant), ...sizes(path, encoder), ...faults.get(variant), ...recalls.get(variant) },
        ]),
      ),
    );
  }
  if (values.data !== undefined && (values.encoder ?? 'both') === 'both') await together(folder, values.data);
}

/** The fastest variants of both encoders together, compared with the bundled ones. */
async function together(folder: string, data: string): Promise<void> {
  const [text, image] = ENCODERS as readonly [Encoder, Encoder, Encoder];
  const fast = [
    { encoder: text, path: join(folder, text.name, 'dynamic-int8-fused.onnx'), batchChanges: true },
    { encoder: image, path: join(folder, image.name, 'static-int8.onnx'), batchChanges: false },
  ];
  const bundled = await judge([], data, COMPACT);
  const both = await judge(fast, data, COMPACT);
  const { difference, interval } = compare(bundled.table, both.table, RESAMPLING);
  const [change, low, high] = [difference, interval.low, interval.high].map((one) => one.recallSum.toFixed(1));
  console.log(
    `\nboth in int8: sum of recalls ${both.figures.recallSum.toFixed(1)}, against bundled ${change} (${low} ` +
      `to ${high})`,
  );
}

/** Path by name; the bundled one is called `weights`. */
function findVariants({ name }: Encoder, folder: string): Map<string, string> {
  const found = new Map<string, string>();
  const files = readdirSync(join(folder, name), { withFileTypes: true }).filter((file) => file.name.endsWith('.onnx'));
  for (const file of files) found.set(basename(file.name, '.onnx'), join(folder, name, file.name));
  const bundled = join(models, name, 'model.onnx');
  if (statSync(bundled, { throwIfNoEntry: false })) found.set('weights', bundled);
  return new Map([...found].sort(([a], [b]) => order(a) - order(b)));
}

const order = (name: string) => ['fp32', 'weights', 'dynamic-int8', 'dynamic-int8-fused', 'static-int8'].indexOf(name);

/** Reproducible numbers from 0 to 1. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    // The linear congruential generator of Numerical Recipes.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Random pictures or captions, all different. */
function feeds({ kind, edge }: Encoder, rows: number, first = 0): Record<string, Tensor> {
  if (kind === 'image') {
    const size = 3 * edge * edge;
    const data = new Float32Array(rows * size);
    // With different contrast: as different from each other as photos are.
    for (let r = 0; r < rows; r++)
      data.set(
        noise(size, first + r + 1).map((x) => (2 * x - 1) * (0.2 + 0.05 * (first + r))),
        r * size,
      );
    return { pixel_values: float32(data, [rows, 3, edge, edge]) };
  }
  const shape = [rows, TOKENS];
  const ids = Array.from({ length: rows }, (_, r) => [
    101,
    ...Array.from(noise(TOKENS - 2, first + r + 1), (x) => 1000 + Math.floor(x * 20_000)),
    102,
  ]).flat();
  const all = (value: number) =>
    int64(
      ids.map(() => value),
      shape,
    );
  return { input_ids: int64(ids, shape), attention_mask: all(1), token_type_ids: all(0) };
}

type Row = Readonly<Record<string, string>>;

async function speeds(encoder: Encoder, variants: ReadonlyMap<string, string>): Promise<Map<string, Row>> {
  const table = new Map<string, Record<string, string>>([...variants.keys()].map((name) => [name, {}]));
  for (const threads of [1, 2]) {
    const sessions = new Map<string, Awaited<ReturnType<typeof loadOnnx>>>();
    for (const [variant, path] of variants) sessions.set(variant, await loadOnnx(path, { threads }));
    for (const batch of [1, 16]) {
      const input = feeds(encoder, batch);
      const times = new Map<string, number[]>([...variants.keys()].map((name) => [name, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [variant, session] of sessions) {
          const start = performance.now();
          await session.run(input, [encoder.output]);
          // The first run is a warm-up.
          if (round > 0) times.get(variant)!.push((performance.now() - start) / batch);
        }
      }
      const reference = median(times.get('fp32')!);
      for (const [variant, taken] of times) {
        const ms = median(taken);
        table.get(variant)![`${threads} thr, ${batch}`] = `${ms.toFixed(1)} (${(ms / reference).toFixed(2)})`;
      }
    }
    for (const session of sessions.values()) await session.release();
  }
  return table;
}

/** Bytes on disk, and the extra memory of a separate process with the model loaded and run. */
function sizes(path: string, encoder: Encoder): Row {
  const output = execFileSync(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    fileURLToPath(import.meta.url),
    '--memory',
    path,
    encoder.name,
  ]);
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
  return { 'file MB': mb(statSync(path).size), 'memory MB': mb(Number(output.toString())) };
}

async function reportMemory(path: string, name: string): Promise<void> {
  const encoder = ENCODERS.find((one) => one.name === name)!;
  const input = feeds(encoder, 1);
  const before = process.memoryUsage.rss();
  const session = await loadOnnx(path, { threads: 1 });
  for (let i = 0; i < 3; i++) await session.run(input, [encoder.output]);
  console.log(process.memoryUsage.rss() - before);
}

/**
 * How much a vector changes with others in its batch, and its distance to float32's; both as 1 - cosine, the worst of
 * 16.
 */
async function batchFaults(encoder: Encoder, variants: ReadonlyMap<string, string>): Promise<Map<string, Row>> {
  const vectors = new Map<string, { alone: Float32Array[]; together: Float32Array[] }>();
  for (const [variant, path] of variants) {
    const session = await loadOnnx(path, { threads: 1 });
    const answer = async (rows: number, first: number) => {
      const output = (await session.run(feeds(encoder, rows, first), [encoder.output]))[encoder.output]!;
      return split(output.data as Float32Array, rows);
    };
    const alone: Float32Array[] = [];
    for (let i = 0; i < 16; i++) alone.push((await answer(1, i))[0]!);
    vectors.set(variant, { alone, together: await answer(16, 0) });
    await session.release();
  }
  const reference = vectors.get('fp32')!.alone;
  const worst = (a: readonly Float32Array[], b: readonly Float32Array[]) =>
    Math.max(...a.map((one, i) => 1 - cosine(one, b[i]!))).toExponential(0);
  return new Map(
    [...vectors].map(([variant, { alone, together }]) => [
      variant,
      { 'batch moves': worst(alone, together), 'off fp32': worst(alone, reference) },
    ]),
  );
}

const split = (data: Float32Array, rows: number) =>
  Array.from({ length: rows }, (_, r) => data.slice((r * data.length) / rows, ((r + 1) * data.length) / rows));

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}

interface Judged {
  readonly profile: string;
  /** Folder of the head. */
  readonly head: string;
}

const COMPACT: Judged = { profile: 'compact-float32', head: join(models, 'head-compact-float32') };

/** A head trained on this encoder's outputs; null if there is none. */
function headOf({ name }: Encoder, mobilenetHead: string | undefined): Judged | null {
  if (name !== 'mobilenet_v2_1.0_224') return COMPACT;
  return mobilenetHead === undefined ? null : { profile: 'mobilenet', head: resolve(mobilenetHead) };
}

/** The sum of the six recalls with the variant in place of the encoder that the head was trained on. */
async function recallsOf(
  encoder: Encoder,
  variants: ReadonlyMap<string, string>,
  data: string,
  judged: Judged,
): Promise<Map<string, Row>> {
  const heads = new Map<string, EvaluatedHead>();
  for (const [variant, path] of variants) {
    heads.set(variant, await judge([{ encoder, path, batchChanges: variant.startsWith('dynamic') }], data, judged));
  }
  // Encoders that are not bundled are used as published, in float32.
  const usual = heads.get('weights') ?? heads.get('fp32');
  return new Map(
    [...heads].map(([variant, head]) => {
      const { difference, interval } = compare(usual!.table, head.table, RESAMPLING);
      const sum = head.figures.recallSum.toFixed(1);
      const change = [difference, interval.low, interval.high].map((one) => one.recallSum.toFixed(1));
      return [variant, { 'sum of recalls': sum, 'against the usual': `${change[0]} (${change[1]} to ${change[2]})` }];
    }),
  );
}

interface Replaced {
  readonly encoder: Encoder;
  readonly path: string;
  readonly batchChanges: boolean;
}

/** A head on its encoders, some of them replaced. */
async function judge(replaced: readonly Replaced[], data: string, judged: Judged): Promise<EvaluatedHead> {
  const folder = tempFolder();
  const place = await openLocation(data);
  try {
    const manifest = JSON.parse(readFileSync(join(models, 'manifest.json'), 'utf8'));
    for (const { encoder, path, batchChanges } of replaced) {
      const entry = manifest.encoders[encoder.name];
      Object.assign(entry, { bundled: false, opset: undefined }, encoder.kind === 'text' ? { batchChanges } : {});
      // A variant is a single file.
      Object.assign(entry.files, {
        model: { ...entry.files.model, bytes: null, sha256: null, sameAs: undefined },
        weights: undefined,
      });
      mkdirSync(join(folder, encoder.name));
      const from = await findFolder(MODEL_DIRS, encoder.name);
      for (const file of readdirSync(from)) {
        symlinkSync(file === 'model.onnx' ? path : join(from, file), join(folder, encoder.name, file));
      }
    }
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const modelDirs = [folder, ...MODEL_DIRS];
    const encoders = await loadEncoders({ modelDirs, profile: judged.profile, threads: 1 });
    const dataset = await readDataset(place, { splits: ['val'] });
    const cache = join(root, 'data', 'features');
    const { splits, close } = await loadFeatures(dataset, {
      encoders,
      modelDirs,
      augmentations: [FULL],
      parallel: 3,
      cache,
    });
    await encoders.close();
    const head = await evaluateHead(judged.head, encoders, splits.get('val')!, { resampling: RESAMPLING });
    await close();
    return head;
  } finally {
    place.close();
  }
}

if (import.meta.main) {
  const [flag, path, name] = process.argv.slice(2);
  if (flag === '--memory' && path !== undefined && name !== undefined) await reportMemory(path, name);
  else await run(process.argv.slice(2));
}
