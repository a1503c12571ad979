import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BertTokenizer } from '@xenova/transformers';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import { type Encoders, loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadManifest, profileOf } from '../../../core/encode/manifest.ts';
import { LOCK_FILE } from '../../../core/encode/model-lock.ts';
import { loadTextEncoder } from '../../../core/encode/text-encoder.ts';
import { pullModel } from '../../../core/hub/pull-model.ts';
import { int64, loadOnnx, type OnnxModel } from '../../../core/onnx/onnx-session.ts';
import { norm } from '../../../core/util/vector-arithmetic.ts';
import { MODEL_DIRS, missingModel } from '../../golden/golden.ts';
import { cosine } from '../../support/cosine.ts';
import { type HubTestServer, startHub } from '../../support/hub-server.ts';
import { BERT_FILES, mobilenetFiles, randomBert, randomBertBase, randomVision } from '../../support/random-models.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS, writeHead } from './fixtures.ts';

/**
 * The published pair: a full-size BERT-base with random weights in place of snowflake-arctic-embed-m, and the real
 * MobileNetV2 if available.
 */

const ARCTIC = 'snowflake-arctic-embed-m';
const PREFIX = 'Represent this sentence for searching relevant passages: ';
const photo = readFileSync(join(import.meta.dirname, '../../../examples/photos/cat.jpg'));
const models = tempFolder();
let hub: HubTestServer;
let encoders: Encoders;
let bare: OnnxModel;
const library = new BertTokenizer(
  JSON.parse(BERT_FILES['tokenizer.json'].toString()) as object,
  JSON.parse(BERT_FILES['tokenizer_config.json'].toString()) as object,
);

/** The real model also outputs pooled features, which the profile does not use. */
function mobilenet(): Uint8Array {
  if (missingModel('mobilenet_v2_1.0_224') !== false)
    return randomVision({ crop: 224, output: 'logits', dimension: 1001 });
  const dir = MODEL_DIRS.find((one) => one !== MODELS)!;
  return readFileSync(join(dir, 'mobilenet_v2_1.0_224', 'model.onnx'));
}

before(async () => {
  hub = await startHub({
    'Snowflake/snowflake-arctic-embed-m': {
      files: {
        ...BERT_FILES,
        'onnx/model.onnx': randomBertBase(),
        'onnx/model_quantized.onnx': randomBert({ dimension: 768 }),
      },
    },
    'onnx-community/mobilenet_v2_1.0_224': { files: mobilenetFiles(mobilenet()) },
  });
  cpSync(join(MODELS, 'manifest.json'), join(models, 'manifest.json'));
  const manifest = await loadManifest([models]);
  for (const profile of ['seed', 'seed-int8'].map((name) => profileOf(manifest, name))) {
    for (const encoder of [profile.text, profile.image])
      await pullModel(encoder, { hub: { endpoint: hub.endpoint }, models, waitMs: 1 });
  }
  encoders = await loadEncoders({ modelDirs: [models], profile: 'seed' });
  bare = await loadOnnx(join(models, ARCTIC, 'model.onnx'));
});
after(async () => {
  await Promise.all([encoders.close(), bare.release()]);
  await hub.stop();
});

/** The first state that the model itself returns for these ids. */
async function cls(ids: readonly number[]): Promise<Float32Array> {
  const shape = [1, ids.length];
  const ones = ids.map(() => 1);
  const feeds = {
    input_ids: int64(ids, shape),
    attention_mask: int64(ones, shape),
    token_type_ids: int64(new BigInt64Array(ids.length), shape),
  };
  const { last_hidden_state: states } = await bare.run(feeds, ['last_hidden_state']);
  return (states!.data as Float32Array).slice(0, 768);
}

describe('profile seed', () => {
  it('gives the first token of BERT-base, of unit length, of a text as it is', async () => {
    const texts = ['a dog running on the beach', 'two children'];
    const vectors = await encoders.text.encode(texts);
    for (const [i, text] of texts.entries()) {
      assert.equal(vectors[i]!.length, 768);
      assert.ok(Math.abs(norm(vectors[i]!) - 1) < 1e-5);
      assert.ok(cosine(vectors[i]!, await cls(library.encode(text))) > 0.99999);
    }
    assert.ok(cosine(vectors[0]!, vectors[1]!) < 0.999);
  });

  it('takes its image encoder from the folder that has pooled features, too', async () => {
    const other = tempFolder();
    for (const name of ['manifest.json', LOCK_FILE]) cpSync(join(models, name), join(other, name));
    symlinkSync(join(models, ARCTIC), join(other, ARCTIC));
    symlinkSync(join(models, 'mobilenet_v2_1.0_224-logits'), join(other, 'mobilenet_v2_1.0_224'));
    const moved = await loadEncoders({ modelDirs: [other], profile: 'seed', texts: 'later' });
    assert.equal(moved.image.key, encoders.image.key);
    assert.deepEqual((await moved.image.encode(photo)).outputs, (await encoders.image.encode(photo)).outputs);
    await moved.close();
    rmSync(join(other, 'mobilenet_v2_1.0_224'));
    await assert.rejects(loadEncoders({ modelDirs: [other], profile: 'seed' }), {
      code: 'model-mismatch',
      message: /folder mobilenet_v2_1\.0_224-logits in .*models -- pull seed/,
    });
  });

  it('cuts a text at 512 tokens and keeps the last special one', async () => {
    const long = Array.from({ length: 700 }, (_, i) => `word${i % 7}`).join(' ');
    const ids = library.encode(long);
    assert.ok(ids.length > 600);
    const [vector] = await encoders.text.encode([long]);
    assert.ok(cosine(vector!, await cls([...ids.slice(0, 511), 102])) > 0.99999);
  });

  it('puts the prefix before every text or before none, as the manifest says once', async () => {
    const { text } = profileOf(await loadManifest([models]), 'seed');
    assert.deepEqual(text.prefix, { query: PREFIX, document: '', used: 'document' });
    const asked = await loadTextEncoder([models], { ...text, prefix: { ...text.prefix, used: 'query' } });
    const [vector] = await asked.encode(['a cat']);
    assert.ok(cosine(vector!, await cls(library.encode(`${PREFIX}a cat`))) > 0.99999);
    assert.notDeepEqual(asked.fingerprint, encoders.text.fingerprint);
    await asked.close();
  });

  it('projects both through a head', async () => {
    const head = writeHead(join(models, 'head-seed'), encoders, { inputs: ['logits'] });
    const embedder = await loadEmbedder({ modelDirs: [models], profile: 'seed', head });
    const { vector } = await embedder.embedImage(photo);
    assert.deepEqual([vector.length, (await embedder.embedTexts(['a cat']))[0]!.length], [64, 64]);
    await embedder.close();
  });

  it('in int8 runs texts one at a time, because a batch would change them', async () => {
    const int8 = await loadEncoders({ modelDirs: [models], profile: 'seed-int8' });
    assert.equal(int8.profile.text.batchChanges, true);
    const [alone] = await int8.text.encode(['a cat']);
    const [beside] = await int8.text.encode(['a cat', 'a dog', 'a bird']);
    assert.deepEqual(beside, alone);
    await int8.close();
  });

  it('with another model under its name is refused, naming both', async () => {
    const path = join(models, ARCTIC, 'model.onnx');
    writeFileSync(path, randomBert({ dimension: 768 }));
    await assert.rejects(loadEncoders({ modelDirs: [models], profile: 'seed' }), {
      code: 'model-mismatch',
      message: /model\.onnx: expected \d+ bytes, got \d+/,
    });
  });
});
