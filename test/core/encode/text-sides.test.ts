import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import { loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { HEAD_FILE, loadHeadFile, textSideModel } from '../../../core/encode/head-file.ts';
import { writeJsonFile } from '../../../core/files/json-file.ts';
import { ANY_LANGUAGE, type Embedder, type LanguageHint } from '../../../core/ports.ts';
import { dot } from '../../../core/util/vector-arithmetic.ts';
import { writeTextSide } from '../../../training/trainer/write-head.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { copyModels, MODELS, randomSide, writeHead } from './fixtures.ts';

const [MINILM, E5] = ['all-minilm-l6-v2-int8', 'multilingual-e5-small'];
const dir = tempFolder();
const head = join(dir, 'head');
const model = join(dir, E5, 'model.onnx');
let embedder: Embedder;

before(async () => {
  copyModels(dir, ['efficientnet-lite2-int8', MINILM, E5]);
  const first = await loadEncoders({ modelDirs: [dir] });
  writeHead(head, first);
  const other = await loadEncoders({ modelDirs: [dir], text: E5, texts: 'later' });
  const { key, dimension } = other.text;
  const side = { encoder: E5, dimension, encoderKey: key, languages: ['de', 'fr', 'zh'], training: {} };
  // A different matrix from the first side's.
  const graph = randomSide('text', { text: dimension });
  await writeTextSide(head, { ...side, graph }, first.image.fingerprint);
  await Promise.all([first.close(), other.close()]);
  embedder = await loadEmbedder({ modelDirs: [dir], head });
});
after(() => embedder.close());

async function read(text: string, hint: Partial<LanguageHint> = {}, by = embedder) {
  return (await by.readTexts([text], { ...ANY_LANGUAGE, ...hint }))[0]!;
}

async function sideOf(text: string, hint: Partial<LanguageHint> = {}, by = embedder) {
  const { side, language } = await read(text, hint, by);
  return [side, language];
}

describe('the text sides of a head', () => {
  it('are loaded with the first text that needs them: English needs one', async () => {
    renameSync(model, `${model}.away`);
    try {
      assert.deepEqual(await sideOf('a dog on the beach'), [MINILM, 'en']);
      assert.deepEqual(await sideOf('dog'), [MINILM, 'en']);
      await assert.rejects(read('ein Hund am Strand mit einem Ball'), { code: 'model-mismatch' });
    } finally {
      renameSync(`${model}.away`, model);
    }
    assert.deepEqual(await sideOf('ein Hund am Strand mit einem Ball'), [E5, 'de']);
  });

  it('read each text of a call by its own language', async () => {
    const texts = ['a dog on the beach', '海滩上的狗', 'un chien sur la plage', 'a dog on the beach'];
    const together = await embedder.readTexts(texts, ANY_LANGUAGE);
    assert.deepEqual(
      together.map(({ side, language, speaks, known }) => [side, language, speaks, known]),
      [
        [MINILM, 'en', true, true],
        [E5, 'zh', true, true],
        [E5, 'fr', true, true],
        [MINILM, 'en', true, true],
      ],
    );
    for (const [i, text] of texts.entries()) {
      assert.ok(dot(together[i]!.vector, (await read(text)).vector) > 0.9999, text);
      assert.ok(dot(together[i]!.vector, (await embedder.embedTexts([text]))[0]!) > 0.9999, text);
    }
    assert.notEqual(together[0]!.version, together[1]!.version);
  });

  it('read a text in the language that is asked for', async () => {
    assert.deepEqual(await sideOf('chat', { lang: 'fr' }), [E5, 'fr']);
    assert.deepEqual(await sideOf('ein Hund am Strand', { lang: 'en' }), [MINILM, 'en']);
    // For a language that no side is meant for, the last side is the best guess.
    const finnish = await read('koira rannalla', { lang: 'fi' });
    assert.deepEqual([finnish.side, finnish.language, finnish.speaks], [E5, 'fi', false]);
  });

  it('read a short text as the caller would, and say what else it may be', async () => {
    const chat = await read('chat', { preferred: ['fr', 'en'] });
    assert.deepEqual([chat.side, chat.language, chat.otherwise?.isLoaded], [E5, 'fr', true]);
    const other = await chat.otherwise!.read();
    assert.deepEqual([other.side, other.language, other.otherwise], [MINILM, 'en', null]);
    assert.deepEqual(await sideOf('chat', { preferred: ['fr', 'en'], settled: 'en' }), [MINILM, 'en']);
    assert.deepEqual(await sideOf('chat', { preferred: ['en'] }), [MINILM, 'en']);
    // `settled` matters only if there is a choice.
    assert.deepEqual(await sideOf('海滩', { settled: 'en' }), [E5, 'zh']);
  });

  it('read what the first knows nothing of by the last', async () => {
    assert.deepEqual(await sideOf('🐶'), [E5, null]);
    assert.deepEqual(await sideOf('2019'), [MINILM, null]);
  });

  it('are passed over where their files are not', async () => {
    const without = copyModels(tempFolder(), ['efficientnet-lite2-int8', MINILM]);
    const alone = await loadEmbedder({ modelDirs: [without], head });
    assert.equal(alone.space, embedder.space);
    const read = (await alone.readTexts(['ein Hund am Strand mit einem Ball'], ANY_LANGUAGE))[0]!;
    assert.deepEqual([read.side, read.language, read.speaks, read.otherwise], [MINILM, 'de', false, null]);
    await alone.close();
  });

  it('are refused when they are altered or were trained with another encoder', async () => {
    const info = await loadHeadFile(head);
    for (const [change, words] of [
      [{ encoderKey: '0123456789abcdef' }, /trained with/],
      [{ onnx: { ...info.texts[1]!.onnx, sha256: '0'.repeat(64) } }, new RegExp(textSideModel(E5))],
    ] as const) {
      const texts = [info.texts[0]!, { ...info.texts[1]!, ...change }];
      await writeJsonFile(join(head, HEAD_FILE), { ...info, texts });
      const changed = await loadEmbedder({ modelDirs: [MODELS], head });
      assert.deepEqual(await sideOf('a dog', {}, changed), [MINILM, 'en']);
      await assert.rejects(read('海滩', {}, changed), { code: 'model-mismatch', message: words });
      await changed.close();
    }
    await writeJsonFile(join(head, HEAD_FILE), info);
  });
});
