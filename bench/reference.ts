// npm run bench -- reference
// Compares every kind of tokenizer with the original library (@xenova/transformers) on the same files: whether ids and
// vectors are equal, and the time for loading, ids and one vector. Bundled encoders are the real ones. For pulled
// encoders, small random models with the same kinds of tokenizers stand in, so only their ids and the time for ids are
// meaningful.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadManifest, textEncoderOf } from '../core/encode/manifest.ts';
import { loadTextEncoder, tokenizerOf } from '../core/encode/text-encoder.ts';
import { pullModel } from '../core/hub/pull-model.ts';
import { dot } from '../core/util/vector-arithmetic.ts';
import { startHub } from '../test/support/hub-server.ts';
import { randomRepos } from '../test/support/random-models.ts';
import { openReference } from '../test/support/reference.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { median, round } from './support/measuring.ts';

const MODELS = fileURLToPath(new URL('../models', import.meta.url));
const PULLED = ['clip-vit-base-patch32-text', 'siglip-base-patch16-224-text'];
const ROUNDS = 30;
const TEXTS = [
  'a dog running on the beach',
  'two children play in the snow',
  'a black and white photo of a street at night with neon signs',
  'ein Hund läuft am Strand',
  '一只狗在海滩上奔跑',
  'a cup of coffee, isn’t it?',
];

export async function run(): Promise<void> {
  const folder = tempFolder();
  const hub = await startHub(randomRepos());
  try {
    const pulled = join(folder, 'models');
    cpSync(join(MODELS, 'manifest.json'), join(pulled, 'manifest.json'));
    const manifest = await loadManifest([MODELS]);
    const bundled = Object.keys(manifest.encoders).filter((name) => {
      const { kind, bundled } = manifest.encoders[name]!;
      return kind === 'text' && bundled;
    });
    for (const name of PULLED) {
      await pullModel(textEncoderOf(manifest, name), { hub: { endpoint: hub.endpoint }, models: pulled });
    }
    const rows: Record<string, Record<string, string | number>> = {};
    for (const name of [...bundled, ...PULLED]) {
      const models = bundled.includes(name) ? MODELS : pulled;
      rows[name] = await compare(textEncoderOf(manifest, name), models, join(folder, name));
    }
    console.table(rows);
  } finally {
    await hub.stop();
  }
}

async function compare(encoder: ReturnType<typeof textEncoderOf>, models: string, to: string) {
  const prefix = encoder.prefix[encoder.prefix.used];
  const theirLoad = performance.now();
  const reference = await openReference(encoder, models, to);
  const ourLoad = performance.now();
  const tokenizer = await tokenizerOf(join(models, encoder.folder), encoder);
  const ours = await loadTextEncoder([models], encoder);
  const loaded = performance.now();
  let [sameIds, lowest] = [0, 1];
  for (const text of TEXTS) {
    if (`${tokenizer.encode(prefix + text)}` === `${reference.ids(text)}`) sameIds++;
    const [vector] = await ours.encode([text]);
    lowest = Math.min(lowest, dot(vector!.subarray(0, encoder.dimension), await reference.embed(text)));
  }
  const times = { ids: [] as number[], theirIds: [] as number[], vector: [] as number[], theirVector: [] as number[] };
  const timed = async (into: number[], work: () => unknown) => {
    const start = performance.now();
    await work();
    into.push(performance.now() - start);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const text = TEXTS[round % TEXTS.length]!;
    await timed(times.ids, () => tokenizer.encode(prefix + text));
    await timed(times.theirIds, () => reference.ids(text));
    await timed(times.vector, () => ours.encode([text]));
    await timed(times.theirVector, () => reference.embed(text));
  }
  await ours.close();
  return {
    tokenizer: reference.kind,
    'same ids': `${sameIds} of ${TEXTS.length}`,
    'lowest cosine': lowest.toFixed(6),
    'load, ms': `${(loaded - ourLoad).toFixed(0)} / ${(ourLoad - theirLoad).toFixed(0)}`,
    'ids, ms': `${round(median(times.ids))} / ${round(median(times.theirIds))}`,
    'vector, ms': `${round(median(times.vector))} / ${round(median(times.theirVector))}`,
  };
}

if (import.meta.main) await run();
