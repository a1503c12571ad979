import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { VectorStore } from '../../../../core/ports.ts';
import { storedPayload } from '../../../../core/vectors/qdrant/payload.ts';
import { caption, image, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';
import { type FakeQdrant, startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { openQdrantStore } from './open.ts';

const random = seededRandom(4);
/** More points than one batch: one without words, one of each kind, and a tombstone. */
const PAYLOADS = [
  ...Array.from({ length: 600 }, (_, i) => image({ key: `Rome/IMG_${i}.jpg`, tags: i === 7 ? ['To do'] : [] })),
  image({ key: '!!!' }),
  caption({ caption: 'a dog in Rome' }),
];

for (const version of ['1.18.3', '1.19.0']) {
  describe(`points of a Qdrant ${version} that were written before points had words`, () => {
    let server: FakeQdrant;
    let store: VectorStore;
    const put = async (path: string, body: unknown) => {
      const { ok } = await fetch(`${server.url}/collections/sightline-old${path}`, {
        method: 'PUT',
        body: JSON.stringify(body),
      });
      assert.ok(ok, path);
    };
    const open = () => openQdrantStore({ url: server.url, space: 'old', dimension: 64 });
    const found = async (words: string[]) => store.count({ words });

    before(async () => {
      server = await startFakeQdrant({ version, strict: true });
      await put('', { vectors: { size: 64, distance: 'Cosine' } });
      const prefixes = version === '1.18.3' ? 'hashed' : 'match';
      const points = PAYLOADS.map((payload, i) => {
        const { words, tagWords, ...old } = storedPayload(payload, prefixes);
        return { id: uuid(i), vector: Array.from(unit(random)), payload: old };
      });
      const grave = { id: uuid(9999), vector: {}, payload: { deletedAt: '2026-01-01T00:00:00.000Z', sequencer: '5' } };
      await put('/points?wait=true', { points: [...points, grave] });
    });
    after(async () => {
      await store.close();
      await server.stop();
    });

    it('are found by meaning at once, and by their names when these are there', async () => {
      server.inject(1, ({ path }) => path.includes('/points/batch'), { status: 400, body: 'no' });
      store = await open();
      const { items } = await store.query({ vector: unit(random), filter: { exceptWords: ['rome'] }, limit: 5 });
      assert.equal(items.length, 5);
      assert.equal(await found(['rome']), 0);
      // The fault ends the run; the next client to open the collection continues.
      await store.close();
      store = await open();
      assert.equal(await store.setTags(uuid(8), ['Later']), true);
      while ((await found(['rome'])) === 0) await nextTurn();
      assert.equal(await found(['rome']), 601);
      assert.equal(await found(['img', '599']), 1);
      assert.equal(await found(['to', 'do', 'rom*']), 1);
      assert.equal(await found(['later', 'rome']), 1);
      assert.equal(await store.count({}), PAYLOADS.length);
    });

    it('have them for whoever opens the collection later', async () => {
      await store.close();
      server.calls.length = 0;
      store = await open();
      assert.equal(await found(['dog', 'rome']), 1);
      assert.ok(!server.calls.some(({ path }) => path.includes('/points/batch')));
    });
  });
}
