import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { loadTextEncoder, type TextEncoder } from '../../core/encode/text-encoder.ts';
import { loadTokenizer } from '../../core/encode/tokenizer.ts';
import { cosine } from '../support/cosine.ts';
import { MODELS, maxDifference, readJson, readRows } from './golden.ts';

interface Golden {
  maxTokens: number;
  reference: { minCosine: number };
  items: { text: string; ids: number[] }[];
}

const golden = readJson<Golden>('text', 'index.json');
const texts = golden.items.map(({ text }) => text);

const DIMENSION = 384;

/** The encoder's own vector of a text, without the parts that we add. */
const own = (vector: Float32Array) => vector.subarray(0, DIMENSION);

const CASES = [
  // In int8 the last bit of an input may round either way, depending on the processor's summation order.
  { profile: 'compact', file: 'embeddings-int8.f32', difference: 0.02, minCosine: 0.972 },
  { profile: 'compact-float32', file: 'embeddings.f32', difference: 1e-4, minCosine: golden.reference.minCosine },
];

for (const { profile, file, difference, minCosine } of CASES) {
  describe(`the texts of ${profile} against recorded answers`, () => {
    let encoder: TextEncoder;
    before(async () => {
      encoder = await loadTextEncoder([MODELS], profileOf(await loadManifest([MODELS]), profile).text);
    });
    after(() => encoder.close());

    it('makes the same token ids', async () => {
      const folder = join(MODELS, 'all-minilm-l6-v2');
      const tokenizer = await loadTokenizer({
        tokenizer: join(folder, 'tokenizer.json'),
        config: join(folder, 'tokenizer_config.json'),
        maxTokens: golden.maxTokens,
        vocabulary: { size: 30522, start: 101, end: 102 },
      });
      assert.equal(texts.length, 30);
      for (const { text, ids } of golden.items) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    });

    it(`makes the same vectors to ${difference}, one text at a time`, async () => {
      const expected = readRows(384, 'text', file);
      for (const [i, text] of texts.entries()) {
        const [vector] = await encoder.encode([text]);
        assert.ok(maxDifference(own(vector!), expected[i]!) < difference, JSON.stringify(text));
      }
    });

    it('stays as close to the original weights as the stored ones are', async () => {
      const reference = readRows(384, 'text', 'embeddings-fp32.f32');
      for (const [i, vector] of (await encoder.encode(texts)).entries()) {
        assert.ok(cosine(own(vector), reference[i]!) >= minCosine - 1e-6, JSON.stringify(texts[i]));
      }
    });

    it('gives a text the same vector alone, in a batch and beside a longer one, to 1e-5', async () => {
      const together = await encoder.encode([...texts, ...texts]);
      for (const [i, text] of texts.entries()) {
        const [alone] = await encoder.encode([text]);
        const [beside] = await encoder.encode([text, `${text} and a good deal more than that`]);
        for (const other of [together[i]!, together[texts.length + i]!, beside!]) {
          assert.ok(maxDifference(alone!, other) < 1e-5, JSON.stringify(text));
        }
      }
    });

    it('answers in the order of the texts and tells how far it is', async () => {
      const seen: number[] = [];
      const mixed = ['a cat', 'a small cat on a mat', 'a dog', '', 'a large dog on a mat'];
      const vectors = await encoder.encode(mixed, (done) => seen.push(done));
      assert.equal(seen.at(-1), mixed.length);
      for (const [i, text] of mixed.entries()) {
        assert.ok(maxDifference(vectors[i]!, (await encoder.encode([text]))[0]!) < 1e-5, text);
      }
    });

    it('makes vectors of three parts, each of unit length', async () => {
      assert.deepEqual(encoder.outputs, { embedding: DIMENSION, words: DIMENSION, peaks: DIMENSION });
      for (const vector of await encoder.encode(texts)) {
        assert.equal(vector.length, 3 * DIMENSION);
        for (const part of [0, 1, 2]) {
          const length = Math.hypot(...vector.subarray(part * DIMENSION, (part + 1) * DIMENSION));
          assert.ok(Math.abs(length - 1) < 1e-5, `part ${part}: ${length}`);
        }
      }
    });

    it('has the words of a text in any order as one of its parts', async () => {
      const [a, b] = await encoder.encode(['a dog bites a man', 'a man bites a dog']);
      const words = (vector: Float32Array) => vector.subarray(DIMENSION, 2 * DIMENSION);
      // The position of a word also affects its state, but only a little.
      assert.ok(cosine(words(a!), words(b!)) > 0.99);
      assert.ok(cosine(own(a!), own(b!)) < 0.99);
    });
  });
}
