import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import type { ObjectStore, VectorStore } from '../../../core/ports.ts';
import { compareUtf8 } from '../../../core/util/utf8-order.ts';
import { groupCalls } from '../../../core/vectors/batch-calls.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { DIMENSION, image, seededRandom, unit, uuid } from '../../contract/vectors-data.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const random = seededRandom(5);
const point = (id: number, sequencer = '1') => ({
  id: uuid(id),
  vector: unit(random),
  payload: image({ key: `${id}`, sha256: String(id % 10).repeat(64), sequencer }),
});

describe('calls of jobs that run together', () => {
  let folder: string;
  let store: VectorStore;
  let calls: string[];
  let counted: VectorStore;
  beforeEach(async () => {
    folder = tempFolder();
    store = await openEmbeddedStore({ file: join(folder, 'index.sqlite'), space: 'one', dimension: DIMENSION });
    calls = [];
    const count = <A extends unknown[], R>(name: string, call: (...args: A) => R) => {
      return (...args: A): R => {
        calls.push(name);
        return call(...args);
      };
    };
    counted = {
      ...store,
      get: count('get', store.get),
      vectors: count('vectors', store.vectors),
      lookUp: count('lookUp', store.lookUp),
      copies: count('copies', store.copies),
      upsert: count('upsert', store.upsert),
      remove: count('remove', store.remove),
    };
  });
  afterEach(() => store.close());

  it('become one call a kind, and each gets its own answer', async () => {
    await store.upsert([point(3, '7')], 'newer');
    const grouped = groupCalls(counted, new Map());
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map((id) =>
        grouped.job(async () => {
          const found = await grouped.vectors.get([uuid(id)]);
          const { points, copies } = await grouped.vectors.lookUp([uuid(id)], [String(id % 10).repeat(64)]);
          const [written] = await grouped.vectors.upsert([point(id)], 'newer');
          assert.deepEqual(points, found);
          const others = await grouped.vectors.copies([String(id % 10).repeat(64)], id);
          assert.deepEqual(
            [...others.values()].flat().map((copy) => copy.id),
            [uuid(id)],
          );
          return [[...found.keys()], copies.size, written];
        }),
      ),
    );
    assert.deepEqual(calls, ['lookUp', 'lookUp', 'upsert', 'copies']);
    assert.deepEqual(outcomes, [
      [[], 0, 'written'],
      [[], 0, 'written'],
      [[uuid(3)], 1, 'stale'],
      [[], 0, 'written'],
    ]);
    assert.equal(await store.count({}), 4);
  });

  it('go out when one of the jobs waits for nothing else any more, whatever became of the others', async () => {
    const grouped = groupCalls(counted, new Map());
    const gone = Promise.withResolvers<never>();
    const broken = grouped.job(() => gone.promise);
    const writing = grouped.job(() => grouped.vectors.upsert([point(1)], 'newer'));
    gone.reject(new Error('no picture'));
    await assert.rejects(broken, /no picture/);
    assert.deepEqual(await writing, ['written']);
  });

  it('go out without a job that takes its time', async () => {
    const grouped = groupCalls(counted, new Map());
    const slow = Promise.withResolvers<void>();
    const running = grouped.job(() => slow.promise);
    assert.equal((await grouped.job(() => grouped.vectors.get([uuid(1)]))).size, 0);
    assert.deepEqual(await grouped.job(() => grouped.vectors.upsert([point(1)], 'newer')), ['written']);
    slow.resolve();
    await running;
  });

  it('write an id that two of them write one after the other, and each way of writing apart', async () => {
    const grouped = groupCalls(counted, new Map());
    const write = (sequencer: string, when: 'newer' | 'not-older') =>
      grouped.job(() => grouped.vectors.upsert([point(1, sequencer)], when, { keepTags: true }));
    const same = await Promise.all([write('2', 'newer'), write('2', 'newer'), write('2', 'not-older')]);
    assert.deepEqual(same.flat(), ['written', 'stale', 'written']);
    assert.equal(calls.length, 3);
    const removed = grouped.job(() =>
      grouped.vectors.remove([{ id: uuid(1), sequencer: '3', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer'),
    );
    assert.deepEqual(await removed, ['removed']);
  });

  it('fail together when the store is away, and alone for what is wrong with one', async () => {
    const isAway = () => Promise.reject(new SightlineError('unavailable', 'the store is away'));
    const away = groupCalls({ ...counted, lookUp: isAway }, new Map());
    const lost = await Promise.allSettled([1, 2].map((id) => away.job(() => away.vectors.get([uuid(id)]))));
    assert.deepEqual(
      lost.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    const grouped = groupCalls(counted, new Map());
    const wrong = { ...point(2), vector: unit(random).slice(1) as ReturnType<typeof unit> };
    const [good, bad] = await Promise.allSettled(
      [point(1), wrong].map((one) => grouped.job(() => grouped.vectors.upsert([one], 'newer'))),
    );
    assert.deepEqual([good!.status, bad!.status], ['fulfilled', 'rejected']);
    assert.equal(await store.count({}), 1);
  });

  describe('lists of a bucket', () => {
    let listed: { prefix?: string }[];
    let objects: ObjectStore;
    const open = (keys: readonly string[], pageSize = 1000): ObjectStore => {
      const all = keys.toSorted(compareUtf8).map((key) => ({ key, bytes: 1, etag: key, lastModified: new Date(0) }));
      const list: ObjectStore['list'] = async (options) => {
        listed.push(options);
        const { prefix = '', cursor = '', limit } = options;
        const found = all.filter(({ key }) => key.startsWith(prefix) && compareUtf8(key, cursor) > 0);
        const items = found.slice(0, Math.min(limit, pageSize));
        return items.length < found.length ? { items, next: items.at(-1)!.key } : { items };
      };
      return { bucket: 'b', list } as ObjectStore;
    };
    const listAll = async (prefixes: readonly string[], limit = 1000) => {
      const grouped = groupCalls(store, new Map([['b', objects]]));
      const pages = await Promise.all(
        prefixes.map((prefix) => grouped.job(() => grouped.buckets.get('b')!.list({ prefix, limit }))),
      );
      return pages.map(({ items, next }) => [...items.map(({ key }) => key), ...(next === undefined ? [] : ['...'])]);
    };
    beforeEach(() => {
      listed = [];
      objects = open([
        'a/IMG_1.jpg',
        'a/IMG_1.xmp',
        'a/IMG_2.jpg',
        'a/IMG_2.json',
        'b/IMG_1.jpg',
        '\u{1f600}.a',
        '\u{1f601}.b',
      ]);
    });

    it('become one a folder, and each gets what begins as it asked', async () => {
      assert.deepEqual(await listAll(['a/IMG_1.', 'a/IMG_2.', 'a/IMG_3.', 'b/IMG_1.']), [
        ['a/IMG_1.jpg', 'a/IMG_1.xmp'],
        ['a/IMG_2.jpg', 'a/IMG_2.json'],
        [],
        ['b/IMG_1.jpg'],
      ]);
      assert.deepEqual(
        listed.map(({ prefix }) => prefix),
        ['a/IMG_', 'b/IMG_1.'],
      );
    });

    it('do not ask for half of a character', async () => {
      assert.deepEqual(await listAll(['\u{1f600}.', '\u{1f601}.']), [['\u{1f600}.a'], ['\u{1f601}.b']]);
      assert.equal(listed[0]!.prefix, '');
    });

    it('are made again for what lies beyond the first page of a large folder', async () => {
      objects = open(['IMG_1.jpg', 'IMG_1.xmp', 'IMG_2.jpg', 'IMG_2.xmp', 'IMG_3.jpg', 'IMG_4.jpg'], 3);
      assert.deepEqual(await listAll(['IMG_1.', 'IMG_2.', 'IMG_4.']), [
        ['IMG_1.jpg', 'IMG_1.xmp'],
        ['IMG_2.jpg', 'IMG_2.xmp'],
        ['IMG_4.jpg'],
      ]);
      assert.deepEqual(
        listed.map(({ prefix }) => prefix),
        ['IMG_', 'IMG_2.', 'IMG_4.'],
      );
    });

    it('are left alone where somebody asks for pages', async () => {
      assert.deepEqual(await listAll(['a/IMG_1.', 'a/IMG_2.'], 1), [
        ['a/IMG_1.jpg', '...'],
        ['a/IMG_2.jpg', '...'],
      ]);
    });

    it('fail together, and alone for what is wrong with one', async () => {
      const lists = objects.list;
      objects = {
        ...objects,
        list: (options) =>
          options.prefix === 'a/IMG_2.' ? lists(options) : Promise.reject(new SightlineError('unavailable', 'away')),
      };
      await assert.rejects(listAll(['a/IMG_1.', 'a/IMG_2.']), /away/);
      assert.deepEqual(await listAll(['a/IMG_2.']), [['a/IMG_2.jpg', 'a/IMG_2.json']]);
    });
  });
});
