import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VectorStore } from '../../../../core/ports.ts';
import { compareSequencers } from '../../../../core/sequencer-order.ts';
import { replaceable } from '../../../../core/vectors/qdrant/filter.ts';
import { sequencerParts } from '../../../../core/vectors/qdrant/payload.ts';
import type { QdrantSpacesOptions } from '../../../../core/vectors/qdrant/spaces.ts';
import { image, randomPoints, ranked, unit, uuid } from '../../../contract/vectors-data.ts';
import { type FakeAnswer, type FakeQdrant, startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { satisfies } from './condition.ts';
import { busy, onFreshServer, point, random, to } from './fresh.ts';
import { openQdrantStore } from './open.ts';

describe('Qdrant driver', () => {
  const on = onFreshServer();

  describe('writes', () => {
    const answers: [string, FakeAnswer | null][] = [
      ['the connection broke', null],
      ['the answer was a fault', busy(500)],
      [
        'the server gave up waiting',
        { status: 200, body: { result: { operation_id: 1, status: 'wait_timeout' }, status: 'ok' } },
      ],
    ];
    for (const [what, answer] of answers) {
      it(`are known to have taken place although ${what}`, async () => {
        // The first write adds the marker point.
        await on.store.upsert([point(3, '5')], 'newer');
        on.server.calls.length = 0;
        on.server.inject(1, to('/points?wait=true'), answer, 'served');
        assert.deepEqual(await on.store.upsert([point(1, '5')], 'newer'), ['written']);
        on.server.inject(1, to('/points?wait=true'), answer, 'served');
        const grave = { id: uuid(2), sequencer: '5', deletedAt: '2026-01-01T00:00:00.000Z' };
        assert.deepEqual(await on.store.remove([grave], 'newer'), ['removed']);
        assert.equal(on.sent('/points?wait=true'), 4);
        assert.deepEqual(await on.store.upsert([point(1, '5')], 'newer'), ['stale']);
      });
    }

    it('are ordered by one replica for all, where there are several', async () => {
      const replicated = await on.open({ space: 'copies', alias: 'copies', collection: { replicas: 2 } });
      const writeAll = async (to: VectorStore) => {
        on.server.calls.length = 0;
        await to.upsert([point(1, '1'), point(2, '2')], 'newer');
        await to.upsert([point(1, '3')], 'newer', { keepTags: true });
        await to.setTags(uuid(1), ['a']);
        await to.remove([{ id: uuid(2), sequencer: '9', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer');
        assert.equal(await to.purgeTombstones('2027-01-01T00:00:00.000Z'), 1);
        const paths = on.server.calls.map(({ path }) => path).filter((path) => path.includes('wait='));
        assert.ok(paths.length >= 5);
        return new Set(paths.map((path) => path.split('?')[1]));
      };
      assert.deepEqual(
        await writeAll(replicated),
        new Set(['wait=true&ordering=medium', 'wait=false&ordering=medium']),
      );
      // So does a client that finds the collection already created.
      const found = await on.open({ space: 'copies', alias: 'copies' });
      assert.deepEqual(await writeAll(found), new Set(['wait=true&ordering=medium', 'wait=false&ordering=medium']));
      assert.deepEqual(await writeAll(on.store), new Set(['wait=true', 'wait=false']));
      await Promise.all([replicated.close(), found.close()]);
    });

    it('go in requests under 5 MB, whatever they weigh', async () => {
      const heavy = Array.from({ length: 300 }, (_, i) => ({
        ...point(i, i % 2 === 0 ? '1' : ''),
        payload: image({ key: `${'long/'.repeat(190)}${i}.jpg`, sequencer: i % 2 === 0 ? '1' : '' }),
      }));
      assert.ok((await on.store.upsert(heavy, 'newer')).every((answer) => answer === 'written'));
      const sizes = on.server.calls.filter(to('wait=true')).map(({ body }) => Buffer.byteLength(JSON.stringify(body)));
      assert.ok(sizes.length > 1 && sizes.every((size) => size < 5_000_000), sizes.join());
      assert.equal(await on.store.count({ keyPrefix: 'long/'.repeat(190) }), 300);
    });

    it('compare sequencers of any length as the port does', () => {
      const digit = () => '0123456789ABCDEFabcdef'[Math.floor(random() * 22)]!;
      const some = (length: number) => Array.from({ length }, digit).join('');
      const stems = [some(12), some(13), some(25), some(26), some(40), some(63)];
      const all = [
        '',
        '0',
        'F'.repeat(64),
        '0'.repeat(64),
        ...stems.flatMap((s) => [s, `${s}0`, `${s}1`, s.slice(0, -1), s.toLowerCase()]),
      ];
      for (const there of all) {
        const payload = Object.fromEntries(sequencerParts(there).map(({ field, value }) => [field, value]));
        const stored = { id: uuid(1), version: 0, vector: new Float32Array(0), payload };
        for (const incoming of all) {
          const order = compareSequencers(incoming, there);
          const what = `${incoming} over ${there}`;
          assert.equal(satisfies(stored, replaceable(incoming, 'newer')), order > 0, what);
          assert.equal(satisfies(stored, replaceable(incoming, 'not-older')), order >= 0, what);
        }
      }
    });
  });

  describe('pages of a query', () => {
    it('go on where they ended while better points come and go', async () => {
      const vector = unit(random);
      const points = randomPoints(random, 120);
      await on.store.upsert(points, 'newer');
      const order = ranked(points, vector).map(({ id }) => id);
      const page = await on.store.query({ vector, filter: {}, limit: 40 });
      const graves = order.slice(0, 35).map((id) => ({ id, sequencer: '1', deletedAt: '2026-01-01T00:00:00.000Z' }));
      await on.store.remove(graves, 'newer');
      const rest = await on.store.query({ vector, filter: {}, limit: 1000, cursor: page.next });
      assert.deepEqual(
        rest.items.map(({ id }) => id),
        order.slice(40),
      );
      const better = Array.from({ length: 50 }, (_, i) => ({ ...point(9000 + i, ''), vector }));
      await on.store.upsert(better, 'newer');
      const again = await on.store.query({ vector, filter: {}, limit: 1000, cursor: page.next });
      assert.deepEqual(
        again.items.map(({ id }) => id),
        order.slice(40),
      );
    });

    it('keep their order through many more ties than a page has', async () => {
      const vector = unit(random);
      const ties = Array.from({ length: 400 }, (_, i) => ({ ...point(i, ''), vector }));
      await on.store.upsert(ties, 'newer');
      const { items, next } = await on.store.query({ vector, filter: {}, limit: 5 });
      const second = await on.store.query({ vector, filter: {}, limit: 5, cursor: next });
      assert.deepEqual(
        [...items, ...second.items].map(({ id }) => id),
        Array.from({ length: 10 }, (_, i) => uuid(i)),
      );
      assert.equal((items[4]!.payload as { key: string }).key, '4-');
    });

    it('look at every vector of a small collection and take the graph of a large one', async () => {
      const asked = async (options: Partial<QdrantSpacesOptions>) => {
        const store = await on.open(options);
        on.server.calls.length = 0;
        await store.query({ vector: unit(random), filter: {}, limit: 3 });
        await store.close();
        const [body] = on.server.calls.filter(to('/points/query')).map((call) => call.body);
        return (body as { params: unknown }).params;
      };
      await on.store.upsert(randomPoints(random, 10), 'newer');
      assert.deepEqual(await asked({}), { exact: true });
      // Including the collection's marker.
      assert.deepEqual(await asked({ search: { exactBelow: 12 } }), { exact: true });
      assert.deepEqual(await asked({ search: { exactBelow: 11 } }), { hnsw_ef: 128 });
      assert.deepEqual(await asked({ search: { exactBelow: 0, ef: 77 } }), { hnsw_ef: 77 });
      const quantized = { space: 'small', alias: 'small', collection: { quantization: 'int8' } } as const;
      await (await on.open(quantized)).close();
      const graph = { ...quantized, search: { exactBelow: 0 } };
      assert.deepEqual(await asked(graph), { hnsw_ef: 128, quantization: { rescore: true, oversampling: 2 } });
    });
  });

  it('keeps tombstones out of the graph and of every index that a search uses', async () => {
    await on.store.upsert([point(1, '1')], 'newer');
    on.server.calls.length = 0;
    await on.store.remove([{ id: uuid(1), sequencer: '2', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer');
    const [write] = on.server.calls.filter(to('/points?wait=true'));
    const [{ vector, payload }] = (write!.body as { points: [{ vector: unknown; payload: object }] }).points;
    assert.deepEqual(vector, {});
    assert.deepEqual(Object.keys(payload).sort(), ['deletedAt', 'seqHi', 'seqLo', 'sequencer', 'write']);
    assert.equal((await on.store.get([uuid(1)])).get(uuid(1))?.deleted, true);
    assert.equal((await on.store.vectors([uuid(1)])).size, 0);
    assert.deepEqual((await on.store.query({ vector: unit(random), filter: {}, limit: 5 })).items, []);
  });

  it('reads points of the first version, which lack what came later', async () => {
    const { takenFrom, camera, lens, metadataVersion, ...old } = image({ key: 'a/b.jpg', sequencer: '' });
    const written = { ...old, takenAt: '2024-01-01T00:30:00.000Z', seqHi: 0, seqLo: 0 };
    const body = { points: [{ id: uuid(1), vector: Array.from(unit(random)), payload: written }] };
    const url = `${on.server.url}/collections/sightline-test/points?wait=true`;
    await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
    await on.store.upsert([{ ...point(2, '1'), payload: image({ metadataVersion: 1, sequencer: '1' }) }], 'newer');
    const { items } = await on.store.list({ filter: { metadataBelow: 1 }, limit: 5, order: 'id' });
    assert.deepEqual(
      items.map(({ id, payload }) => [id, payload]),
      [[uuid(1), { ...image({ key: 'a/b.jpg', takenAt: '2024-01-01T00:30:00.000Z' }) }]],
    );
    assert.equal(await on.store.count({ takenAfter: '2024-01-01', takenBefore: '2024-01-01T23:59:59.999' }), 1);
    assert.equal(await on.store.count({ metadataBelow: 2 }), 2);
    assert.equal(await on.store.count({ metadataBelow: 0 }), 0);
  });

  it('takes the tombstones of the first version for what they are', async () => {
    const written = {
      kind: 'tombstone',
      deletedAt: '2026-01-01T00:00:00.000Z',
      sequencer: '5',
      seqHi: 0x5000000000000,
      seqLo: 0,
    };
    const body = { points: [{ id: uuid(7), vector: new Array(64).fill(0), payload: written }] };
    const url = `${on.server.url}/collections/sightline-test/points?wait=true`;
    await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
    assert.equal((await on.store.get([uuid(7)])).get(uuid(7))?.deleted, true);
    assert.deepEqual(await on.store.upsert([point(7, '4')], 'newer', { keepTags: true }), ['stale']);
    assert.equal(await on.store.count({}), 0);
    assert.equal(await on.store.purgeTombstones('2027-01-01'), 1);
    assert.equal((await on.store.get([uuid(7)])).size, 0);
  });

  it('asks for whole numbers of bytes only, as indexes of integers know no others', async () => {
    const sized = (id: number, bytes: number) => ({ ...point(id, ''), payload: image({ bytes }) });
    await on.store.upsert([sized(1, 1), sized(2, 2), sized(3, 3)], 'newer');
    on.server.calls.length = 0;
    assert.equal(await on.store.count({ minBytes: 1.5 }), 2);
    assert.equal(await on.store.count({ maxBytes: 2.5 }), 2);
    assert.equal(await on.store.count({ minBytes: -0.5, maxBytes: 0.5 }), 0);
    const bounds = [...JSON.stringify(on.server.calls).matchAll(/"[gl]te":([-\d.]+)/g)].map(([, bound]) => bound);
    assert.deepEqual(bounds, ['2', '2', '0', '0']);
  });

  it('lists points of the first and the last day there is', async () => {
    const times = ['9999-12-31T23:59:59-12:00', '2026-01-01', '0000-01-01T00:00:00+12:00', '9999-12-31T00:00:00Z'];
    await on.store.upsert(
      times.map((indexedAt, i) => ({ ...point(i, ''), payload: image({ indexedAt, takenAt: indexedAt }) })),
      'newer',
    );
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await on.store.list({ filter: {}, limit: 1, order: 'newest', cursor });
      seen.push(...items.map(({ payload }) => payload.indexedAt));
      cursor = next;
      if (cursor === undefined) break;
    }
    assert.deepEqual(seen, [times[0], times[3], times[1], times[2]]);
    assert.equal(await on.store.count({ takenBefore: '0000-01-01T00:00:00+12:00' }), 1);
  });

  it('lets a server that can find prefixes do so, and keeps to what a collection was made with', async () => {
    const keys = ['a/b/c.jpg', 'a/bc.jpg', 'b.jpg', 'A/b.jpg'];
    const points = keys.map((key, i) => ({ ...point(i, ''), payload: image({ key }) }));
    const newer = await startFakeQdrant({ version: '1.19.0' });
    const fill = async (server: FakeQdrant) => {
      const store = await openQdrantStore({ url: server.url, space: 'keys', dimension: 64, alias: 'keys' });
      await store.upsert(points, 'newer');
      const counts = [];
      for (const keyPrefix of ['', 'a', 'a/b', 'a/b/']) counts.push(await store.count({ keyPrefix }));
      await store.close();
      return counts;
    };
    assert.deepEqual(await fill(on.server), [4, 2, 2, 1]);
    assert.deepEqual(await fill(newer), [4, 2, 2, 1]);
    const bodies = JSON.stringify(newer.calls.map(({ body }) => body));
    assert.ok(bodies.includes('{"field_name":"key","field_schema":{"type":"keyword","prefix":true}}'));
    assert.ok(bodies.includes('{"key":"key","match":{"prefix":"a/b"}}'));
    assert.doesNotMatch(bodies, /keyPrefixes/);
    await newer.stop();
  });

  it('reads what it decides by from a majority, where there are several replicas', async () => {
    const replicated = await on.open({ space: 'copies', alias: 'copies', collection: { replicas: 3 } });
    await replicated.upsert([point(2, '1')], 'newer');
    on.server.calls.length = 0;
    await replicated.upsert([point(1, '1')], 'newer', { keepTags: true });
    await replicated.get([uuid(1)]);
    await replicated.vectors([uuid(1)]);
    const reads = on.server.calls.filter(({ method, path }) => method === 'POST' && /\/points(\?|$)/.test(path));
    assert.equal(reads.length, 3);
    for (const { path } of reads) assert.match(path, /\/points\?consistency=majority$/);
    await replicated.close();
  });

  it('sends no API key to the console and each request with an id of its own', async (test) => {
    const warn = test.mock.method(console, 'warn');
    await (await on.open({ apiKey: 'secret' })).close();
    assert.equal(warn.mock.callCount(), 0);
    assert.equal(new Set(on.server.calls.map(({ headers }) => headers['x-request-id'])).size, on.server.calls.length);
    assert.ok(on.server.calls.every(({ headers }) => headers['api-key'] === 'secret'));
  });
});
