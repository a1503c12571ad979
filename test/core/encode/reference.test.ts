import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadManifest, textEncoderOf } from '../../../core/encode/manifest.ts';
import type { TextEncoderEntry } from '../../../core/encode/manifest-encoder.ts';
import { loadTextEncoder, tokenizerOf } from '../../../core/encode/text-encoder.ts';
import { pullModel } from '../../../core/hub/pull-model.ts';
import { cosine } from '../../support/cosine.ts';
import { type HubTestServer, startHub } from '../../support/hub-server.ts';
import { BERT_FILES, randomBert, randomRepos } from '../../support/random-models.ts';
import { openReference } from '../../support/reference.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS } from './fixtures.ts';

/**
 * Compares ids and vectors of every text encoder in the manifest with those of the original library on the same files:
 * the bundled encoders themselves, and random models with the same inputs, outputs, sizes and tokenizers for the
 * others.
 */

const TEXTS = [
  'a dog on the beach',
  "The Dog's   running, isn't it? Yes; twice (at 5:30)!",
  'two dogs and 3 cats, 1,000 birds',
  'Zürich im März, ein Straßenfest',
  'un été à la plage',
  '一只狗在海滩上奔跑',
  'كلب على الشاطئ',
  'собака на пляже',
  '🐶 dog ☕',
  'ﬁne ½ Ａ',
  '',
];
const LONG = 'word '.repeat(600).trim();

const folder = tempFolder();
const pulled = join(folder, 'models');
const manifest = await loadManifest([MODELS]);
const names = Object.keys(manifest.encoders).filter((name) => manifest.encoders[name]!.kind === 'text');
const kinds = new Set<string>();
let hub: HubTestServer;

before(async () => {
  const arctic = { ...BERT_FILES, 'onnx/model.onnx': randomBert({ dimension: 768 }) };
  const files = { ...arctic, 'onnx/model_quantized.onnx': arctic['onnx/model.onnx'] };
  hub = await startHub({ ...randomRepos(), 'Snowflake/snowflake-arctic-embed-m': { files } });
  cpSync(join(MODELS, 'manifest.json'), join(pulled, 'manifest.json'));
});
after(() => hub.stop());

/** The models folder with the encoder, which is pulled if it is not bundled. */
async function whereIs(encoder: TextEncoderEntry & { readonly name: string }): Promise<string> {
  if (encoder.bundled) return MODELS;
  await pullModel(encoder, { hub: { endpoint: hub.endpoint }, models: pulled, waitMs: 1 });
  return pulled;
}

describe('text encoders beside the whole library', () => {
  for (const name of names) {
    it(`${name}: the same ids, the same vectors`, async () => {
      const encoder = textEncoderOf(manifest, name);
      const models = await whereIs(encoder);
      const reference = await openReference(encoder, models, join(folder, name));
      kinds.add(reference.kind);
      const tokenizer = await tokenizerOf(join(models, encoder.folder), encoder);
      const ours = await loadTextEncoder([models], encoder);
      const vectors = await ours.encode(TEXTS);
      const prefix = encoder.prefix[encoder.prefix.used];
      for (const [i, text] of TEXTS.entries()) {
        const said = JSON.stringify(text.slice(0, 50));
        assert.deepEqual(tokenizer.encode(prefix + text), reference.ids(text), said);
        const similarity = cosine(vectors[i]!.subarray(0, encoder.dimension), await reference.embed(text));
        assert.ok(similarity > 0.9999, `${said}: cosine ${similarity}`);
      }
      const whole = reference.ids(LONG);
      const cut = [...whole.slice(0, encoder.maxTokens - 1), whole.at(-1)!];
      assert.deepEqual(tokenizer.encode(prefix + LONG), cut);
      await ours.close();
    });
  }

  it('are of every kind of tokenizer there is', () => {
    assert.deepEqual([...kinds].sort(), ['BPE', 'Unigram', 'WordPiece', 'pieces']);
  });
});
