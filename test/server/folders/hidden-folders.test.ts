import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Filter, VectorStore } from '../../../core/ports.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { hideAbsent } from '../../../server/folders/hidden-folders.ts';
import { caption, DIMENSION, image, seededRandom, unit, uuid } from '../../contract/vectors-data.ts';

const [CAT, DOG, TEXT, GONE] = [uuid(1), uuid(2), uuid(3), uuid(4)];
const ALL = [CAT, DOG, TEXT, GONE];
const [OF_BOTH, OF_DOG] = ['a'.repeat(64), 'b'.repeat(64)];

describe('the pictures of a folder that is away', () => {
  let root: string;
  let store: VectorStore;
  let shown: VectorStore;
  const random = seededRandom(1);
  const vector = unit(random);
  let away: string[] = ['away'];
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'sightline-hidden-'));
    store = await openEmbeddedStore({ file: join(root, 'index.sqlite'), space: 'test', dimension: DIMENSION });
    await store.upsert(
      [
        { id: CAT, vector, payload: image({ bucket: 'here', key: 'cat.jpg', sha256: OF_BOTH, tags: ['pet'] }) },
        { id: DOG, vector, payload: image({ bucket: 'away', key: 'dog.jpg', sha256: OF_BOTH, tags: ['pet'] }) },
        { id: uuid(5), vector, payload: image({ bucket: 'away', key: 'own.jpg', sha256: OF_DOG }) },
        { id: TEXT, vector, payload: caption() },
      ],
      'newer',
    );
    await store.remove([{ id: GONE, sequencer: '1', deletedAt: new Date().toISOString() }], 'newer');
    shown = hideAbsent(store, { absent: () => away, bucketOf: (name) => (name === 'Holidays' ? 'here' : name) });
  });
  after(async () => {
    await store.close();
    await rm(root, { recursive: true });
  });

  const ids = (found: Iterable<string>) => [...found].sort();
  const listed = async (filter: Filter) =>
    (await shown.list({ filter, limit: 10, order: 'id' })).items.map(({ id }) => id);

  it('are in no answer of any kind', async () => {
    assert.deepEqual(await listed({}), [CAT, TEXT]);
    const hits = await shown.query({ vector, filter: {}, limit: 10 });
    assert.deepEqual(ids(hits.items.map(({ id }) => id)), [CAT, TEXT]);
    assert.equal(await shown.count({ kind: 'image' }), 1);
    assert.deepEqual(await shown.facet('tags', {}, 10), [{ value: 'pet', count: 1 }]);
    assert.deepEqual(ids((await shown.get(ALL)).keys()), [CAT, TEXT, GONE]);
    assert.deepEqual(ids((await shown.vectors(ALL)).keys()), [CAT, TEXT]);
    const copies = await shown.copies([OF_BOTH, OF_DOG], 10);
    assert.deepEqual(
      [...copies].map(([sha256, pictures]) => [sha256, pictures.map(({ id }) => id)]),
      [[OF_BOTH, [CAT]]],
    );
    const found = await shown.lookUp(ALL, [OF_BOTH, OF_DOG]);
    assert.deepEqual([ids(found.points.keys()), ids(found.copies.keys())], [[CAT, TEXT, GONE], [OF_BOTH]]);
    assert.equal(await shown.setTags(DOG, ['lost']), false);
  });

  it('are found by the name of their folder, and again when it is back', async () => {
    assert.deepEqual(await listed({ bucket: 'Holidays' }), [CAT]);
    assert.deepEqual(await listed({ exceptBuckets: ['Holidays'] }), [TEXT]);
    away = [];
    assert.equal(await shown.count({ kind: 'image' }), 3);
    assert.deepEqual(ids((await shown.vectors(ALL)).keys()), [CAT, DOG, TEXT]);
    const found = await shown.lookUp(ALL, [OF_BOTH, OF_DOG]);
    assert.deepEqual([ids(found.points.keys()), ids(found.copies.keys())], [ids(ALL), [OF_BOTH, OF_DOG]]);
    assert.equal(await shown.setTags(DOG, ['back']), true);
  });
});
