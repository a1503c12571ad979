import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadCaptionWords } from '../../../core/encode/caption-words.ts';
import { frequentWords, writeCaptionWords } from '../../../training/datasets/count-caption-words.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const times = (count: number, ...captions: string[]) => Array.from({ length: count }, () => ({ captions }));

describe('words of captions', () => {
  it('are those of at least five, each caption counted once, the most frequent first', () => {
    const pictures = [
      ...times(5, 'A Kayak on the lake, kayak!', 'ein Mädchen'),
      ...times(4, 'a tulip'),
      ...times(1, 'lakes, a lake, a CAFÉ'),
      ...times(4, 'the cafe\u0301 of 海灘日落'),
    ];
    assert.deepEqual(frequentWords(pictures), ['lake', 'café', 'kayak', 'mädchen']);
  });

  it('are kept by language beside a head', async () => {
    const folder = tempFolder();
    assert.deepEqual(await loadCaptionWords(folder), {});
    await writeCaptionWords(folder, { en: ['lake'], de: ['see'] });
    await writeCaptionWords(folder, { de: ['mädchen'], fr: [] });
    assert.deepEqual(await loadCaptionWords(folder), { en: ['lake'], de: ['mädchen'], fr: [] });
  });
});
