import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createIndexer } from '../../../core/index-image.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { ObjectStore, Spaces, VectorStore } from '../../../core/ports.ts';
import { startFakeQdrant } from '../../support/fake-qdrant.ts';
import { openSpacesAt, saltedEmbedder } from '../../support/spaces-place.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/**
 * Kills the process (kill -9) during the switch between spaces: one live space must remain, and no acknowledged write
 * may be lost.
 */

const CHILD = join(import.meta.dirname, 'switch-child.ts');

interface Place {
  readonly at: string;
  /** Waits the minute after which traces of a killed process expire. */
  lapse(): Promise<void>;
  stop(): Promise<void>;
}

function killedSwitch(name: string, openPlace: (root: string) => Promise<Place>): void {
  describe(`a switch that is killed, ${name}`, () => {
    let root: string;
    let place: Place;
    let spaces: Spaces;
    let live: VectorStore;
    let objects: ObjectStore;
    const old = saltedEmbedder('a');
    beforeEach(async () => {
      root = tempFolder();
      await mkdir(join(root, 'photos'));
      place = await openPlace(root);
      objects = await openFolder({ root: join(root, 'photos'), bucket: 'photos' });
      spaces = await openSpacesAt(place.at);
      live = await spaces.openLive(old.space, old.dimension);
    });
    afterEach(async () => {
      await live.close();
      await spaces.close();
      await place.stop();
    });

    /** Writes to the live space, as a server does; returns the id once acknowledged. */
    async function upload(key: string): Promise<string> {
      await writeFile(join(root, 'photos', key), `PIC of ${key}`);
      const index = createIndexer({
        embedder: old,
        vectors: live,
        buckets: new Map([['photos', objects]]),
        maxBytes: 1000,
      });
      assert.equal((await index({ type: 'created', bucket: 'photos', key, sequencer: null })).status, 'indexed');
      return imageId('photos', key);
    }

    /** Runs the other process to the step where it is killed, or to its end. */
    async function buildUntil(step: string): Promise<void> {
      const args = ['--disable-warning=ExperimentalWarning', CHILD, place.at, join(root, 'photos'), step];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      for await (const line of createInterface({ input: child.stdout })) {
        if (line === `at ${step}`) child.kill('SIGKILL');
        else assert.equal(line, 'done');
      }
      const [code, signal] = await exited;
      assert.deepEqual([code, signal], step === 'nowhere' ? [0, null] : [null, 'SIGKILL']);
    }

    async function assertWhole(ids: readonly string[]): Promise<void> {
      assert.equal((await spaces.live())?.space, 'b');
      const next = await spaces.openLive('b', 48);
      const found = await next.get(ids);
      assert.deepEqual(
        ids.filter((id) => found.get(id)?.deleted !== false),
        [],
      );
      assert.equal(await next.count({}), ids.length);
      const { items } = await next.query({
        vector: (await saltedEmbedder('b', 48).embedImage(Buffer.from('PIC of 3.jpg'))).vector,
        filter: {},
        limit: 1,
      });
      assert.equal(items[0]?.id, imageId('photos', '3.jpg'));
      await next.close();
    }

    for (const [step, when] of [
      ['begun', 'when it has begun'],
      ['carried', 'when all is carried over'],
    ] as const) {
      it(`${when} leaves the old space live, which takes writes, and is gone on with`, async () => {
        const ids: string[] = [];
        for (let i = 0; i < 10; i++) ids.push(await upload(`${i}.jpg`));
        await buildUntil(step);
        await place.lapse();
        assert.equal((await spaces.live())?.space, 'a');
        ids.push(await upload('later.jpg'));
        assert.equal(await live.count({}), 11);
        await buildUntil('nowhere');
        await assertWhole(ids);
        await assert.rejects(upload('too late.jpg'), { code: 'space-retired' });
      });
    }

    it('when it has switched leaves the new space live, and the old one to go back to', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 10; i++) ids.push(await upload(`${i}.jpg`));
      await buildUntil('switched');
      await assertWhole(ids);
      const left = (await spaces.list()).map(({ space, live: isLive, points }) => [space, isLive, points]);
      assert.deepEqual(left, [
        ['a', false, 10],
        ['b', true, 10],
      ]);
    });
  });
}

killedSwitch('in a SQLite file', async (root) => ({
  at: join(root, 'index.sqlite'),
  lapse: async () => {},
  stop: async () => {},
}));

killedSwitch('in Qdrant (a fake held to recorded answers)', async () => {
  const server = await startFakeQdrant();
  const aliases = async () => {
    const answer = await fetch(`${server.url}/aliases`);
    return ((await answer.json()) as { result: { aliases: { alias_name: string; collection_name: string }[] } }).result
      .aliases;
  };
  return {
    at: server.url,
    // The fence states when it expires.
    async lapse() {
      const fences = (await aliases()).filter(({ alias_name }) => alias_name.includes('-fence-'));
      const actions = fences.flatMap(({ alias_name, collection_name }) => [
        { delete_alias: { alias_name } },
        { create_alias: { alias_name: alias_name.replace(/[\d.]+$/, '1'), collection_name } },
      ]);
      const body = JSON.stringify({ actions });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${server.url}/collections/aliases`, { method: 'POST', headers, body });
      assert.equal(answer.status, 200);
    },
    stop: () => server.stop(),
  };
});
