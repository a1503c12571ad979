import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isQueryWord,
  ownWords,
  queryWords,
  reasonsFor,
  tagWords,
  wordsOf,
} from '../../../core/search/lexical-terms.ts';
import { caption, image } from '../../contract/vectors-data.ts';

describe('the words of a text', () => {
  const WORDS: readonly [string, string][] = [
    ['IMG_0504.JPG', 'img 0504 jpg'],
    ['Küche', 'kuche'],
    ['Ku\u0308che KUCHE kuche', 'kuche'],
    ['Straße STRASSE', 'strasse'],
    ['İstanbul ıssız', 'istanbul issiz'],
    ['Ærø Łódź œuvre Đà', 'aero lodz oeuvre da'],
    ['beach2019house', 'beach 2019 house'],
    ['PXL-20190704_103005123~2', 'pxl 20190704 103005123 2'],
    ['京都の写真2019', '京 都 の 写 真 2019'],
    ['한국 여행', '한국 여행'],
    ['Москва́ ёлка', 'москва елка'],
    ['ﬁsh ① ½', 'fish 1 2'],
    ['０７', '07'],
    ['a\u0000"*b', 'a b'],
    ['\ud800x', 'x'],
    ['...', ''],
    ['', ''],
  ];
  for (const [text, words] of WORDS) {
    it(`are ${words || 'none'} in ${JSON.stringify(text)}`, () => assert.equal(wordsOf(text).join(' '), words));
  }

  it('are the same when they are parted again, and no longer than 32 characters', () => {
    for (const [text] of WORDS) for (const word of wordsOf(text)) assert.ok(isQueryWord(word), word);
    assert.equal(wordsOf('x'.repeat(100))[0]!.length, 32);
  });
});

describe('the words of a point', () => {
  const point = image({
    key: 'Urlaub 2019/Küche/IMG_0504.jpg',
    camera: 'Canon EOS 5D',
    keywords: ['Grandma'],
    tags: ['to do'],
  });

  it('are those of its name, folders, keywords and camera; numbers also without zeros in front', () => {
    const words = 'img 0504 504 jpg urlaub 2019 kuche canon eos 5 d grandma';
    assert.deepEqual(ownWords(point).toSorted(), words.split(' ').toSorted());
    assert.deepEqual(tagWords(['To do', '007']), ['to', 'do', '007', '7']);
    assert.deepEqual(ownWords(caption({ caption: 'A dog' })), ['a', 'dog']);
    assert.equal(ownWords(caption({ caption: Array.from({ length: 400 }, (_, i) => `w ${i}`).join(' ') })).length, 250);
  });

  it('tell why it is found', () => {
    assert.deepEqual(reasonsFor(point, ['kuche']), ['folder']);
    assert.deepEqual(reasonsFor(point, ['504', 'do']), ['name', 'tag']);
    assert.deepEqual(reasonsFor(point, ['05*', 'cano*']), ['name', 'camera']);
    assert.deepEqual(reasonsFor(point, ['grand*']), ['keyword']);
    assert.deepEqual(reasonsFor(point, ['grand']), []);
    assert.deepEqual(reasonsFor(caption({ caption: 'A dog', tags: ['dog'] }), ['dog']), ['tag', 'caption']);
  });
});

describe('the words of a query', () => {
  it('leave out those between others, unless there is nothing else', () => {
    assert.deepEqual(queryWords(['a dog on the beach']), ['dog', 'beach']);
    assert.deepEqual(queryWords(['Der Hund', 'am Strand']), ['hund', 'strand']);
    assert.deepEqual(queryWords(['The The']), ['the']);
    assert.deepEqual(queryWords(['!']), []);
  });

  it('are none of a sentence', () => {
    assert.deepEqual(queryWords(['one two three four five six seven eight']).length, 8);
    assert.deepEqual(queryWords(['one two three four five six seven eight nine']), []);
  });
});
