import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VectorStore } from '../../../../core/ports.ts';
import { openQdrantSpaces } from '../../../../core/vectors/qdrant/spaces.ts';
import { MARKER_ID } from '../../../../core/vectors/qdrant/switch-marker-point.ts';
import { DIMENSION, uuid } from '../../../contract/vectors-data.ts';
import type { Call } from '../../../support/fake-qdrant.ts';
import { failsWith, onFreshServer, point } from './fresh.ts';

describe('spaces in Qdrant', () => {
  const on = onFreshServer();

  describe('writes while other models take over', () => {
    it('wait for that as long as they are told, and are no longer unsure afterwards', async () => {
      const spaces = await openQdrantSpaces({ url: on.server.url, fencePatienceMs: 0 });
      const live = await spaces.openLive('test', DIMENSION);
      const candidate = await spaces.openCandidate('next', DIMENSION);
      await assert.rejects(
        candidate.switch(async () => {
          await assert.rejects(live.upsert([point(1, '1')], 'newer'), failsWith('unavailable', /change of models/));
          // The collection exists and is found, but must not count as finished.
          assert.ok((await live.get([uuid(1)])).has(uuid(1)));
          await assert.rejects(live.upsert([], 'newer'), failsWith('unavailable', /change of models/));
          throw new Error('given up');
        }),
        /given up/,
      );
      assert.deepEqual(await live.upsert([], 'newer'), []);
      await candidate.switch(async () => {});
      await assert.rejects(live.upsert([], 'newer'), failsWith('space-retired', /live names sightline-next/));
      await spaces.close();
    });

    it('switch once, although the answer was lost and others have switched back since', async () => {
      const spaces = await openQdrantSpaces({ url: on.server.url });
      const candidate = await spaces.openCandidate('next', DIMENSION);
      const points = ({ method, body }: Call) => method === 'POST' && JSON.stringify(body).includes('"live"');
      on.server.inject(1, points, null, 'served');
      await candidate.switch(async () => {});
      assert.equal((await spaces.live())?.space, 'next');
      assert.equal(on.server.calls.filter(points).length, 1);

      const back = await spaces.openCandidate('test', DIMENSION);
      let answered = 0;
      // The request was executed but its response lost; before the retry, another client makes the other space live.
      on.server.inject(1, (call) => points(call) && answered++ === 0, null, 'served');
      on.server.inject(1, ({ path }) => answered > 0 && path === '/aliases', {
        status: 200,
        body: { result: { aliases: [{ alias_name: 'live', collection_name: 'sightline-next' }] }, status: 'ok' },
      });
      await assert.rejects(
        back.switch(async () => {}),
        failsWith('unavailable', /could not be renewed/),
      );
      await spaces.close();
    });
  });

  describe('in collections', () => {
    const openTwo = async () => {
      const spaces = await openQdrantSpaces({ url: on.server.url });
      const live = await spaces.openLive('test', DIMENSION);
      const candidate = await spaces.openCandidate('next', DIMENSION);
      return { spaces, live, candidate, close: () => Promise.all([candidate.close(), live.close(), spaces.close()]) };
    };
    const aliases = async () => {
      const answer = await fetch(`${on.server.url}/aliases`);
      return ((await answer.json()) as { result: { aliases: { alias_name: string }[] } }).result.aliases;
    };

    /** Leaves the old collection in the state that a killed switch would. */
    const markSwitching = () =>
      fetch(`${on.server.url}/collections/sightline-test/points?wait=true`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          points: [{ id: MARKER_ID, vector: {}, payload: { collection: 'sightline-test', switching: true, seqHi: 7 } }],
        }),
      });

    it('take two requests a write, and look at the aliases only while a switch is or was under way', async () => {
      const { spaces, live, candidate, close } = await openTwo();
      let id = 0;
      const requestsOf = async (store: VectorStore) => {
        on.server.calls.length = 0;
        id++;
        assert.deepEqual(await store.upsert([point(id, '1')], 'newer'), ['written']);
        return on.server.calls.map(({ method, path }) => `${method} ${path.split('?')[0]}`);
      };
      const write = (space: string) => `PUT /collections/sightline-${space}/points`;
      const look = 'POST /collections/live/points';
      const unsure = ['GET /aliases', 'POST /collections/sightline-test/points'];
      // It marks the collection, which is addressed by its own name when it may not be the live one.
      const first = await requestsOf(live);
      assert.deepEqual(first, [write('test'), look, unsure[0], write('test'), unsure[1]]);
      assert.deepEqual(await requestsOf(live), [write('test'), look]);
      await markSwitching();
      assert.deepEqual(await requestsOf(live), [write('test'), look, ...unsure]);
      await candidate.switch(async () => {});
      await assert.rejects(live.upsert([point(9, '1')], 'newer'), failsWith('space-retired', /live names/));
      const next = await spaces.openLive('next', DIMENSION);
      await requestsOf(next);
      assert.deepEqual(await requestsOf(next), [write('next'), look]);
      // The marks disappear once the collection is live again.
      await markSwitching();
      const back = await spaces.openCandidate('test', DIMENSION);
      await back.switch(async () => {});
      assert.deepEqual(await requestsOf(live), [write('test'), look]);
      // The marker is not among them; the rejected point is.
      assert.equal(await live.count({}), 5);
      await close();
    });

    it('leave the marker of a switch that began later', async () => {
      const { live, candidate, close } = await openTwo();
      await candidate.switch(async () => void (await markSwitching()));
      const marker = await fetch(`${on.server.url}/collections/sightline-test/points/${MARKER_ID}`);
      const { result } = (await marker.json()) as { result: { payload: { switching: boolean } } };
      assert.equal(result.payload.switching, true);
      assert.equal((await live.list({ filter: {}, limit: 10, order: 'id' })).items.length, 0);
      await close();
    });

    it('are switched in one request, which ends the fence', async () => {
      const { candidate, close } = await openTwo();
      const before = on.server.calls.length;
      await candidate.switch(async () => {});
      const changes = on.server.calls.slice(before).filter(({ path }) => path.startsWith('/collections/aliases'));
      assert.deepEqual(
        changes.map(({ body }) => (body as { actions: object[] }).actions.map((action) => Object.keys(action)[0])),
        [['create_alias'], ['create_alias', 'delete_alias', 'delete_alias', 'create_alias']],
      );
      assert.deepEqual(await aliases(), [{ alias_name: 'live', collection_name: 'sightline-next' }]);
      await close();
    });

    it('acknowledge no write while a fence stands, and every write when it is over', async () => {
      const { live, candidate, close } = await openTwo();
      let acknowledged = false;
      let writing: Promise<unknown> = Promise.resolve();
      const { id } = point(1, '');
      await assert.rejects(
        candidate.switch(async () => {
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
      const { live, candidate, close } = await openTwo();
      const fence = (time: number) => ({
        create_alias: { alias_name: `live-fence-${time}`, collection_name: 'sightline-next' },
      });
      const post = (action: object) =>
        fetch(`${on.server.url}/collections/aliases`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ actions: [action] }),
        });
      await post(fence(Date.now() - 1));
      assert.deepEqual(await live.upsert([point(1, '')], 'newer'), ['written']);
      const end = Date.now() + 2000;
      await post(fence(end));
      await markSwitching();
      await assert.rejects(
        candidate.switch(async () => {}),
        failsWith('unavailable', /another switch/),
      );
      assert.deepEqual(await live.upsert([point(2, '')], 'newer'), ['written']);
      assert.ok(Date.now() >= end);
      await candidate.switch(async () => {});
      assert.deepEqual(await aliases(), [{ alias_name: 'live', collection_name: 'sightline-next' }]);
      await close();
    });

    it('stay as they are when the new one is removed while it takes over', async () => {
      const { spaces, live, candidate, close } = await openTwo();
      await assert.rejects(
        candidate.switch(async () => {
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
      on.server.inject(1, deletes, null, 'served');
      on.server.inject(1, ({ path }) => path === '/aliases' && on.server.calls.some(deletes), {
        status: 200,
        body: { result: { aliases: [{ alias_name: 'live', collection_name: 'sightline-next' }] }, status: 'ok' },
      });
      await assert.rejects(spaces.drop('next'), failsWith('precondition-failed', /not live/));
      assert.equal(on.server.calls.filter(deletes).length, 1);
      await close();
    });

    it('are listed without those that are removed meanwhile', async () => {
      const { spaces, close } = await openTwo();
      const gone = { status: { error: "Not found: Collection `sightline-next` doesn't exist!" } };
      for (const at of ['/collections/sightline-next', '/collections/sightline-next/points/count']) {
        on.server.inject(1, ({ path }) => path === at, { status: 404, body: gone });
        assert.deepEqual(
          (await spaces.list()).map(({ space }) => space),
          ['test'],
        );
      }
      await close();
    });

    it('whose collection has been removed say so', async () => {
      const { spaces, candidate, close } = await openTwo();
      await spaces.drop('next');
      await assert.rejects(candidate.to.count({}), failsWith('unavailable', /has been removed/));
      await close();
    });
  });
});
