import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { BertTokenizer } from '@xenova/transformers';
import { loadTokenizer } from '../../../core/encode/tokenizer.ts';
import { readJson } from '../../golden/golden.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS, noise } from './fixtures.ts';

const files = {
  tokenizer: join(MODELS, 'all-minilm-l6-v2', 'tokenizer.json'),
  config: join(MODELS, 'all-minilm-l6-v2', 'tokenizer_config.json'),
  vocabulary: { size: 30522, start: 101, end: 102 },
};
const tokenizer = await loadTokenizer({ ...files, maxTokens: 256 });
const library = new Library(
  readJson('..', '..', 'models', 'all-minilm-l6-v2', 'tokenizer.json'),
  readJson('..', '..', 'models', 'all-minilm-l6-v2', 'tokenizer_config.json'),
);

/** Naive implementation: tokenizes the whole text, then truncates. */
function naive(text: string, maxTokens: number): number[] {
  return naiveTruncation(library.encode(text).ids, maxTokens);
}

function naiveTruncation(ids: number[], maxTokens: number): number[] {
  return ids.length <= maxTokens ? ids : [...ids.slice(0, maxTokens - 1), ids.at(-1)!];
}

/** Fragments whose joints could break a cut: special tokens, accents, final sigma, ideographs, invisible characters. */
const PIECES = [
  'a',
  'Zürich',
  '[CLS]',
  '[SEP',
  ']',
  ' ',
  '  ',
  '\t',
  '\n',
  '日本',
  'ΑΣ',
  'Σ.',
  'e\u0301',
  '\u0301',
  '\u200b',
  '\0',
  '\u00a0',
  '!!',
  "don't",
  'internationalisation',
  '🐶',
  '\ud800',
  'x'.repeat(120),
  '\u3000',
  'İ',
];

describe('the tokenizer', () => {
  it('makes the ids that transformers.js makes', () => {
    const whole = new BertTokenizer(
      readJson<object>('..', '..', 'models', 'all-minilm-l6-v2', 'tokenizer.json'),
      readJson<object>('..', '..', 'models', 'all-minilm-l6-v2', 'tokenizer_config.json'),
    );
    const { items } = readJson<{ items: { text: string }[] }>('text', 'index.json');
    for (const text of [...items.map((item) => item.text), PIECES.join('')]) {
      assert.deepEqual(tokenizer.encode(text), naiveTruncation(whole.encode(text), 256), JSON.stringify(text));
    }
  });

  it('tells what it has no token for', () => {
    for (const text of ['🐶', '☕🍰', 'สุนัข', '狗狗', '', ' \u200b']) assert.equal(tokenizer.knows(text), false, text);
    for (const text of ['dog', '🐶 dog', '...', 'dog '.repeat(9000)]) assert.equal(tokenizer.knows(text), true, text);
  });

  it('keeps the special tokens at both ends when it truncates', async () => {
    const short = await loadTokenizer({ ...files, maxTokens: 5 });
    assert.deepEqual(short.encode('a dog running on the beach'), [101, 1037, 3899, 2770, 102]);
    assert.deepEqual(short.encode('a dog running'), [101, 1037, 3899, 2770, 102]);
    assert.deepEqual(short.encode(''), [101, 102]);
  });

  it('cuts long texts without changing their first tokens', () => {
    const choices = noise(60_000, 7);
    for (let text = 0, at = 0; text < 12; text++) {
      let long = '';
      while (long.length < 9000)
        long += PIECES[Math.floor(((choices[at++ % choices.length]! + 1) / 2) * PIECES.length)] ?? 'a';
      assert.deepEqual(tokenizer.encode(long), naive(long, 256), `text ${text}`);
    }
  });

  it('goes on to later windows when the first characters make no tokens', () => {
    for (const filler of ['\u0001', ' ', '\u0301 ', '\u200b\n']) {
      const text = `${filler.repeat(30_000)} a dog ${'word '.repeat(5000)}`;
      assert.deepEqual(tokenizer.encode(text), naive(text.replace(/(\u0301){30,}/g, ''), 256), JSON.stringify(filler));
    }
  });

  it('takes what no language has: lone surrogates, control characters, 100 kB without a space', () => {
    assert.deepEqual(tokenizer.encode('\ud800'), [101, 102]);
    assert.deepEqual(tokenizer.encode('a \udfff dog'), [101, 1037, 3899, 102]);
    assert.deepEqual(tokenizer.encode('\u0000a\u0007 dog\u009f'), [101, 1037, 3899, 102]);
    for (const unit of ['x', '!', '[', '日', '🐶', '\u200d', '[CLS]']) {
      const ids = tokenizer.encode(unit.repeat(100_000 / unit.length));
      assert.ok(ids.length <= 256 && ids[0] === 101 && ids.at(-1) === 102, unit);
    }
  });

  // Sorting this many marks would take minutes: the timeout only detects that; it measures nothing.
  it('does not sort endless combining marks', { timeout: 60_000 }, () => {
    const marks = '\u0301\u0316'.repeat(250_000);
    assert.deepEqual(tokenizer.encode(`caf e${marks} dog`), tokenizer.encode('caf e dog'));
  });

  it('refuses files that are no tokenizer', async () => {
    const folder = tempFolder();
    const path = join(folder, 'tokenizer.json');
    const load = () => loadTokenizer({ ...files, tokenizer: path, maxTokens: 256 });
    await assert.rejects(load, { code: 'model-mismatch', message: `cannot read ${path}: it does not exist (ENOENT)` });
    for (const content of ['{', 'null', '[]', '{}', '{"model":{"type":"None"}}']) {
      writeFileSync(path, content);
      await assert.rejects(load, { code: 'model-mismatch' }, content);
    }
  });
});
