import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatAge, formatBytes, formatDay, formatDuration, formatScore } from '../../../web/format-values.ts';
import { en, type Message } from '../../../web/i18n/en.ts';
import { formatCount, type Language, languages, t, translateTo } from '../../../web/i18n/translate.ts';

type Catalogue = Readonly<Record<string, Message>>;
const codes = Object.keys(languages) as Language[];
const root = fileURLToPath(new URL('../../../web/', import.meta.url));

async function catalogueOf(language: Language): Promise<Catalogue> {
  return ((await import(`../../../web/i18n/${language}.ts`)) as Readonly<Record<string, Catalogue>>)[language]!;
}

/** The distinct placeholders in braces of a text. */
function names(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!))].toSorted();
}

function forms(message: Message): Readonly<Record<string, string>> {
  return typeof message === 'string' ? { other: message } : message;
}

describe('the texts of the page', () => {
  after(() => translateTo('en'));

  for (const language of codes) {
    it(`are all there in ${languages[language]}, with the same parts to fill in`, async () => {
      const texts = await catalogueOf(language);
      assert.deepEqual(Object.keys(texts).toSorted(), Object.keys(en).toSorted());
      for (const [key, message] of Object.entries(texts)) {
        const english = (en as Catalogue)[key]!;
        const expected = names(forms(english).other!);
        for (const [form, text] of Object.entries(forms(message))) {
          assert.notEqual(text.trim(), '', `${key} ${form}`);
          const own = names(text);
          // A singular may omit its number.
          const wanted = form === 'one' ? expected.filter((name) => name !== 'count' || own.includes(name)) : expected;
          assert.deepEqual(own, wanted, `${key} ${form}`);
          assert.equal(text.split('*').length % 2, 1, `${key} ${form}: marks come in pairs`);
          assert.equal(text.split('`').length % 2, 1, `${key} ${form}: marks come in pairs`);
        }
        assert.equal(typeof message, typeof english, `${key}: either counts or does not`);
        if (typeof message === 'string') continue;
        const told = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
        assert.ok(
          Object.keys(message).every((form) => told.includes(form as 'one')),
          `${key}: has ${told}`,
        );
        assert.equal('one' in message, told.includes('one'), `${key}: has ${told}`);
      }
    });
  }

  it('keep marks on the line of the word before them in French', async () => {
    for (const [key, message] of Object.entries(await catalogueOf('fr'))) {
      for (const text of Object.values(forms(message))) assert.doesNotMatch(text, / [;:?!»]|« /, key);
    }
  });

  it('are all used', () => {
    const files = globSync('**/*.{ts,tsx}', { cwd: root }).filter((file) => !file.startsWith('i18n'));
    const source = files.map((file) => readFileSync(`${root}${file}`, 'utf8')).join('\n');
    const asked = new Set([...source.matchAll(/'([\w.]+)'/g)].map((match) => match[1]!));
    // `view.${view}` uses all keys with this prefix; the types check each one.
    const begun = [...source.matchAll(/\bt\(`([\w.]+)\$/g)].map((match) => match[1]!);
    const unused = Object.keys(en).filter((key) => !asked.has(key) && !begun.some((start) => key.startsWith(start)));
    assert.deepEqual(unused, []);
  });

  it('are the only ones: no view words something itself', () => {
    for (const file of globSync('view/*.tsx', { cwd: root })) {
      const source = readFileSync(`${root}${file}`, 'utf8');
      assert.doesNotMatch(source, /\b(aria-label|title|placeholder|label|hint|alt)="[A-Za-z]/, file);
      const said = source.match(/>\s*([A-Z][a-z]+( [a-z]+)*)[.…]?\s*<\//g) ?? [];
      assert.deepEqual(
        said.filter((text) => !text.includes('Sightline')),
        [],
        file,
      );
    }
  });

  it('count, and write numbers, sizes and times the way of their language', async () => {
    const written = async (language: Language, tag?: string) => {
      await translateTo(language, tag);
      return [
        t('pictures', { count: 1 }),
        t('pictures', { count: 12345 }),
        formatCount(1234567),
        formatBytes(0),
        formatBytes(1_234_567),
        formatScore(-0.314),
        formatDuration(90_061),
        formatDay('2019-07-05'),
        formatAge('2019-07-05T12:00:00Z', Date.parse('2019-07-05T12:03:00Z')),
      ].map((text) => text.replaceAll(/[\u00a0\u202f]/g, ' '));
    };
    const expected: Readonly<Record<Language, readonly string[]>> = {
      en: [
        '1 picture',
        '12,345 pictures',
        '1,234,567',
        '0 B',
        '1.2 MB',
        '\u22120.31',
        '1 d 1 h',
        'Jul 5, 2019',
        '3 minutes ago',
      ],
      de: [
        '1 Bild',
        '12.345 Bilder',
        '1.234.567',
        '0 B',
        '1,2 MB',
        '\u22120,31',
        '1 T 1 Std.',
        '05.07.2019',
        'vor 3 Minuten',
      ],
      fr: [
        '1 image',
        '12 345 images',
        '1 234 567',
        '0 o',
        '1,2 Mo',
        '\u22120,31',
        '1 j 1 h',
        '5 juil. 2019',
        'il y a 3 minutes',
      ],
      es: [
        '1 imagen',
        '12.345 imágenes',
        '1.234.567',
        '0 B',
        '1,2 MB',
        '\u22120,31',
        '1 d 1 h',
        '5 jul 2019',
        'hace 3 minutos',
      ],
      zh: [
        '1 张图片',
        '12,345 张图片',
        '1,234,567',
        '0 B',
        '1.2 MB',
        '\u22120.31',
        '1 天 1 小时',
        '2019年7月5日',
        '3分钟前',
      ],
    };
    for (const language of codes) {
      assert.deepEqual(await written(language), expected[language]);
    }
    assert.equal((await written('en', 'en-GB'))[7], '5 Jul 2019');
    await translateTo('fr');
    assert.equal(t('pictures', { count: 0 }), '0 image');
    assert.equal(t('pictures', { count: 1_000_000 }).replaceAll(/\s/g, ' '), '1 000 000 d’images');
  });
});
