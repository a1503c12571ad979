import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { guessLanguage } from '../../../core/encode/detect-language.ts';
import { type Encoders, loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { MODELS } from './fixtures.ts';

const SHORT = new URL('../../fixtures/short-queries.json', import.meta.url);
const FLOOR = 0.9;

let encoders: Encoders;
before(async () => {
  encoders = await loadEncoders({ modelDirs: [MODELS] });
});
after(() => encoders.close());

async function guess(text: string, preferred: readonly string[] = []) {
  return guessLanguage(text, {
    preferred,
    englishShare: async (words) => {
      const own = await Promise.all(words.map((word) => encoders.text.hasWord(word)));
      return own.filter(Boolean).length / Math.max(1, words.length);
    },
  });
}

async function languageOf(text: string, preferred: readonly string[] = []) {
  return (await guess(text, preferred)).language;
}

describe('the language of a text', () => {
  it('is known by its letters where they are of one', async () => {
    for (const [text, language] of [
      ['犬', 'zh'],
      ['海辺の犬', 'ja'],
      ['해변의 개', 'ko'],
      ['كلب على الشاطئ', 'ar'],
      ['собака на пляже', 'ru'],
      ['собака біжить по пляжу', 'uk'],
      ['समुद्र तट पर कुत्ता', 'hi'],
      ['σκύλος στην παραλία', 'el'],
      ['iPhone 照片', 'zh'],
    ] as const) {
      assert.equal(await languageOf(text), language, text);
    }
    assert.equal(await languageOf('犬', ['ja', 'en']), 'ja');
  });

  it('is known of sentences whatever the caller reads', async () => {
    for (const preferred of [[], ['en'], ['de', 'en'], ['fr']]) {
      for (const [text, language] of [
        ['a dog runs along the beach', 'en'],
        ['two skateboarders in a park', 'en'],
        ['ein Hund rennt am Strand entlang', 'de'],
        ['un chien court sur la plage', 'fr'],
        ['un perro corre por la playa', 'es'],
        ['un cane corre sulla spiaggia', 'it'],
        ['pes běží po pláži', 'cs'],
        ['köpek plajda koşuyor', 'tr'],
      ] as const) {
        assert.equal(await languageOf(text, preferred), language, `${text} (${preferred})`);
      }
    }
  });

  it('is what the caller reads where a word is of several, with English as the other one', async () => {
    assert.deepEqual(await guess('chat', ['fr', 'en']), { language: 'fr', also: 'en' });
    assert.deepEqual(await guess('chat', ['en', 'fr']), { language: 'en', also: null });
    assert.deepEqual(await guess('chat', ['zh']), { language: 'en', also: null });
    assert.equal((await guess('dog', ['de', 'en'])).language, 'en');
  });

  it('has no name where neither English nor a detector knows a word, or is open to who reads English', async () => {
    assert.deepEqual(await guess('Katze'), { language: 'und', also: 'en' });
    assert.deepEqual(await guess('Katze', ['de', 'en']), { language: 'de', also: null });
    assert.deepEqual(await guess('Katze', ['en']), { language: 'en', also: 'und', isOpen: true });
    // English has no accents.
    assert.deepEqual(await guess('pláž', ['en']), { language: 'und', also: 'en' });
    assert.notEqual((await languageOf('Hund')) ?? 'en', 'en');
  });

  it('is that of who asks where words may be of several, and has no name where nobody is known', async () => {
    assert.equal(await languageOf('Tasse Kaffee'), 'und');
    for (const preferred of ['de', 'da']) assert.equal(await languageOf('Tasse Kaffee', [preferred]), preferred);
    assert.equal(await languageOf('Tasse', ['de', 'en']), 'de');
    for (const preferred of ['ru', 'uk']) assert.equal(await languageOf('собака', [preferred]), preferred);
    // Impossible languages are excluded, whatever the caller prefers.
    assert.equal(await languageOf('Sonnenuntergang', ['fr', 'en']), 'de');
  });

  it('is not English as well, to who does not read that first, where English does not know the word', async () => {
    assert.deepEqual(await guess('Hund', ['de', 'en']), { language: 'de', also: null });
  });

  it('is not known where there are no letters, nor of names of files and words with digits', async () => {
    for (const preferred of [[], ['de', 'en']]) {
      for (const text of ['', '2019', '🐶', ' ?! ', 'cat.jpg', 'Katze.HEIC', 'IMG_0504', 'DSC01234.NEF', 'x2']) {
        assert.deepEqual(await guess(text, preferred), { language: null, also: null }, text);
      }
    }
    assert.equal(await languageOf('IMG_0504.jpg: ein Hund rennt am Strand entlang'), 'de');
    assert.equal(await languageOf('2019年 照片.jpg'), 'zh');
  });

  it(`decides rightly about English for ${100 * FLOOR} % of short queries, whoever asks`, async (t) => {
    const queries = Object.entries(JSON.parse(readFileSync(SHORT, 'utf8')) as Record<string, string[]>);
    for (const isKnown of [false, true]) {
      const counts = { english: [0, 0], others: [0, 0] };
      for (const [language, texts] of queries) {
        const preferred = isKnown ? [language, 'en'] : [];
        for (const text of texts) {
          const count = counts[language === 'en' ? 'english' : 'others'];
          // Unknown languages are treated as English.
          const isEnglish = ((await languageOf(text, preferred)) ?? 'en') === 'en';
          count[0]! += Number(isEnglish === (language === 'en'));
          count[1]!++;
        }
      }
      for (const [what, [right, all]] of Object.entries(counts)) {
        t.diagnostic(`${what}, caller ${isKnown ? 'known' : 'unknown'}: ${right} of ${all}`);
        assert.ok(right! >= FLOOR * all!, `${what}: ${right} of ${all}`);
      }
    }
  });
});
