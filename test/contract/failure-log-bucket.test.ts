import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { openObjectFailureLog } from '../../core/failure-log/bucket.ts';
import { openFolder } from '../../core/objects/folder/store.ts';
import { openS3 } from '../../core/objects/s3/store.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { type S3TestServer, startS3 } from '../support/s3-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { failuresContract } from './failure-log.ts';

failuresContract('small objects in a folder', async (now) => {
  const root = tempFolder();
  const open = async () => openObjectFailureLog(await openFolder({ root, bucket: 'state' }), now);
  return { log: await open(), again: open, dispose: () => rm(root, { recursive: true, force: true }) };
});

let server: S3TestServer;
let buckets = 0;
before(async () => {
  server = await startS3();
});
after(() => server.stop());

async function openBucket(bucket: string): Promise<ObjectStore & { close(): void }> {
  return openS3({ bucket, region: 'eu-central-1', endpoint: server.endpoint, credentials: server.credentials });
}

async function newBucket(): Promise<string> {
  const bucket = `state-${++buckets}`;
  server.createBucket(bucket);
  return bucket;
}

failuresContract('small objects in S3', async (now) => {
  const bucket = await newBucket();
  const store = await openBucket(bucket);
  const open = async () => openObjectFailureLog(store, now);
  return { log: await open(), again: open, dispose: async () => store.close() };
});

const failure = (key: string) => ({
  id: key,
  bucket: 'photos',
  key,
  etag: 'e',
  sequencer: '1',
  reason: 'corrupt',
  message: 'm',
  retryable: false,
});

/** The same store, but its `nth` write or delete fails from now on, as if the process had died there. */
function dyingAt(store: ObjectStore, nth: number): ObjectStore {
  let left = nth;
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error('the process died');
    return work();
  };
  return {
    ...store,
    put: (...args) => step(() => store.put(...args)),
    delete: (...args) => step(() => store.delete(...args)),
  };
}

describe('failures as objects', () => {
  it('counts every one of many attempts that are recorded at once', async () => {
    const store = await openBucket(await newBucket());
    const logs = [openObjectFailureLog(store), openObjectFailureLog(store)];
    await Promise.all(Array.from({ length: 8 }, (_, i) => logs[i % 2]!.record(failure('same'))));
    assert.equal((await logs[0]!.get('same'))?.attempts, 8);
    assert.equal((await logs[0]!.list({ limit: 10 })).items.length, 1);
    assert.equal(await logs[0]!.count(), 1);
    // A writer that lost the race leaves no entry behind.
    assert.equal((await store.list({ prefix: 'failures-by-time/', limit: 10 })).items.length, 1);
    store.close();
  });

  for (const step of [0, 1, 2]) {
    it(`lists each failure once when a writer dies after step ${step}`, async () => {
      const store = await openBucket(await newBucket());
      let clock = Date.now();
      const log = openObjectFailureLog(store, () => new Date(clock));
      await log.record(failure('a'));
      await assert.rejects(openObjectFailureLog(dyingAt(store, step)).record(failure('a')), /died/);
      await log.record(failure('b'));
      assert.deepEqual(
        (await log.list({ limit: 10 })).items.map(({ key }) => key),
        ['b', 'a'],
      );
      assert.equal(await log.count(), 2);

      const again = await log.record(failure('a'));
      assert.ok(again.attempts >= 2);
      clock += 2 * 3_600_000;
      assert.deepEqual(
        (await log.list({ limit: 10 })).items.map(({ key }) => key),
        ['a', 'b'],
      );
      assert.equal((await store.list({ prefix: 'failures-by-time/', limit: 10 })).items.length, 2, 'cleared away');
      store.close();
    });
  }

  it('refuses an object that is no failure, naming it', async () => {
    const store = await openBucket(await newBucket());
    await store.put('failures/x.json', new TextEncoder().encode('{"attempts": 1}'));
    await assert.rejects(openObjectFailureLog(store).get('x'), { name: 'SightlineError', code: 'schema-mismatch' });
    store.close();
  });
});
