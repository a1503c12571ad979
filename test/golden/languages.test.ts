import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Encoders, loadEncoders } from '../../core/encode/encoders.ts';
import { type Head, loadHead } from '../../core/encode/head.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { MODELS } from './golden.ts';

/** Typical queries in seventeen languages; for fourteen of them, no text side was trained on captions. */

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const QUERIES = fileURLToPath(new URL('../fixtures/queries-by-language.json', import.meta.url));
const OTHERS = 'multilingual-e5-small';
/** Number of thirty queries with a right photo in the top three now; a near tie may cost one. */
const FOUND: Readonly<Record<string, number>> = {
  de: 24,
  zh: 24,
  es: 21,
  it: 20,
  pt: 20,
  nl: 24,
  pl: 22,
  ru: 22,
  uk: 24,
  tr: 18,
  ja: 23,
  ko: 20,
  hi: 22,
  vi: 24,
  id: 23,
  sv: 19,
};
const TIES = 1;
/** Minimum share of the English result, except for Turkish, which does not reach it yet. */
const SHARE = 0.7;
const LESS: Readonly<Record<string, number>> = { tr: 0.65 };

interface Query {
  readonly pictures: readonly string[];
  /** By language. */
  readonly texts: Readonly<Record<string, string>>;
}

const queries = JSON.parse(await readFile(QUERIES, 'utf8')) as Query[];
const [english, ...languages] = Object.keys(queries[0]!.texts);

describe('plain queries in other languages', () => {
  let photos: Map<string, Float32Array>;
  let inEnglish = 0;
  const sides: Record<string, { encoders: Encoders; head: Head }> = {};
  before(async () => {
    for (const text of [undefined, OTHERS]) {
      const encoders = await loadEncoders({ modelDirs: [MODELS], profile: 'compact', text });
      sides[text ?? 'first'] = { encoders, head: await loadHead(join(MODELS, 'head-compact'), encoders) };
    }
    const { encoders, head } = sides.first!;
    photos = new Map();
    for (const name of (await readdir(PHOTOS)).filter((file) => file.endsWith('.jpg'))) {
      const { outputs } = await encoders.image.encode(await readFile(join(PHOTOS, name)));
      photos.set(name, (await head.projectImages([outputs]))[0]!);
    }
    inEnglish = (await found('first', english!)).length;
  });
  after(async () => {
    for (const { encoders, head } of Object.values(sides)) {
      await head.close();
      await encoders.close();
    }
  });

  /** Queries in a language with a right photo in the top three. */
  async function found(side: string, lang: string): Promise<Query[]> {
    const { encoders, head } = sides[side]!;
    const vectors = await head.projectTexts(await encoders.text.encode(queries.map(({ texts }) => texts[lang]!)));
    return queries.filter(({ pictures }, i) => {
      const near = [...photos].sort(([, a], [, b]) => dot(vectors[i]!, b) - dot(vectors[i]!, a));
      return near.slice(0, 3).some(([name]) => pictures.includes(name));
    });
  }

  it('asks the same thirty things in each of seventeen languages', () => {
    assert.equal(queries.length, 30);
    assert.equal(languages.length, 16);
    for (const { pictures, texts } of queries) {
      assert.deepEqual(Object.keys(texts), [english, ...languages]);
      for (const name of pictures) assert.ok(photos.has(name), name);
    }
  });

  it('finds a right photo in the top three for most queries in English', () => {
    assert.ok(inEnglish >= 22, `${inEnglish} of 30`);
  });

  for (const lang of languages) {
    const least = FOUND[lang]! - TIES;
    it(`finds a right photo in the top three for ${least} of 30 in ${lang}`, async (t) => {
      const right = await found(OTHERS, lang);
      const missed = queries.filter((query) => !right.includes(query)).map(({ texts }) => texts[lang]);
      t.diagnostic(`${right.length} found, ${inEnglish} in English; not ${missed.join(', ')}`);
      assert.ok(right.length >= least, `${right.length} of 30; not ${missed.join(', ')}`);
      assert.ok(right.length >= (LESS[lang] ?? SHARE) * inEnglish, `${right.length} of ${inEnglish} in English`);
    });
  }
});
