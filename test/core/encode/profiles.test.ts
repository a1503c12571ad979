import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CLIPTokenizer, type PreTrainedTokenizer, SiglipTokenizer } from '@xenova/transformers';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import { loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadImageEmbedder } from '../../../core/encode/image-embedder.ts';
import { loadManifest, profileOf } from '../../../core/encode/manifest.ts';
import { readLock } from '../../../core/encode/model-lock.ts';
import { checkModel, type Encoder, pullModel } from '../../../core/hub/pull-model.ts';
import { createIndexer } from '../../../core/index-image.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { int64, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import type { Embedder } from '../../../core/ports.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { cosine } from '../../support/cosine.ts';
import { type HubTestServer, startHub } from '../../support/hub-server.ts';
import { writeAgreedPhotos } from '../../support/photo-dataset.ts';
import { randomRepos } from '../../support/random-models.ts';
import { runScript } from '../../support/start-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS, writeHead } from './fixtures.ts';

/**
 * Every pulled profile in the manifest, with random models of the same inputs, outputs, sizes and tokenizers: from the
 * hub to a search, through the production code.
 */

const samples = join(import.meta.dirname, '../../../examples/photos');
const folder = tempFolder();
const models = join(folder, 'models');
const photos = join(folder, 'photos');
let hub: HubTestServer;

before(async () => {
  hub = await startHub(randomRepos());
  cpSync(join(MODELS, 'manifest.json'), join(models, 'manifest.json'), { recursive: true });
  for (const bundled of ['all-minilm-l6-v2', 'efficientnet-lite2'])
    symlinkSync(join(MODELS, bundled), join(models, bundled));
  for (const name of ['cat.jpg', 'coffee.jpg']) cpSync(join(samples, name), join(photos, name));
});
after(() => hub.stop());

async function pull(profile: string): Promise<Encoder[]> {
  const { text, image } = profileOf(await loadManifest([models]), profile);
  const pulled = [text, image].filter(({ bundled }) => !bundled);
  for (const encoder of pulled) await pullModel(encoder, { hub: { endpoint: hub.endpoint }, models, waitMs: 1 });
  return pulled;
}

/** Indexes both photos and searches for them by picture and by words. */
async function indexAndSearch(embedder: Embedder, file: string): Promise<void> {
  const { space, dimension } = embedder;
  await using vectors = closing(await openEmbeddedStore({ file, space, dimension }));
  const store = await openFolder({ root: photos });

  const index = createIndexer({ embedder, vectors, buckets: new Map([[store.bucket, store]]), maxBytes: 50e6 });
  for (const key of ['cat.jpg', 'coffee.jpg']) {
    const outcome = await index({ type: 'created', bucket: store.bucket, key, sequencer: null });
    assert.equal(outcome.status, 'indexed');
    const { vector } = await embedder.embedImage(readFileSync(join(photos, key)));
    const { items } = await vectors.query({ vector, limit: 2, filter: {} });
    assert.equal(items.length, key === 'cat.jpg' ? 1 : 2);
    assert.ok(items[0]!.payload.kind === 'image' && items[0]!.payload.key === key && items[0]!.score > 0.9999);
  }
  const [text] = await embedder.embedTexts(['a dog on the beach']);
  assert.equal((await vectors.query({ vector: text!, limit: 5, filter: {} })).items.length, 2);
}

interface Towers {
  readonly dimension: number;
  readonly tokenizer: new (json: object, config: object) => PreTrainedTokenizer;
  /** The length that every text is padded to; null for none. */
  readonly places: number | null;
  readonly pad: number;
  readonly output: string;
  readonly preprocessing: object;
}

const shortest = (size: number, kernel: string) => ({ mode: 'shortest-edge', size, kernel });
const TOWERS: Readonly<Record<string, Towers>> = {
  clip: {
    dimension: 512,
    tokenizer: CLIPTokenizer,
    places: null,
    pad: 0,
    output: 'text_embeds',
    preprocessing: {
      resize: shortest(224, 'bicubic'),
      crop: 224,
      mean: [122.7709383, 116.7460125, 104.09373615],
      std: [68.5005327, 66.6321579, 70.32316305],
    },
  },
  mobileclip: {
    dimension: 512,
    tokenizer: CLIPTokenizer,
    places: 77,
    pad: 49_407,
    output: 'text_embeds',
    preprocessing: { resize: shortest(256, 'bilinear'), crop: 256, mean: [0, 0, 0], std: [255, 255, 255] },
  },
  siglip: {
    dimension: 768,
    tokenizer: SiglipTokenizer,
    places: 64,
    pad: 1,
    output: 'pooler_output',
    preprocessing: {
      resize: { mode: 'squash', size: 224, kernel: 'bicubic' },
      crop: 224,
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
    },
  },
};

const TEXTS = ['a dog on the beach', "The Dog's   running, isn't it?", 'Zürich 2024 🐶', '', 'word '.repeat(100)];

for (const [profile, towers] of Object.entries(TOWERS)) {
  describe(`profile ${profile}, whose encoders share a space`, () => {
    it('is pulled, verified, loaded without a head, indexes and finds', async () => {
      const pulled = await pull(profile);
      const lock = await readLock(models);
      assert.equal(pulled.length, 2);
      for (const encoder of pulled) assert.deepEqual(await checkModel(models, encoder, lock), { state: 'ok' });
      const embedder = await loadEmbedder({ modelDirs: [models], profile });
      assert.equal(embedder.dimension, towers.dimension);
      await indexAndSearch(embedder, join(folder, `${profile}.sqlite`));
      const alone = await loadImageEmbedder({ modelDirs: [models], profile });
      const photo = readFileSync(join(samples, 'cat.jpg'));
      assert.equal(alone.space, embedder.space);
      assert.deepEqual(await alone.embedImage(photo), await embedder.embedImage(photo));
      await Promise.all([alone.close(), embedder.close()]);
    });

    it('reads the preprocessing of its publisher', async () => {
      const encoders = await loadEncoders({ modelDirs: [models], profile });
      assert.deepEqual(encoders.image.preprocessing, towers.preprocessing);
      await encoders.close();
    });

    it('makes of texts what the whole library and the bare model make', async () => {
      const { text } = profileOf(await loadManifest([models]), profile);
      const read = (path: string) => JSON.parse(readFileSync(join(models, text.folder, path), 'utf8')) as object;
      const library = new towers.tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
      const bare = await loadOnnx(join(models, text.folder, 'model.onnx'), { threads: 1 });
      const embedder = await loadEmbedder({ modelDirs: [models], profile });
      const vectors = await embedder.embedTexts(TEXTS);
      for (const [i, one] of TEXTS.entries()) {
        const whole = library.encode(one);
        const ids = whole.length <= text.maxTokens ? whole : [...whole.slice(0, text.maxTokens - 1), whole.at(-1)!];
        while (towers.places !== null && ids.length < towers.places) ids.push(towers.pad);
        const answer = await bare.run({ input_ids: int64(ids, [1, ids.length]) }, [towers.output]);
        const similarity = cosine(vectors[i]!, answer[towers.output]!.data as Float32Array);
        assert.ok(similarity > 0.99999, `${JSON.stringify(one)}: ${similarity}`);
      }
      await Promise.all([bare.release(), embedder.close()]);
    });
  });
}

for (const profile of ['clip-int8', 'mobileclip-int8']) {
  describe(`profile ${profile}`, () => {
    it('is pulled, loaded, and runs texts one at a time, because a batch would change them', async () => {
      await pull(profile);
      const { text } = profileOf(await loadManifest([models]), profile);
      assert.equal(text.batchChanges, true);
      const embedder = await loadEmbedder({ modelDirs: [models], profile });
      assert.deepEqual((await embedder.embedTexts(TEXTS)).length, TEXTS.length);
      assert.equal(embedder.dimension, 512);
      await embedder.close();
    });
  });
}

describe('a profile whose encoders share a space', () => {
  it('claims nothing about how well answers fit until it is calibrated', async () => {
    await pull('clip');
    const { text } = profileOf(await loadManifest([models]), 'clip');
    const isCalibrated = async () => {
      await using embedder = closing(await loadEmbedder({ modelDirs: [models], profile: 'clip' }));
      return (await embedder.calibration(text.name)) !== null;
    };
    assert.equal(await isCalibrated(), false);
    const data = await writeAgreedPhotos(join(folder, 'agreed'));
    const words = ['evaluate', '--calibrate', '--resamples', '10', '--features', join(folder, 'features')];
    const call = ['scripts/sightline.ts', ...words, '--profile', 'clip', '--models', models, '--data', data];
    const { code, stderr } = await runScript(call);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^calibrated: temperature /m);
    assert.equal(await isCalibrated(), true);

    // On AWS, too.
    const out = join(folder, 'lambda');
    const build = ['scripts/sightline.ts', 'build:lambda', '--profile', 'clip', '--arch', process.arch, '--out', out];
    const built = await runScript(build, { SIGHTLINE_EXTRA_MODELS: models });
    assert.equal(built.code, 0, built.stderr);
    await using packed = closing(await loadEmbedder({ modelDirs: [join(out, 'api', 'models')], profile: 'clip' }));
    assert.notEqual(await packed.calibration(text.name), null);
  });
});

for (const [profile, prefix] of Object.entries({ minilm: '', bge: '', e5: 'query: ', dinov2: '' })) {
  describe(`profile ${profile}, with a head`, () => {
    it('is pulled, verified, loaded, indexes and finds', async () => {
      const [encoder, ...others] = await pull(profile);
      assert.equal(others.length, 0);
      assert.deepEqual(await checkModel(models, encoder!, await readLock(models)), { state: 'ok' });
      await assert.rejects(loadEmbedder({ modelDirs: [models], profile }), {
        code: 'model-mismatch',
        message: new RegExp(`expected a folder head-${profile} in .*found none: npm run train -- --profile ${profile}`),
      });
      const encoders = await loadEncoders({ modelDirs: [models], profile });
      const inputs = profile === 'dinov2' ? ['features', 'patches'] : ['features'];
      writeHead(join(models, `head-${profile}`), encoders, { inputs });
      const embedder = await loadEmbedder({ modelDirs: [models], profile });
      assert.equal(embedder.dimension, 64);
      await indexAndSearch(embedder, join(folder, `${profile}.sqlite`));
      await embedder.close();
      await encoders.close();
    });

    it(`puts ${JSON.stringify(prefix)} before a text`, async () => {
      const { text } = profileOf(await loadManifest([models]), profile);
      assert.equal(text.prefix[text.prefix.used], prefix);
    });
  });
}

describe('encoders that share a space', () => {
  it('take a head all the same, which makes another space of them', async () => {
    await pull('clip');
    const encoders = await loadEncoders({ modelDirs: [models], profile: 'clip' });
    const head = writeHead(join(folder, 'head-on-clip'), encoders, { inputs: ['features'] });
    const [own, projected] = await Promise.all(
      [undefined, head].map((one) => loadEmbedder({ modelDirs: [models], profile: 'clip', head: one })),
    );
    assert.deepEqual([own!.dimension, projected!.dimension], [512, 64]);
    assert.notEqual(own!.space, projected!.space);
    await Promise.all([own!.close(), projected!.close(), encoders.close()]);
  });

  it('are needed where no head is: others are refused', async () => {
    await pull('bge');
    const loading = loadEmbedder({ modelDirs: [models], profile: 'bge', head: null });
    await assert.rejects(loading, {
      code: 'invalid-config',
      message: /profile bge: expected a head, because bge-small-en-v1.5 and efficientnet-lite2 share no space/,
    });
  });
});

describe('what was not pulled', () => {
  it('is named, with the command that brings it', async () => {
    const message = /expected a folder snowflake-arctic-embed-m in .*found none: npm run models -- pull seed/;
    await assert.rejects(loadEncoders({ modelDirs: [models], profile: 'seed' }), { code: 'model-mismatch', message });
  });
});

describe('what was pulled', () => {
  it(
    'has to be that of the lock wherever it is loaded: altered or cut off, it is refused, naming file and ' +
      'both sides',
    async () => {
      for (const profile of ['clip', 'bge']) await pull(profile);
      const { files } = (await readLock(models)).encoders['clip-vit-base-patch32-image']!;
      const path = join(models, 'clip-vit-base-patch32-image', 'model.onnx');
      const whole = readFileSync(path);
      const altered = Buffer.from(whole);
      altered[1000] = altered[1000]! ^ 1;
      const refusals: readonly [Buffer, RegExp][] = [
        [altered, new RegExp(`model\\.onnx: expected SHA-256 ${files['model.onnx']!.sha256}, got [0-9a-f]{64}`)],
        [whole.subarray(0, 5000), new RegExp(`model\\.onnx: expected ${whole.length} bytes, got 5000`)],
      ];
      for (const [bytes, message] of refusals) {
        writeFileSync(path, bytes);
        // Also if the manifest is in another folder.
        for (const modelDirs of [[models], [MODELS, models]]) {
          await assert.rejects(loadEmbedder({ modelDirs, profile: 'clip' }), { code: 'model-mismatch', message });
        }
      }
      writeFileSync(path, whole);
      await (await loadEmbedder({ modelDirs: [models], profile: 'clip' })).close();
    },
  );
});

describe('an image encoder that answers a state a patch', () => {
  it('gives the first as the picture, and the mean of the others', async () => {
    const encoders = await loadEncoders({ modelDirs: [models], profile: 'dinov2' });
    const { outputs } = await encoders.image.encode(readFileSync(join(samples, 'cat.jpg')));
    assert.deepEqual([outputs.features!.length, outputs.patches!.length], [384, 384]);
    // In the random model, the first state is the negative mean of the others.
    assert.ok(cosine(outputs.features!, outputs.patches!) < -0.9999);
    await encoders.close();
  });
});
