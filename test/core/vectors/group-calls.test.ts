import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import type { VectorStore } from '../../../core/ports.ts';
import { groupCalls } from '../../../core/vectors/group-calls.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { DIMENSION, image, seededRandom, unit, uuid } from '../../contract/vectors-data.ts';

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
    folder = await mkdtemp(join(tmpdir(), 'sightline-group-'));
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
      findCopies: count('findCopies', store.findCopies),
      upsert: count('upsert', store.upsert),
      remove: count('remove', store.remove),
    };
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('become one call a kind, and each gets its own answer', async () => {
    await store.upsert([point(3, '7')], 'newer');
    const grouped = groupCalls(counted);
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map((id) =>
        grouped.job(async () => {
          const found = await grouped.store.get([uuid(id)]);
          const copies = await grouped.store.findCopies([String(id % 10).repeat(64)]);
          const [written] = await grouped.store.upsert([point(id)], 'newer');
          return [[...found.keys()], copies.size, written];
        }),
      ),
    );
    assert.deepEqual(calls, ['get', 'findCopies', 'upsert']);
    assert.deepEqual(outcomes, [
      [[], 0, 'written'],
      [[], 0, 'written'],
      [[uuid(3)], 1, 'stale'],
      [[], 0, 'written'],
    ]);
    assert.equal(await store.count({}), 4);
  });

  it('go out when one of the jobs waits for nothing else any more, whatever became of the others', async () => {
    const grouped = groupCalls(counted);
    const gone = Promise.withResolvers<never>();
    const broken = grouped.job(() => gone.promise);
    const writing = grouped.job(() => grouped.store.upsert([point(1)], 'newer'));
    gone.reject(new Error('no picture'));
    await assert.rejects(broken, /no picture/);
    assert.deepEqual(await writing, ['written']);
  });

  it('go out without a job that takes its time', async () => {
    const grouped = groupCalls(counted);
    const slow = Promise.withResolvers<void>();
    const running = grouped.job(() => slow.promise);
    assert.equal((await grouped.job(() => grouped.store.get([uuid(1)]))).size, 0);
    assert.deepEqual(await grouped.job(() => grouped.store.upsert([point(1)], 'newer')), ['written']);
    slow.resolve();
    await running;
  });

  it('write an id that two of them write one after the other, and each way of writing apart', async () => {
    const grouped = groupCalls(counted);
    const write = (sequencer: string, when: 'newer' | 'not-older') =>
      grouped.job(() => grouped.store.upsert([point(1, sequencer)], when, { keepTags: true }));
    const same = await Promise.all([write('2', 'newer'), write('2', 'newer'), write('2', 'not-older')]);
    assert.deepEqual(same.flat(), ['written', 'stale', 'written']);
    assert.equal(calls.length, 3);
    const removed = grouped.job(() =>
      grouped.store.remove([{ id: uuid(1), sequencer: '3', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer'),
    );
    assert.deepEqual(await removed, ['removed']);
  });

  it('fail together when the store is away, and alone for what is wrong with one', async () => {
    const away = groupCalls({
      ...counted,
      get: () => Promise.reject(new SightlineError('unavailable', 'the store is away')),
    });
    const lost = await Promise.allSettled([1, 2].map((id) => away.job(() => away.store.get([uuid(id)]))));
    assert.deepEqual(
      lost.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    const grouped = groupCalls(counted);
    const wrong = { ...point(2), vector: unit(random).slice(1) as ReturnType<typeof unit> };
    const [good, bad] = await Promise.allSettled(
      [point(1), wrong].map((one) => grouped.job(() => grouped.store.upsert([one], 'newer'))),
    );
    assert.deepEqual([good!.status, bad!.status], ['fulfilled', 'rejected']);
    assert.equal(await store.count({}), 1);
  });
});
