import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { SQSBatchResponse } from 'aws-lambda';
import { imageId } from '../../../core/point-ids.ts';
import { openQdrantSpaces } from '../../../core/vectors/qdrant/spaces.ts';
import { openQdrantStore } from '../../core/vectors/qdrant/open.ts';
import { startFakeQdrant } from '../../support/fake-qdrant.ts';
import { type Built, keysOf, readPhoto } from './built.ts';
import { message, s3Body } from './events.ts';
import { bodyOf, jsonOf, type LambdaFunction, placed, startFunction } from './function.ts';
import { startQueue } from './queue.ts';

/** Tests the built functions with Qdrant instead of a file, and with broken settings or servers. */
export function qdrantSuite(on: Built): void {
  const { start, request } = on;

  /** Without the embedded store's folder, the functions use Qdrant, as in the cloud. */
  const secret = (value: string) => JSON.stringify({ type: 'sst.sst.Secret', value });
  const withQdrant = (url: string, apiKey = '') => ({
    SIGHTLINE_DATA: '',
    SIGHTLINE_REQUEST_TIMEOUT_MS: '6000',
    SST_RESOURCE_QdrantUrl: secret(url),
    SST_RESOURCE_QdrantApiKey: secret(apiKey),
  });

  it('index into Qdrant and search there, with its key, and tell how many messages wait', async () => {
    const qdrant = await startFakeQdrant({ apiKey: 'secret' });
    const queue = await startQueue({ maxReceives: 3, visibilitySeconds: 30 });
    queue.send('one', 'two');
    const env = { ...withQdrant(qdrant.url, 'secret'), SIGHTLINE_QUEUE_URL: queue.url };
    const [qdrantIngest, qdrantApi] = await Promise.all([start('ingest', env), start('api', env)]);
    try {
      await on.cloud.pictures.put('in-qdrant.jpg', await readPhoto('dragonfly.jpg'));
      const Records = [message(s3Body({ key: 'in-qdrant.jpg', sequencer: '01' }))];
      assert.deepEqual((await qdrantIngest.invoke<SQSBatchResponse>({ Records })).result.batchItemFailures, []);
      assert.deepEqual(keysOf(await request({ url: '/search?q=an+insect' }, qdrantApi)), ['in-qdrant.jpg']);
      // One query searches names and vectors concurrently, each on its own connection.
      await request({ url: '/search?q=insect+number+one' }, qdrantApi);
      const opened = qdrant.connections();
      for (let i = 0; i < 3; i++) await request({ url: `/search?q=insect+number+${i}` }, qdrantApi);
      assert.equal(qdrant.connections(), opened, 'connections are kept from one request to the next');
      assert.ok(qdrant.calls.every(({ headers }) => headers['api-key'] === 'secret'));
      const waiting = async () =>
        jsonOf<{ backlog: number | null }>(await request({ url: '/status' }, qdrantApi)).backlog;
      assert.equal(await waiting(), 2);
      await queue.stop();
      assert.equal(await waiting(), null, 'the rest of the status is told without the queue');
    } finally {
      await Promise.all([qdrantIngest.kill(), qdrantApi.kill()]);
      await Promise.all([qdrant.stop(), queue.stop()]);
    }
  });

  it('index ten pictures of a batch in fewer requests than pictures, and one in three', async () => {
    await using qdrant = await startFakeQdrant();
    await using fn = await start('ingest', withQdrant(qdrant.url));
    const photo = await readPhoto('dragonfly.jpg');
    const unlike = (key: string) => Buffer.concat([photo, Buffer.from(key)]);
    const requestsFor = async (keys: readonly string[], of = fn, bytes = unlike) => {
      for (const key of keys) await on.cloud.pictures.put(key, bytes(key));
      const before = qdrant.calls.length;
      on.cloud.s3.requests.length = 0;
      const Records = keys.map((key) => message(s3Body({ key, sequencer: '01' })));
      assert.deepEqual((await of.invoke<SQSBatchResponse>({ Records })).result.batchItemFailures, []);
      const lists = on.cloud.s3.requests.filter(({ url }) => url.includes('list-type=2')).length;
      return { qdrant: qdrant.calls.length - before, lists };
    };
    for (let i = 0; i < 4; i++) {
      const keys = (folder: string) => Array.from({ length: 10 }, (_, j) => `${folder}/${i}/${j}.jpg`);
      const batch = await requestsFor(keys('batch'));
      assert.ok(batch.qdrant <= 10 && batch.lists <= 2, `for 10 pictures ${JSON.stringify(batch)}`);
      const copies = await requestsFor(keys('copies'), fn, () => unlike('batch/0/0.jpg'));
      assert.ok(copies.qdrant <= 10, `for 10 copies ${JSON.stringify(copies)}`);
    }
    // Look up stored points and duplicates, write, then check the outcome and whether it counts.
    assert.deepEqual(await requestsFor(['alone.jpg']), { qdrant: 3, lists: 1 });
    const plain = await start('ingest', { ...withQdrant(qdrant.url), SIGHTLINE_SIDECARS: 'off' });
    assert.deepEqual(await requestsFor(['plain.jpg'], plain).finally(() => plain.kill()), { qdrant: 3, lists: 0 });
    const store = await openQdrantStore({ url: qdrant.url, ...(await spaceOf(on)) });
    assert.equal(await store.count({}), 82);
    await store.close();
  });

  it(
    'write nothing that does not count once other models have taken over, and do not start with those that ' +
      'have not; those that are known by the id do',
    async () => {
      const qdrant = await startFakeQdrant();
      const other = '5582297a5e874146';
      const env = withQdrant(qdrant.url);
      const [oldIngest, oldApi] = await Promise.all([start('ingest', env), start('api', env)]);
      const spaces = await openQdrantSpaces({ url: qdrant.url });
      const messages = (...changes: { key: string; sequencer: string }[]) =>
        changes.map((change) => message(s3Body(change)));
      const handle = async (Records: ReturnType<typeof messages>) => {
        const { result } = await oldIngest.invoke<SQSBatchResponse>({ Records });
        return result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort();
      };
      let late: LambdaFunction | undefined;
      let known: LambdaFunction | undefined;
      let place: Awaited<ReturnType<typeof placed>> | undefined;
      try {
        for (const key of ['before.jpg', 'after.jpg'])
          await on.cloud.pictures.put(key, await readPhoto('dragonfly.jpg'));
        assert.deepEqual(await handle(messages({ key: 'before.jpg', sequencer: '01' })), []);
        const status = async () => {
          const { space, liveSpace } = jsonOf<Record<string, string>>(await request({ url: '/status' }, oldApi));
          return { isLive: space === liveSpace, liveSpace };
        };
        assert.equal((await status()).isLive, true);
        const candidate = await spaces.openCandidate(other, 64);
        await candidate.switch(async () => {});
        assert.deepEqual(await status(), { isLive: false, liveSpace: other });

        // Also if it was written before: perhaps by an attempt that ended before it knew whether the write counts.
        const again = messages({ key: 'before.jpg', sequencer: '01' }, { key: 'after.jpg', sequencer: '01' });
        assert.deepEqual(await handle(again), again.map(({ messageId }) => messageId).sort());
        assert.match(oldIngest.log(), /is no longer live: live names sightline-5582297a5e874146/);
        assert.equal((await request({ url: '/search?q=an+insect' }, oldApi)).statusCode, 200);
        const tags = await request(
          {
            method: 'PATCH',
            url: `/images/${imageId('pictures', 'before.jpg')}`,
            body: Buffer.from('{"tags":["x"]}'),
            headers: { 'content-type': 'application/json', 'x-api-key': on.cloud.apiKey },
          },
          oldApi,
        );
        assert.equal(tags.statusCode, 503, bodyOf(tags).toString());

        late = await start('api', env);
        assert.equal((await request({ url: '/search?q=an+insect' }, late)).statusCode, 500);
        assert.match(late.log(), /expected the alias live to name sightline-\w+, .* got sightline-5582297a5e874146/);

        // Models that made the same vectors under another id take its collection as their own.
        place = await placed(join(on.build.out, 'api'));
        const file = join(place.folder, 'models', 'head-compact', 'head.json');
        const head = { ...JSON.parse(await readFile(file, 'utf8')), sameAs: [other] };
        await rm(file);
        await writeFile(file, JSON.stringify(head));
        known = await startFunction(place.folder, 'functions/api.handler', { ...on.cloud.env, ...env });
        const { space, liveSpace } = jsonOf<Record<string, string>>(await request({ url: '/status' }, known));
        assert.deepEqual([space, liveSpace], [other, other]);
        assert.equal((await request({ url: '/search?q=an+insect' }, known)).statusCode, 200);
      } finally {
        await Promise.all([oldIngest.kill(), oldApi.kill(), late?.kill(), known?.kill()]);
        await place?.remove();
        await spaces.close();
        await qdrant.stop();
      }
    },
  );

  it('give up at once where Qdrant asks for a longer pause than the request may take', async () => {
    await using qdrant = await startFakeQdrant();
    await using fn = await start('api', withQdrant(qdrant.url));
    assert.equal((await request({ url: '/search?q=cat' }, fn)).statusCode, 200);
    // The client keeps only the first character of the header: 3 s, after which it would retry.
    const busy = { status: 429, headers: { 'retry-after': '30' }, body: { status: { error: 'busy' } } };
    qdrant.inject(1, ({ path }) => path.includes('/points/query'), busy);
    const before = qdrant.calls.length;
    assert.equal((await request({ url: '/search?q=cat' }, fn)).statusCode, 503);
    assert.equal(qdrant.calls.slice(before).filter(({ path }) => path.includes('/points/query')).length, 1);
  });

  it('know a wrong key of Qdrant and an older Qdrant when they see one', async () => {
    for (const [options, key, log] of [
      [{ apiKey: 'secret' }, 'wrong', /API key/],
      [{ version: '1.15.0' }, '', /1\.16/],
    ] as const) {
      await using qdrant = await startFakeQdrant(options);
      await using broken = await start('api', withQdrant(qdrant.url, key));
      assert.equal((await request({ url: '/search?q=cat' }, broken)).statusCode, 500);
      assert.match(broken.log(), log);
    }
  });

  describe('when they cannot work', () => {
    for (const [name, env, log] of [
      ['a secret is missing', withQdrant(''), /sst secret set QdrantUrl/],
      ['a secret is wrong', withQdrant('nonsense'), /expected the secret QdrantUrl to be a URL/],
      [
        'a key that may write is no hash',
        { SST_RESOURCE_ApiKeys: secret('the key itself') },
        /SIGHTLINE_API_KEYS.*SHA-256/,
      ],
      ['the bucket is not named', { SIGHTLINE_BUCKET: '' }, /expected SIGHTLINE_BUCKET to be set/],
      ['the profile is not carried', { SIGHTLINE_PROFILE: 'seed' }, /expected a folder (snowflake|mobilenet)/],
    ] as const) {
      it(`${name}, the API answers 500 and the log says why`, async () => {
        await using broken = await start('api', env);
        const answer = await request({ url: '/search?q=cat' }, broken);
        assert.equal(answer.statusCode, 500);
        assert.equal(jsonOf<{ type: string }>(answer).type, '/problems/internal');
        assert.match(broken.log(), log);
        assert.match(broken.log(), /"Dimensions":\[\["service"\]\].*"service":"sightline".*"ServerErrors":1/);
        assert.doesNotMatch(bodyOf(answer).toString(), log);
        assert.doesNotMatch(broken.log(), /the key itself/);
      });
    }

    it('Qdrant does not answer, the API says to come back and ingest gives everything back', async () => {
      const env = withQdrant('http://127.0.0.1:9');
      const [deafApi, deafIngest] = await Promise.all([start('api', env), start('ingest', env)]);
      try {
        const answer = await request({ url: '/search?q=cat' }, deafApi);
        assert.equal(answer.statusCode, 503);
        assert.ok(answer.headers['retry-after']);
        const batch = { Records: [message(s3Body({ key: 'photos/cat.jpg', sequencer: '09' }))] };
        await assert.rejects(deafIngest.invoke(batch), /Qdrant at http:\/\/127\.0\.0\.1:9/);
      } finally {
        await Promise.all([deafApi.kill(), deafIngest.kill()]);
      }
    });
  });
}

/** The space that the built functions write to. */
async function spaceOf({ build }: Built): Promise<{ space: string; dimension: number }> {
  return JSON.parse(await readFile(join(build.out, 'ingest', 'models', 'head-compact', 'head.json'), 'utf8'));
}
