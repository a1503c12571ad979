import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, isSightlineError } from '../../core/errors.ts';
import { compareSequencers, type Point, type VectorStore } from '../../core/ports.ts';
import { replaceable } from '../../core/vectors/qdrant-filter.ts';
import { sequencerParts } from '../../core/vectors/qdrant-payload.ts';
import { openQdrantSpaces, type QdrantSpacesOptions } from '../../core/vectors/qdrant-spaces.ts';
import { DIMENSION, image, randomPoints, ranked, seededRandom, unit, uuid } from '../contract/vectors-data.ts';
import { satisfies } from './condition.ts';
import { openQdrantStore } from './open.ts';
import { RECORDING } from './recording.ts';
import { type Call, type FakeAnswer, type FakeQdrant, startFakeQdrant } from './server.ts';

const random = seededRandom(21);
const failsWith = (code: ErrorCode, message = /./) => ({ name: 'SightlineError', code, message });
const point = (id: number, sequencer: string): Point => ({
  id: uuid(id),
  vector: unit(random),
  payload: image({ sequencer, key: `${id}-${sequencer}` }),
});
const to = (part: string) => (call: Call) => call.path.includes(part);
const busy = (status: number, headers = {}): FakeAnswer => ({
  status,
  headers,
  body: { status: { error: 'Service internal error: as the test wants it' } },
});

describe('Qdrant driver', () => {
  let server: FakeQdrant;
  let store: VectorStore;
  const open = (options: Partial<QdrantSpacesOptions & { space: string; dimension: number }> = {}) =>
    openQdrantStore({ url: server.url, space: 'test', dimension: DIMENSION, timeoutMs: 2_000, ...options });
  const sent = (part: string) => server.calls.filter(to(part)).length;

  beforeEach(async () => {
    await store?.close();
    await server?.stop();
    server = await startFakeQdrant();
    store = await open();
    server.calls.length = 0;
  });
  after(async () => {
    await store.close();
    await server.stop();
  });

  describe('opening', () => {
    it('makes the collection, its indexes and the alias once', async () => {
      await (await open()).close();
      assert.deepEqual(
        server.calls.map(({ method, path }) => `${method} ${path}`),
        ['GET /', 'GET /aliases', 'GET /collections/sightline-test'],
      );
    });

    it('survives that somebody else makes the collection at the same time', async () => {
      const stores = await Promise.all(Array.from({ length: 5 }, () => open({ space: 'together', alias: 'together' })));
      await Promise.all(stores.map((each) => each.close()));
    });

    it('makes the collection as it is told', async () => {
      const collection = {
        shards: 3,
        replicas: 2,
        vectorsOnDisk: true,
        indexesOnDisk: true,
        hnsw: { m: 32, efConstruct: 200 },
        quantization: { type: 'scalar', quantile: 0.99, alwaysInMemory: true },
      } as const;
      await (await open({ space: 'made', alias: 'made', collection })).close();
      const created = server.calls.find(
        ({ method, path }) => method === 'PUT' && path === '/collections/sightline-made',
      );
      assert.deepEqual(created?.body, {
        vectors: { size: DIMENSION, distance: 'Cosine', on_disk: true },
        shard_number: 3,
        replication_factor: 2,
        hnsw_config: { m: 32, ef_construct: 200 },
        quantization_config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
      });
      const index = server.calls.find(
        ({ path, body }) => path.includes('/index') && JSON.stringify(body).includes('kind'),
      );
      assert.deepEqual(index?.body, { field_name: 'kind', field_schema: { type: 'keyword', on_disk: true } });
    });

    for (const [version, works] of [
      ['1.15.5', false],
      ['0.99.0', false],
      ['1.16.0', true],
      ['2.0.0-dev', true],
    ] as const) {
      it(`${works ? 'takes' : 'refuses'} a server of version ${version}`, async () => {
        const other = await startFakeQdrant({ version });
        const opening = openQdrantStore({ url: other.url, space: 'test', dimension: DIMENSION });
        if (works) await (await opening).close();
        else await assert.rejects(opening, failsWith('invalid-config', new RegExp(`1.16 or newer.*${version}`)));
        await other.stop();
      });
    }

    it('refuses a collection of another dimension before anything is sent to it', async () => {
      await assert.rejects(open({ dimension: 32 }), failsWith('space-mismatch', /32 components by Cosine, got 64/));
      assert.equal(sent('/points'), 0);
    });

    it('refuses a collection of another kind of vectors, and an alias of somebody else', async () => {
      const send = (method: string, path: string, body: object) =>
        fetch(server.url + path, {
          method,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      const kinds: [object, RegExp][] = [
        [{ size: DIMENSION, distance: 'Dot' }, /by Dot/],
        [{ size: DIMENSION, distance: 'Cosine', datatype: 'uint8' }, /in bytes/],
        [{ size: DIMENSION, distance: 'Cosine', multivector_config: { comparator: 'max_sim' } }, /several vectors/],
        [{ image: { size: DIMENSION, distance: 'Cosine' } }, /named vectors/],
      ];
      for (const [i, [vectors, message]] of kinds.entries()) {
        await send('PUT', `/collections/sightline-kind${i}`, { vectors });
        await assert.rejects(open({ space: `kind${i}`, alias: 'kinds' }), failsWith('space-mismatch', message));
      }
      await send('PUT', '/collections/products', { vectors: { size: DIMENSION, distance: 'Cosine' } });
      const theirs = { create_alias: { alias_name: 'theirs', collection_name: 'products' } };
      await send('POST', '/collections/aliases', { actions: [theirs] });
      const spaces = await openQdrantSpaces({ url: server.url, alias: 'theirs' });
      const refused = failsWith('invalid-config', /alias theirs.*got products/);
      await assert.rejects(spaces.live(), refused);
      await assert.rejects(spaces.openLive('test', DIMENSION), refused);
      await assert.rejects(spaces.openBeside('test', DIMENSION), refused);
      await spaces.close();
      assert.equal(sent('/points'), 0);
    });

    it('says that the API key is missing or wrong', async () => {
      const locked = await startFakeQdrant({ apiKey: 'right' });
      const at = { url: locked.url, space: 'test', dimension: DIMENSION };
      await assert.rejects(openQdrantStore(at), failsWith('invalid-config', /API key.*Must provide/));
      await assert.rejects(
        openQdrantStore({ ...at, apiKey: 'wrong' }),
        failsWith('invalid-config', /API key.*Invalid/),
      );
      await (await openQdrantStore({ ...at, apiKey: 'right' })).close();
      // As a secret is that was piped into a file.
      await (await openQdrantStore({ ...at, url: `${locked.url}/\n`, apiKey: 'right\n' })).close();
      await locked.stop();
    });

    it('says that an API key can be none, without the key', async () => {
      for (const apiKey of ['two\nlines', 'schl\u00fcssel', '\u2026']) {
        await assert.rejects(open({ apiKey }), (error: Error) => {
          assert.ok(isSightlineError(error, 'invalid-config'), String(error));
          assert.match(error.message, /API key/);
          return !error.message.includes(apiKey);
        });
      }
    });

    it('says that something else than Qdrant answers', async () => {
      for (const body of [null, [], '<html>', { version: { number: '8.1' } }]) {
        server.inject(1, ({ path }) => path === '/', { status: 200, body });
        await assert.rejects(
          open(),
          failsWith('invalid-config', /expected Qdrant 1.16 or newer/),
          JSON.stringify(body),
        );
      }
      server.inject(1, ({ path }) => path === '/', { status: 404, body: 'Not Found' });
      await assert.rejects(open(), failsWith('invalid-config', /HTTP 404: Not Found/));
    });

    it('says that no server answers, and takes a port that is written', async () => {
      const at = { space: 'test', dimension: DIMENSION, maxAttempts: 1 };
      await assert.rejects(
        openQdrantStore({ ...at, url: 'http://127.0.0.1:80' }),
        failsWith('unavailable', /127\.0\.0\.1:80/),
      );
      // The port is kept however the rest is written; without one it is Qdrant's own.
      for (const url of ['HTTP://127.0.0.1:80', 'http://127.0.0.1:80/prefix/', 'http://127.0.0.1:80\n']) {
        await assert.rejects(
          openQdrantStore({ ...at, url }),
          failsWith('unavailable', /ECONNREFUSED 127\.0\.0\.1:80$/),
        );
      }
      await assert.rejects(
        openQdrantStore({ ...at, url: 'http://127.0.0.2' }),
        failsWith('unavailable', /ECONNREFUSED 127\.0\.0\.2:6333$/),
      );
      await assert.rejects(
        openQdrantStore({ ...at, url: 'http://127.0.0.1:1/' }),
        failsWith('unavailable', /127\.0\.0\.1:1\b/),
      );
      for (const url of ['', 'localhost:6333', 'ftp://localhost']) {
        await assert.rejects(openQdrantStore({ ...at, url }), failsWith('invalid-config', /URL/));
      }
      await assert.rejects(open({ space: 'a/b' }), failsWith('invalid-config', /collection/));
    });
  });

  describe('recorded faults', () => {
    const codes: Record<number, ErrorCode> = {
      400: 'invalid-config',
      401: 'invalid-config',
      404: 'unavailable',
      422: 'invalid-config',
    };
    const handled = new Set(['create again']);
    for (const { note, response } of RECORDING.filter(({ response }) => response.status !== 200)) {
      if (handled.has(note)) continue;
      it(`"${note}" becomes an error that says what the server said`, async () => {
        const type: Record<string, string> =
          response.contentType === null ? {} : { 'content-type': response.contentType };
        server.inject(1, to('/points/count'), { status: response.status, headers: type, body: response.body });
        const said = (response.body as { status?: { error: string } }).status?.error ?? String(response.body);
        const error = await store.count({}).then(
          () => assert.fail('expected an error'),
          (reason: unknown) => reason,
        );
        assert.ok(isSightlineError(error), String(error));
        assert.ok(error.message.includes(said), error.message);
        assert.ok(error.message.includes('counting sightline-test'), error.message);
        if (/Vector dimension/.test(said)) assert.equal(error.code, 'space-mismatch');
        else if (!/^Not found: Point|No point|^$/.test(said)) assert.equal(error.code, codes[response.status]);
        assert.equal(sent('/points/count'), 1, 'such a request is not repeated');
      });
    }
  });

  describe('repeated requests', () => {
    // 507 is Qdrant's full disk from 1.19 on, 522 a proxy that found nobody.
    for (const status of [408, 429, 500, 502, 503, 504, 507, 522]) {
      it(`are made after ${status}`, async () => {
        server.inject(1, to('/points/count'), busy(status));
        assert.equal(await store.count({}), 0);
        assert.equal(sent('/points/count'), 2);
      });
    }

    it('are made after a broken connection and after silence', async () => {
      const impatient = await open({ timeoutMs: 100 });
      for (const fault of [null, 'hang'] as const) {
        server.calls.length = 0;
        server.inject(1, to('/points/count'), fault);
        assert.equal(await impatient.count({}), 0);
        assert.equal(sent('/points/count'), 2, String(fault));
      }
      await impatient.close();
    });

    it('end after the attempts there are', async () => {
      server.inject(99, to('/points/count'), busy(503));
      const patient = await open({ maxAttempts: 3 });
      await assert.rejects(patient.count({}), failsWith('unavailable', /HTTP 503.*as the test wants it/));
      assert.equal(sent('/points/count'), 3);
      await patient.close();
    });

    it('end with the deadline, even while an answer is awaited', async () => {
      server.inject(99, to('/points/count'), 'hang');
      const hasty = await open({ deadlineMs: 200 });
      await assert.rejects(hasty.count({}), failsWith('unavailable', /no answer in 200 ms/));
      await hasty.close();
    });

    for (const status of [429, 503]) {
      it(`wait as long as a ${status} asks for`, async () => {
        server.inject(1, to('/points/count'), busy(status, { 'retry-after': '1' }));
        const first = performance.now();
        assert.equal(await store.count({}), 0);
        assert.ok(performance.now() - first >= 1000, 'it must not come back before that');
        assert.equal(sent('/points/count'), 2);
      });

      it(`are not made when a ${status} asks for more time than there is`, async () => {
        // The client makes 3 seconds of these 30, which the deadline would allow.
        const hasty = await open({ deadlineMs: 10_000 });
        for (const asked of ['30', new Date(Date.now() + 60_000).toUTCString()]) {
          server.calls.length = 0;
          server.inject(1, to('/points/count'), busy(status, { 'retry-after': asked }));
          await assert.rejects(hasty.count({}), failsWith('unavailable', new RegExp(`HTTP ${status}`)));
          assert.equal(sent('/points/count'), 1);
        }
        await hasty.close();
      });
    }
  });

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
        server.inject(1, to('/points?wait=true'), answer, 'served');
        assert.deepEqual(await store.upsert([point(1, '5')], 'newer'), ['written']);
        server.inject(1, to('/points?wait=true'), answer, 'served');
        const grave = { id: uuid(2), sequencer: '5', deletedAt: '2026-01-01T00:00:00.000Z' };
        assert.deepEqual(await store.remove([grave], 'newer'), ['removed']);
        assert.equal(sent('/points?wait=true'), 4);
        assert.deepEqual(await store.upsert([point(1, '5')], 'newer'), ['stale']);
      });
    }

    it('are ordered by one replica for all, where there are several', async () => {
      const replicated = await open({ space: 'copies', alias: 'copies', collection: { replicas: 2 } });
      const writeAll = async (to: VectorStore) => {
        server.calls.length = 0;
        await to.upsert([point(1, '1'), point(2, '2')], 'newer');
        await to.upsert([point(1, '3')], 'newer', { keepTags: true });
        await to.setTags(uuid(1), ['a']);
        await to.remove([{ id: uuid(2), sequencer: '9', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer');
        assert.equal(await to.purgeTombstones('2027-01-01T00:00:00.000Z'), 1);
        const paths = server.calls.map(({ path }) => path).filter((path) => path.includes('?'));
        assert.ok(paths.length >= 5);
        return new Set(paths.map((path) => path.split('?')[1]));
      };
      assert.deepEqual(await writeAll(replicated), new Set(['wait=true&ordering=medium']));
      // So does who finds the collection made.
      const found = await open({ space: 'copies', alias: 'copies' });
      assert.deepEqual(await writeAll(found), new Set(['wait=true&ordering=medium']));
      assert.deepEqual(await writeAll(store), new Set(['wait=true']));
      await Promise.all([replicated.close(), found.close()]);
    });

    it('go in requests under 5 MB, whatever they weigh', async () => {
      const heavy = Array.from({ length: 300 }, (_, i) => ({
        ...point(i, i % 2 === 0 ? '1' : ''),
        payload: image({ key: `${'long/'.repeat(190)}${i}.jpg`, sequencer: i % 2 === 0 ? '1' : '' }),
      }));
      assert.ok((await store.upsert(heavy, 'newer')).every((answer) => answer === 'written'));
      const sizes = server.calls.filter(to('wait=true')).map(({ body }) => Buffer.byteLength(JSON.stringify(body)));
      assert.ok(sizes.length > 1 && sizes.every((size) => size < 5_000_000), sizes.join());
      assert.equal(await store.count({ keyPrefix: 'long/'.repeat(190) }), 300);
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

  describe('writes while other models take over', () => {
    it('wait for that as long as they are told, and are no longer unsure afterwards', async () => {
      const spaces = await openQdrantSpaces({ url: server.url, fencePatienceMs: 0 });
      const live = await spaces.openLive('test', DIMENSION);
      const beside = await spaces.openBeside('next', DIMENSION);
      await assert.rejects(
        beside.switch(async () => {
          await assert.rejects(live.upsert([point(1, '1')], 'newer'), failsWith('unavailable', /change of models/));
          // It stands there, and is found; but whoever finds it cannot take it for done either.
          assert.ok((await live.get([uuid(1)])).has(uuid(1)));
          await assert.rejects(live.upsert([], 'newer'), failsWith('unavailable', /change of models/));
          throw new Error('given up');
        }),
        /given up/,
      );
      assert.deepEqual(await live.upsert([], 'newer'), []);
      await beside.switch(async () => {});
      await assert.rejects(live.upsert([], 'newer'), failsWith('space-retired', /live names sightline-next/));
      await spaces.close();
    });

    it('switch once, although the answer was lost and others have switched back since', async () => {
      const spaces = await openQdrantSpaces({ url: server.url });
      const beside = await spaces.openBeside('next', DIMENSION);
      const points = ({ method, body }: Call) => method === 'POST' && JSON.stringify(body).includes('"live"');
      server.inject(1, points, null, 'served');
      await beside.switch(async () => {});
      assert.equal((await spaces.live())?.space, 'next');
      assert.equal(server.calls.filter(points).length, 1);

      const back = await spaces.openBeside('test', DIMENSION);
      let answered = 0;
      // Served, not answered; before it is tried again, somebody else makes the other space live.
      server.inject(1, (call) => points(call) && answered++ === 0, null, 'served');
      server.inject(1, ({ path }) => answered > 0 && path === '/aliases', {
        status: 200,
        body: { result: { aliases: [{ alias_name: 'live', collection_name: 'sightline-next' }] }, status: 'ok' },
      });
      await assert.rejects(
        back.switch(async () => {}),
        failsWith('unavailable', /could not be kept up/),
      );
      await spaces.close();
    });
  });

  describe('pages of a query', () => {
    it('go on where they ended while better points come and go', async () => {
      const vector = unit(random);
      const points = randomPoints(random, 120);
      await store.upsert(points, 'newer');
      const order = ranked(points, vector).map(({ id }) => id);
      const page = await store.query({ vector, filter: {}, limit: 40 });
      const graves = order.slice(0, 35).map((id) => ({ id, sequencer: '1', deletedAt: '2026-01-01T00:00:00.000Z' }));
      await store.remove(graves, 'newer');
      const rest = await store.query({ vector, filter: {}, limit: 1000, cursor: page.next });
      assert.deepEqual(
        rest.items.map(({ id }) => id),
        order.slice(40),
      );
      const better = Array.from({ length: 50 }, (_, i) => ({ ...point(9000 + i, ''), vector }));
      await store.upsert(better, 'newer');
      const again = await store.query({ vector, filter: {}, limit: 1000, cursor: page.next });
      assert.deepEqual(
        again.items.map(({ id }) => id),
        order.slice(40),
      );
    });

    it('keep their order through many more ties than a page has', async () => {
      const vector = unit(random);
      const ties = Array.from({ length: 400 }, (_, i) => ({ ...point(i, ''), vector }));
      await store.upsert(ties, 'newer');
      const { items, next } = await store.query({ vector, filter: {}, limit: 5 });
      const second = await store.query({ vector, filter: {}, limit: 5, cursor: next });
      assert.deepEqual(
        [...items, ...second.items].map(({ id }) => id),
        Array.from({ length: 10 }, (_, i) => uuid(i)),
      );
      assert.equal((items[4]!.payload as { key: string }).key, '4-');
    });

    it('ask for what is configured', async () => {
      const graph = await open({ search: { mode: 'graph', ef: 200, rescore: true, oversampling: 2 } });
      await graph.query({ vector: unit(random), filter: {}, limit: 3 });
      await store.query({ vector: unit(random), filter: {}, limit: 3 });
      const asked = server.calls.filter(to('/points/query')).map(({ body }) => (body as { params: unknown }).params);
      assert.deepEqual(asked, [{ hnsw_ef: 200, quantization: { rescore: true, oversampling: 2 } }, { exact: true }]);
      await graph.close();
    });
  });

  it('asks for whole numbers of bytes only, as indexes of integers know no others', async () => {
    const sized = (id: number, bytes: number) => ({ ...point(id, ''), payload: image({ bytes }) });
    await store.upsert([sized(1, 1), sized(2, 2), sized(3, 3)], 'newer');
    server.calls.length = 0;
    assert.equal(await store.count({ minBytes: 1.5 }), 2);
    assert.equal(await store.count({ maxBytes: 2.5 }), 2);
    assert.equal(await store.count({ minBytes: -0.5, maxBytes: 0.5 }), 0);
    const bounds = [...JSON.stringify(server.calls).matchAll(/"[gl]te":([-\d.]+)/g)].map(([, bound]) => bound);
    assert.deepEqual(bounds, ['2', '2', '0', '0']);
  });

  it('lists points of the first and the last day there is', async () => {
    const times = ['9999-12-31T23:59:59-12:00', '2026-01-01', '0000-01-01T00:00:00+12:00', '9999-12-31T00:00:00Z'];
    await store.upsert(
      times.map((indexedAt, i) => ({ ...point(i, ''), payload: image({ indexedAt, takenAt: indexedAt }) })),
      'newer',
    );
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await store.list({ filter: {}, limit: 1, order: 'newest', cursor });
      seen.push(...items.map(({ payload }) => payload.indexedAt));
      cursor = next;
      if (cursor === undefined) break;
    }
    assert.deepEqual(seen, [times[0], times[3], times[1], times[2]]);
    assert.equal(await store.count({ takenBefore: '0000-01-01T00:00:00+12:00' }), 1);
  });

  it('indexes keys by folder only, when told so', async () => {
    const folders = await open({ space: 'folders', alias: 'folders', collection: { keyPrefixes: 'folders' } });
    const keyed = (id: number, key: string) => ({ ...point(id, ''), payload: image({ key }) });
    await folders.upsert([keyed(1, 'a/b/c.jpg'), keyed(2, 'a/bc.jpg')], 'newer');
    assert.equal(await folders.count({ keyPrefix: 'a/b/' }), 1);
    assert.equal(await folders.count({ keyPrefix: 'a/' }), 2);
    assert.equal(await folders.count({ keyPrefix: '' }), 2);
    await assert.rejects(folders.count({ keyPrefix: 'a/b' }), failsWith('invalid-input', /ends with "\/"/));
    await folders.close();
    await assert.rejects(
      open({ space: 'folders', alias: 'folders' }),
      failsWith('schema-mismatch', /keyPrefixes any, got folders/),
    );
  });

  it('sends no API key to the console and each request with an id of its own', async (test) => {
    const warn = test.mock.method(console, 'warn');
    await (await open({ apiKey: 'secret' })).close();
    assert.equal(warn.mock.callCount(), 0);
    assert.equal(new Set(server.calls.map(({ headers }) => headers['x-request-id'])).size, server.calls.length);
    assert.ok(server.calls.every(({ headers }) => headers['api-key'] === 'secret'));
  });

  describe('spaces', () => {
    const openTwo = async () => {
      const spaces = await openQdrantSpaces({ url: server.url });
      const live = await spaces.openLive('test', DIMENSION);
      const beside = await spaces.openBeside('next', DIMENSION);
      return { spaces, live, beside, close: () => Promise.all([beside.close(), live.close(), spaces.close()]) };
    };
    const aliases = async () => {
      const answer = await fetch(`${server.url}/aliases`);
      return ((await answer.json()) as { result: { aliases: { alias_name: string }[] } }).result.aliases;
    };

    it('are switched in one request, which ends the fence', async () => {
      const { beside, close } = await openTwo();
      const before = server.calls.length;
      await beside.switch(async () => {});
      const changes = server.calls.slice(before).filter(({ path }) => path.startsWith('/collections/aliases'));
      assert.deepEqual(
        changes.map(({ body }) => (body as { actions: object[] }).actions.map((action) => Object.keys(action)[0])),
        [['create_alias'], ['create_alias', 'delete_alias', 'delete_alias', 'create_alias']],
      );
      assert.deepEqual(await aliases(), [{ alias_name: 'live', collection_name: 'sightline-next' }]);
      await close();
    });

    it('acknowledge no write while a fence stands, and every write when it is over', async () => {
      const { live, beside, close } = await openTwo();
      let acknowledged = false;
      let writing: Promise<unknown> = Promise.resolve();
      const { id } = point(1, '');
      await assert.rejects(
        beside.switch(async () => {
          writing = live.upsert([point(1, '')], 'newer').then(() => {
            acknowledged = true;
          });
          while ((await live.get([id])).size === 0) await sleep(1);
          await sleep(100);
          assert.equal(acknowledged, false);
          throw new Error('given up');
        }),
        /given up/,
      );
      await writing;
      assert.equal((await aliases()).length, 1);
      assert.deepEqual(await live.upsert([point(1, '01')], 'newer'), ['written']);
      await close();
    });

    it('do not wait for ever for a switch that was killed, nor allow two at once', async () => {
      const { live, beside, close } = await openTwo();
      const fence = (time: number) => ({
        create_alias: { alias_name: `live-fence-${time}`, collection_name: 'sightline-next' },
      });
      const post = (action: object) =>
        fetch(`${server.url}/collections/aliases`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ actions: [action] }),
        });
      await post(fence(Date.now() - 1));
      assert.deepEqual(await live.upsert([point(1, '')], 'newer'), ['written']);
      const end = Date.now() + 2000;
      await post(fence(end));
      await assert.rejects(
        beside.switch(async () => {}),
        failsWith('unavailable', /another switch/),
      );
      assert.deepEqual(await live.upsert([point(2, '')], 'newer'), ['written']);
      assert.ok(Date.now() >= end);
      await beside.switch(async () => {});
      assert.deepEqual(await aliases(), [{ alias_name: 'live', collection_name: 'sightline-next' }]);
      await close();
    });

    it('stay as they are when the new one is removed while it takes over', async () => {
      const { spaces, live, beside, close } = await openTwo();
      await assert.rejects(
        beside.switch(async () => {
          assert.equal(await spaces.drop('next'), true);
        }),
        failsWith('unavailable', /has been removed/),
      );
      assert.deepEqual(await aliases(), [{ alias_name: 'live', collection_name: 'sightline-test' }]);
      assert.deepEqual(await live.upsert([point(1, '')], 'newer'), ['written']);
      await close();
    });

    it('are removed once, although the answer was lost and somebody has made the space again and live', async () => {
      const { spaces, close } = await openTwo();
      const deletes = ({ method }: Call) => method === 'DELETE';
      server.inject(1, deletes, null, 'served');
      server.inject(1, ({ path }) => path === '/aliases' && server.calls.some(deletes), {
        status: 200,
        body: { result: { aliases: [{ alias_name: 'live', collection_name: 'sightline-next' }] }, status: 'ok' },
      });
      await assert.rejects(spaces.drop('next'), failsWith('precondition-failed', /not live/));
      assert.equal(server.calls.filter(deletes).length, 1);
      await close();
    });

    it('are listed without those that are removed meanwhile', async () => {
      const { spaces, close } = await openTwo();
      const gone = { status: { error: "Not found: Collection `sightline-next` doesn't exist!" } };
      for (const at of ['/collections/sightline-next', '/collections/sightline-next/points/count']) {
        server.inject(1, ({ path }) => path === at, { status: 404, body: gone });
        assert.deepEqual(
          (await spaces.list()).map(({ space }) => space),
          ['test'],
        );
      }
      await close();
    });

    it('whose collection has been removed say so', async () => {
      const { spaces, beside, close } = await openTwo();
      await spaces.drop('next');
      await assert.rejects(beside.to.count({}), failsWith('unavailable', /has been removed/));
      await close();
    });
  });
});
