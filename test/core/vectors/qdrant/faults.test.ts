import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, isSightlineError } from '../../../../core/errors.ts';
import { readSettings } from '../../../../core/settings.ts';
import { qdrantOptions } from '../../../../core/vectors/qdrant/options-from-settings.ts';
import { openQdrantSpaces } from '../../../../core/vectors/qdrant/spaces.ts';
import { DIMENSION, image, unit, uuid } from '../../../contract/vectors-data.ts';
import { startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { busy, failsWith, onFreshServer, random, to } from './fresh.ts';
import { openQdrantStore } from './open.ts';
import { RECORDING } from './recording.ts';

describe('faults of Qdrant', () => {
  const on = onFreshServer();

  describe('opening', () => {
    it('makes the collection, its indexes and the alias once', async () => {
      await (await on.open()).close();
      assert.deepEqual(
        on.server.calls.map(({ method, path }) => `${method} ${path}`),
        ['GET /', 'GET /aliases', 'GET /collections/sightline-test'],
      );
    });

    it('survives that somebody else makes the collection at the same time', async () => {
      const stores = await Promise.all(
        Array.from({ length: 5 }, () => on.open({ space: 'together', alias: 'together' })),
      );
      await Promise.all(stores.map((each) => each.close()));
    });

    it('makes the collection as it is told', async () => {
      const env = {
        SIGHTLINE_QDRANT_SHARDS: '3',
        SIGHTLINE_QDRANT_REPLICAS: '2',
        SIGHTLINE_QDRANT_ON_DISK: 'all',
        SIGHTLINE_QDRANT_M: '32',
        SIGHTLINE_QDRANT_QUANTIZATION: 'int8',
      };
      const { collection } = qdrantOptions(readSettings('functions', { env }));
      await (await on.open({ space: 'made', alias: 'made', collection })).close();
      const created = on.server.calls.find(
        ({ method, path }) => method === 'PUT' && path === '/collections/sightline-made',
      );
      assert.deepEqual(created?.body, {
        vectors: { size: DIMENSION, distance: 'Cosine', on_disk: true },
        shard_number: 3,
        replication_factor: 2,
        hnsw_config: { m: 32, on_disk: true },
        quantization_config: { scalar: { type: 'int8', always_ram: true } },
      });
      const index = on.server.calls.find(
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
      await assert.rejects(on.open({ dimension: 32 }), failsWith('space-mismatch', /32 components by Cosine, got 64/));
      assert.equal(on.sent('/points'), 0);
    });

    it('refuses a collection of another kind of vectors, and an alias of somebody else', async () => {
      const send = (method: string, path: string, body: object) =>
        fetch(on.server.url + path, {
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
        await assert.rejects(on.open({ space: `kind${i}`, alias: 'kinds' }), failsWith('space-mismatch', message));
      }
      await send('PUT', '/collections/products', { vectors: { size: DIMENSION, distance: 'Cosine' } });
      const theirs = { create_alias: { alias_name: 'theirs', collection_name: 'products' } };
      await send('POST', '/collections/aliases', { actions: [theirs] });
      const spaces = await openQdrantSpaces({ url: on.server.url, alias: 'theirs' });
      const refused = failsWith('invalid-config', /alias theirs.*got products/);
      await assert.rejects(spaces.live(), refused);
      await assert.rejects(spaces.openLive('test', DIMENSION), refused);
      await assert.rejects(spaces.openCandidate('test', DIMENSION), refused);
      await spaces.close();
      assert.equal(on.sent('/points'), 0);
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
      // With a line break, like a secret piped into a file.
      await (await openQdrantStore({ ...at, url: `${locked.url}/\n`, apiKey: 'right\n' })).close();
      await locked.stop();
    });

    it('says that an API key can be none, without the key', async () => {
      for (const apiKey of ['two\nlines', 'schl\u00fcssel', '\u2026']) {
        await assert.rejects(on.open({ apiKey }), (error: Error) => {
          assert.ok(isSightlineError(error, 'invalid-config'), String(error));
          assert.match(error.message, /API key/);
          return !error.message.includes(apiKey);
        });
      }
    });

    it('says that something else than Qdrant answers', async () => {
      for (const body of [null, [], '<html>', { version: { number: '8.1' } }]) {
        on.server.inject(1, ({ path }) => path === '/', { status: 200, body });
        await assert.rejects(
          on.open(),
          failsWith('invalid-config', /expected Qdrant 1.16 or newer/),
          JSON.stringify(body),
        );
      }
      on.server.inject(1, ({ path }) => path === '/', { status: 404, body: 'Not Found' });
      await assert.rejects(on.open(), failsWith('invalid-config', /HTTP 404: Not Found/));
    });

    it('says that no server answers, and takes a port that is written', async () => {
      const at = { space: 'test', dimension: DIMENSION, maxAttempts: 1 };
      await assert.rejects(
        openQdrantStore({ ...at, url: 'http://127.0.0.1:80' }),
        failsWith('unavailable', /127\.0\.0\.1:80/),
      );
      // The port is kept in every spelling of the URL; without one, Qdrant's default is used.
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
      // The message names the server but no password.
      for (const [url, said] of [
        ['http://me:secret@127.0.0.2/a/b//', /Qdrant at http:\/\/127\.0\.0\.2:6333\/a\/b:/],
        ['http://[::1]', /Qdrant at http:\/\/\[::1\]:6333:/],
      ] as const) {
        await assert.rejects(openQdrantStore({ ...at, url }), failsWith('unavailable', said));
      }
      for (const url of ['', 'localhost:6333', 'ftp://localhost']) {
        await assert.rejects(openQdrantStore({ ...at, url }), failsWith('invalid-config', /URL/));
      }
      await assert.rejects(on.open({ space: 'a/b' }), failsWith('invalid-config', /collection/));
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
        on.server.inject(1, to('/points/count'), { status: response.status, headers: type, body: response.body });
        const said = (response.body as { status?: { error: string } }).status?.error ?? String(response.body);
        const error = await on.store.count({}).then(
          () => assert.fail('expected an error'),
          (reason: unknown) => reason,
        );
        assert.ok(isSightlineError(error), String(error));
        assert.ok(error.message.includes(said), error.message);
        assert.ok(error.message.includes('counting sightline-test'), error.message);
        if (/Vector dimension/.test(said)) assert.equal(error.code, 'space-mismatch');
        else if (!/^Not found: Point|No point|^$/.test(said)) assert.equal(error.code, codes[response.status]);
        assert.equal(on.sent('/points/count'), 1, 'such a request is not repeated');
      });
    }
  });

  it('tell a key that may not write from a server that nobody may write to for now', async () => {
    const point = { id: uuid(1), vector: unit(random), payload: image() };
    for (const [error, code] of [
      ['Forbidden: Write access to collection `sightline-test` is required', 'invalid-config'],
      ['Storage locked: a copy is made', 'unavailable'],
    ] as const) {
      on.server.inject(1, to('/points?wait=true'), { status: 403, body: { status: { error } } });
      await assert.rejects(on.store.upsert([point], 'newer'), failsWith(code, new RegExp(error)));
    }
  });

  describe('repeated requests', () => {
    // 507 is Qdrant's full disk from 1.19 on; 522 means that a proxy could not reach the server.
    for (const status of [408, 429, 500, 502, 503, 504, 507, 522]) {
      it(`are made after ${status}`, async () => {
        on.server.inject(1, to('/points/count'), busy(status));
        assert.equal(await on.store.count({}), 0);
        assert.equal(on.sent('/points/count'), 2);
      });
    }

    it('are made after a broken connection and after silence', async () => {
      const impatient = await on.open({ timeoutMs: 100 });
      for (const fault of [null, 'hang'] as const) {
        on.server.calls.length = 0;
        on.server.inject(1, to('/points/count'), fault);
        assert.equal(await impatient.count({}), 0);
        assert.equal(on.sent('/points/count'), 2, String(fault));
      }
      await impatient.close();
    });

    it('leave no whole page of a proxy in the message', async () => {
      const page = `<html><title>Bad Gateway</title>${'<p>'.repeat(5000)}`;
      on.server.inject(9, to('/points/count'), { status: 502, body: page });
      const hasty = await on.open({ maxAttempts: 1 });
      await assert.rejects(
        hasty.count({}),
        (error: Error) => /HTTP 502: .*Bad Gateway/.test(error.message) && error.message.length < 500,
      );
      await hasty.close();
    });

    it('end after the attempts there are', async () => {
      on.server.inject(99, to('/points/count'), busy(503));
      const patient = await on.open({ maxAttempts: 3 });
      await assert.rejects(patient.count({}), failsWith('unavailable', /HTTP 503.*as the test wants it/));
      assert.equal(on.sent('/points/count'), 3);
      await patient.close();
    });

    it('end with the deadline, even while an answer is awaited', async () => {
      on.server.inject(99, to('/points/count'), 'hang');
      const hasty = await on.open({ deadlineMs: 200 });
      await assert.rejects(hasty.count({}), failsWith('unavailable', /no answer in 200 ms/));
      await hasty.close();
    });

    for (const status of [429, 503]) {
      it(`wait as long as a ${status} asks for`, async () => {
        on.server.inject(1, to('/points/count'), busy(status, { 'retry-after': '1' }));
        const first = performance.now();
        assert.equal(await on.store.count({}), 0);
        assert.ok(performance.now() - first >= 1000, 'it must not come back before that');
        assert.equal(on.sent('/points/count'), 2);
      });

      it(`are not made when a ${status} asks for more time than there is`, async () => {
        // The client reduces these 30 seconds to 3, which the deadline would allow.
        const hasty = await on.open({ deadlineMs: 10_000 });
        for (const asked of ['30', new Date(Date.now() + 60_000).toUTCString()]) {
          on.server.calls.length = 0;
          on.server.inject(1, to('/points/count'), busy(status, { 'retry-after': asked }));
          await assert.rejects(hasty.count({}), failsWith('unavailable', new RegExp(`HTTP ${status}`)));
          assert.equal(on.sent('/points/count'), 1);
        }
        await hasty.close();
      });
    }
  });
});
