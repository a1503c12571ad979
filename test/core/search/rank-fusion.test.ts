import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Point, VectorQuery, VectorStore } from '../../../core/ports.ts';
import { askedNames, type FoundHit, searchNames } from '../../../core/search/rank-fusion.ts';
import { search } from '../../../core/search/search.ts';
import type { Page } from '../../../core/types.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { image, ranked, seededRandom, unit, uuid } from '../../contract/vectors-data.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { textsBy } from '../../support/texts-by.ts';

const random = seededRandom(8);
const PLAIN = new Set(['dog', 'beach', 'cat', 'other']);
const embedder = { hasWord: async (word: string) => PLAIN.has(word) };
const query: VectorQuery = { vector: unit(random), filter: {}, limit: 7 };

/** Adds this many pictures to a folder, numbered from `from`. */
const folder = (name: string, from: number, count: number): Point[] =>
  Array.from({ length: count }, (_, i) => ({
    id: uuid(from + i),
    vector: unit(random),
    payload: image({ key: `${name}/${String(from + i).padStart(4, '0')}.png` }),
  }));
const POINTS = [
  ...folder('Küche', 0, 70),
  ...folder('Küchenbau', 100, 5),
  ...folder('beaches', 200, 20),
  ...folder('other', 300, 200),
];

describe('names fused with meaning', () => {
  const dir = tempFolder();
  let vectors: VectorStore;
  before(async () => {
    vectors = await openEmbeddedStore({ file: join(dir, 'index.sqlite'), space: 'fusion', dimension: 64 });
    await vectors.upsert(POINTS, 'newer');
  });
  after(async () => {
    await vectors.close();
  });

  async function all(words: string[], options: Partial<VectorQuery> = {}, isWithout = false): Promise<FoundHit[]> {
    const items: FoundHit[] = [];
    const asked = await askedNames(words, embedder);
    for (let cursor: string | undefined; ; ) {
      const page: Page<FoundHit> = await searchNames(vectors, { ...query, ...options, cursor }, asked, { isWithout });
      assert.ok(page.items.length > 0 || page.next === undefined, 'no empty page but the only one');
      assert.ok(page.items.length <= (options.limit ?? query.limit));
      items.push(...page.items);
      cursor = page.next;
      if (cursor === undefined) return items;
    }
  }
  const folders = (hits: readonly FoundHit[]) =>
    hits.map(({ payload }) => (payload.kind === 'image' ? payload.key.split('/')[0] : ''));

  it('shows every picture once on any size of pages, in one order', async () => {
    const whole = await all(['kuche'], { limit: 1000 });
    assert.deepEqual(whole.map(({ id }) => id).toSorted(), POINTS.map(({ id }) => id).toSorted());
    for (const limit of [1, 2, 7, 62, 63, 100]) assert.deepEqual(await all(['kuche'], { limit }), whole, `${limit}`);
  });

  it('puts the first 62 of a name first, then two before each that is near, then what begins so', async () => {
    const found = await all(['kuche'], { limit: 50 });
    const isName = found.map(({ why }) => (why.includes('meaning') ? '.' : 'n')).join('');
    assert.match(isName, /^n{62}\.nn\.nn\.nn\.nn\.nn\.nn\.n\.+$/);
    assert.deepEqual(
      folders(found).filter((name) => name?.startsWith('K')),
      [...Array(70).fill('Küche'), ...Array(5).fill('Küchenbau')],
    );
    const scores = found.filter(({ why }) => why[0] === 'meaning').map(({ score }) => score);
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    );
    assert.deepEqual(
      found.map(({ why }) => why[0]).filter((why, i, list) => list.indexOf(why) === i),
      ['folder', 'meaning'],
    );
  });

  it('lets names and meaning take turns where something is unwanted and the model knows all words', async () => {
    const turns = (found: readonly FoundHit[]) =>
      found.map(({ why }) => (why.includes('meaning') ? '.' : 'n')).join('');
    const whole = await all(['other'], { limit: 1000 }, true);
    assert.match(turns(whole), /^(n\.){95}n{105}$/);
    for (const limit of [1, 7, 100]) assert.deepEqual(await all(['other'], { limit }, true), whole, `${limit}`);
    assert.match(turns(await all(['kuche'], {}, true)), /^n{62}\./);
  });

  it('takes words that the model knows as they are, others as beginnings, too', async () => {
    assert.deepEqual(await askedNames(['beach'], embedder), { whole: ['beach'], begun: null });
    assert.deepEqual(await askedNames(['beach', '2019', 'x'], embedder), {
      whole: ['beach', '2019', 'x'],
      begun: ['beach', '2019*', 'x'],
    });
    const byMeaning = ranked(POINTS, query.vector).map(({ id }) => id);
    assert.deepEqual(
      (await all(['beach'])).map(({ id }) => id),
      byMeaning,
    );
    assert.deepEqual(
      (await all(['dog', 'beach'])).map(({ id }) => id),
      byMeaning,
    );
    assert.deepEqual(folders((await all(['beac'])).slice(0, 20)), Array(20).fill('beaches'));
  });

  it('finds numbers with and without the zeros in front', async () => {
    for (const number of ['0104', '104']) {
      const [first] = await all([number]);
      assert.deepEqual([first?.id, first?.why], [uuid(104), ['name']]);
    }
  });

  it('keeps to filters, scores and what is left out on all pages', async () => {
    const filter = { keyPrefix: 'K' };
    const some = await all(['kuchenbau'], { filter, limit: 10 });
    assert.equal(some.length, 75);
    assert.deepEqual(folders(some.slice(0, 6)), [...Array(5).fill('Küchenbau'), 'Küche']);
    const minScore = 0.05;
    const expected = ranked(POINTS, query.vector).filter(({ score }) => score >= minScore);
    const above = await all(['kuche'], { minScore });
    assert.deepEqual(above.map(({ id }) => id).toSorted(), expected.map(({ id }) => id).toSorted());
    const exclude = [uuid(0), uuid(1), uuid(300)];
    const left = await all(['kuche'], { exclude });
    assert.equal(left.length, POINTS.length - 3);
    assert.ok(!left.some(({ id }) => exclude.includes(id)));
    assert.deepEqual(await all(['kuche'], { filter: { keyPrefix: 'nowhere' } }), []);
    const names = await all(['kuche'], { filter: { folder: 'Küche' }, limit: 35 });
    assert.equal(names.length, 70);
  });

  it('refuses cursors of another question, and goes on with those of meaning alone', async () => {
    const asked = await askedNames(['kuche'], embedder);
    const { next } = await searchNames(vectors, query, asked);
    assert.ok(next);
    for (const other of [
      searchNames(vectors, { ...query, cursor: next }, await askedNames(['kuchenbau'], embedder)),
      searchNames(vectors, { ...query, cursor: next, minScore: 0 }, asked),
      searchNames(vectors, { ...query, cursor: 'x' }, asked),
    ]) {
      await assert.rejects(other, { code: 'invalid-cursor' });
    }
    const old = (await vectors.query(query)).next!;
    const { items } = await searchNames(vectors, { ...query, cursor: old }, asked);
    assert.deepEqual(
      items.map(({ id }) => id),
      ranked(POINTS, query.vector)
        .slice(7, 14)
        .map(({ id }) => id),
    );
  });

  it('plays no part in a query that holds a picture, or nothing to be called by', async () => {
    const deps = {
      vectors,
      embedder: {
        ...textsBy(() => query.vector),
        ...embedder,
        space: 'fusion',
        sameAs: [],
        dimension: 64,
        embedImage: () => Promise.reject(new Error('no picture')),
        describeImage: () => Promise.reject(new Error('no picture')),
        close: async () => {},
      },
    };
    const found = async (...terms: Parameters<typeof search>[1]['terms'][number][]) =>
      (await search(deps, { terms, filter: {}, limit: 3 })).items.map(({ why }) => why.join());
    assert.deepEqual(await found({ text: 'Küche', weight: 1 }), ['folder', 'folder', 'folder']);
    assert.deepEqual(await found({ text: 'Küche', weight: 1 }, { imageId: uuid(300), weight: -1 }), [
      ...['folder', 'folder', 'folder'],
    ]);
    const meaning = ['meaning', 'meaning', 'meaning'];
    assert.deepEqual(await found({ text: 'Küche', weight: 1 }, { imageId: uuid(300), weight: 1 }), meaning);
    assert.deepEqual(await found({ text: 'dog', weight: 1 }, { text: 'Küche', weight: -0.5 }), meaning);
    assert.deepEqual(await found({ text: '🐶', weight: 1 }), meaning);
  });
});
