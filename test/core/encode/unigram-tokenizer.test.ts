import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadUnigram } from '../../../core/encode/unigram-tokenizer.ts';
import { readJson } from '../../golden/golden.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS, noise } from './fixtures.ts';

const folder = join(MODELS, 'multilingual-e5-small');
const files = {
  tokenizer: join(folder, 'pieces.unigram'),
  config: join(folder, 'tokenizer_config.json'),
  vocabulary: { size: 152489, start: 0, end: 2 },
};
const tokenizer = await loadUnigram({ ...files, maxTokens: 256 });
/** Produced by the `tokenizers` library from the same pieces: models/export/e5.py --golden. */
const golden = readJson('unigram', 'ids.json') as { text: string; ids: number[] }[];

describe('unigram tokenizer', () => {
  it('makes the ids of the reference, in twenty languages and for odd texts', () => {
    assert.ok(golden.length > 30);
    for (const { text, ids } of golden) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
  });

  it('takes any string, and never more tokens than the model', () => {
    const units = noise(300 * 40, 5).map((value) => Math.abs(value * 1e6) % 65_536);
    const texts = ['', '\ud800', '\0', 'a'.repeat(200_000), '女'.repeat(200_000), 'word '.repeat(100_000)];
    for (let n = 0; n < 300; n++) {
      texts.push(String.fromCharCode(...units.subarray(n * 40, (n + 1) * 40)));
    }
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      assert.ok(ids.length <= 256 && ids[0] === 0 && ids.at(-1) === 2, JSON.stringify(text.slice(0, 40)));
      assert.ok(ids.every((id) => id >= 0 && id < files.vocabulary.size));
    }
  });

  it('finds no special token in a text that spells one', () => {
    for (const text of ['<s>', '</s>', 'a </s> b', '<unk>', '<pad>']) {
      const inside = tokenizer.encode(text).slice(1, -1);
      assert.ok(
        inside.every((id) => id > 3),
        text,
      );
    }
  });

  it('keeps the first tokens of a long text', () => {
    const few = tokenizer.encode('ein Hund '.repeat(400));
    assert.equal(few.length, 256);
    const [, ...start] = tokenizer.encode('ein Hund '.repeat(20)).slice(0, -1);
    assert.deepEqual(few.slice(1, 1 + start.length), start);
  });

  it('says whether it knows any part of a text', () => {
    assert.ok(tokenizer.knows('собака'));
    assert.ok(tokenizer.knows('\u{12000} x'));
    assert.ok(!tokenizer.knows('\u{12000}\u{12001} \u{12002}'));
    assert.ok(!tokenizer.knows(' '));
  });

  it('refuses files of another vocabulary, cut short or without special pieces', async () => {
    const own = tempFolder();
    const broken = join(own, 'pieces.unigram');
    const bytes = readFileSync(files.tokenizer);
    const refused = async (content: Uint8Array, message: RegExp) => {
      writeFileSync(broken, content);
      const load = loadUnigram({ ...files, tokenizer: broken, maxTokens: 256 });
      await assert.rejects(load, { code: 'model-mismatch', message });
    };
    await refused(new Uint8Array(0), /expected pieces with scores, got 0 bytes/);
    await refused(bytes.subarray(0, 1000), /expected pieces with scores/);
    await refused(bytes.subarray(0, bytes.length - 4000), /expected 152489 pieces/);
    await refused(Buffer.concat([bytes, Buffer.from('\nmore')]), /expected 152489 pieces/);
    const other = { ...files, vocabulary: { size: 250_002, start: 0, end: 2 }, maxTokens: 256 };
    await assert.rejects(loadUnigram(other), { code: 'model-mismatch', message: /250002 tokens/ });
    const config = join(own, 'tokenizer_config.json');
    writeFileSync(config, JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }));
    const nameless = loadUnigram({ ...files, config, maxTokens: 256 });
    await assert.rejects(nameless, { code: 'model-mismatch', message: /an unk_token that is a piece/ });
  });
});
