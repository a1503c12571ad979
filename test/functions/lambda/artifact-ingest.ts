import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageId } from '../../../core/point-ids.ts';
import { unreadableKey } from '../../../functions/lambda/dead-letter.ts';
import { PURGE_EVENT } from '../../../functions/lambda/purge-tombstones-event.ts';
import { eventually } from '../../support/start-server.ts';
import { type Built, keysOf, readPhoto } from './built.ts';
import { message, s3Body, testEvent } from './events.ts';
import { jsonOf } from './function.ts';

/** Tests how the built ingest function handles messages. */
export function ingestSuite(on: Built): void {
  const { request, deliver } = on;

  describe('ingest', () => {
    it('has loaded models and stores before the first event comes', async () => {
      // Its output arrives through a different channel than the signal that it has started.
      await eventually('its log', 30_000, async () => (/"message":"ready"/.test(on.ingest.log()) ? true : null));
      assert.doesNotMatch(on.ingest.log(), /IndexTime/);
    });

    it('indexes what an event of S3 announces, and the API finds it', async () => {
      await on.cloud.pictures.put('photos/cat.jpg', await readPhoto('cat.jpg'), { contentType: 'image/jpeg' });
      await on.cloud.pictures.put('photos/rocket.jpg', await readPhoto('rocket.jpg'));
      const both = s3Body({ key: 'photos/cat.jpg', sequencer: '01' }, { key: 'photos/rocket.jpg', sequencer: '01' });
      assert.deepEqual(await deliver([message(both)]), []);
      const found = await request({ url: '/search?q=a+cat&limit=5' });
      assert.equal(found.statusCode, 200);
      assert.deepEqual(keysOf(found).sort(), ['photos/cat.jpg', 'photos/rocket.jpg']);
    });

    it('finds objects whose keys S3 encodes', async () => {
      const keys = [
        'odd/a b+c.jpg',
        'odd/100%.jpg',
        'odd/Größe 猫 🐈.jpg',
        "odd/it's (1)!*~.jpg",
        'odd//double.jpg',
        'odd/end/',
      ];
      for (const key of keys) await on.cloud.pictures.put(key, await readPhoto('coffee.jpg'));
      const messages = keys.map((key) => message(s3Body({ key, sequencer: '01' })));
      assert.deepEqual(await deliver(messages), []);
      const listed = await request({ url: '/images?keyPrefix=odd/' });
      assert.deepEqual(keysOf(listed).sort(), keys.toSorted());
    });

    it('keeps its connections from one event to the next', async () => {
      const indexed = async (i: number) => {
        const key = `kept/${i}.jpg`;
        await on.cloud.pictures.put(key, Buffer.concat([await readPhoto('coffee.jpg'), Buffer.of(i)]));
        assert.deepEqual(await deliver([message(s3Body({ key, sequencer: '01' }))]), []);
      };
      await indexed(0);
      const opened = on.cloud.s3.connections();
      for (let i = 1; i < 4; i++) await indexed(i);
      assert.equal(on.cloud.s3.connections(), opened);
    });

    it('takes what S3 removes out of the index', async () => {
      await on.cloud.pictures.put('gone.jpg', await readPhoto('moon.jpg'));
      await deliver([message(s3Body({ key: 'gone.jpg', sequencer: '01' }))]);
      await on.cloud.pictures.delete('gone.jpg');
      await deliver([message(s3Body({ key: 'gone.jpg', sequencer: '02', name: 'ObjectRemoved:Delete' }))]);
      assert.equal((await request({ url: `/images/${imageId('pictures', 'gone.jpg')}` })).statusCode, 404);
    });

    it('is content with test events, objects that are gone, and events that change nothing', async () => {
      const nothing = [
        message(testEvent),
        message(s3Body({ key: 'never-there.jpg', sequencer: '01' })),
        message(s3Body({ key: 'photos/cat.jpg', sequencer: '03', name: 'ObjectTagging:Put' })),
      ];
      assert.deepEqual(await deliver(nothing), []);
    });

    it('gives back only what failed, and lists what can never be indexed', async () => {
      await on.cloud.pictures.put('good.jpg', await readPhoto('galaxies.jpg'));
      await on.cloud.pictures.put('text.jpg', Buffer.from('this is no picture'));
      const poison = message('{"this": "is no event"}');
      const outage = message(s3Body({ key: 'unreachable.jpg', sequencer: '01' }));
      const good = message(s3Body({ key: 'good.jpg', sequencer: '01' }));
      const bad = message(s3Body({ key: 'text.jpg', sequencer: '01' }));
      await on.cloud.pictures.put('frozen.jpg', await readPhoto('moon.jpg'));
      on.cloud.s3.archive('pictures', 'frozen.jpg');
      const archived = message(s3Body({ key: 'frozen.jpg', sequencer: '01' }));
      on.cloud.s3.inject({
        matches: ({ url }) => url.includes('unreachable'),
        times: 100,
        does: { status: 403, code: 'AccessDenied' },
      });
      const failed = await deliver([poison, outage, archived, good, bad]);
      on.cloud.s3.calm();
      assert.deepEqual(failed.sort(), [poison, outage].map(({ messageId }) => messageId).sort());
      assert.equal((await request({ url: `/images/${imageId('pictures', 'good.jpg')}` })).statusCode, 200);
      type Listed = { key: string; reason: string; message: string; retryable: boolean };
      const failures = jsonOf<{ items: Listed[] }>(await request({ url: '/failures' })).items;
      assert.equal(failures.find(({ key }) => key === 'text.jpg')?.reason, 'not-an-image');
      const frozen = failures.find(({ key }) => key === 'frozen.jpg');
      assert.ok(frozen?.retryable);
      assert.match(frozen.message, /must be restored before it can be read/);
      on.cloud.s3.archive('pictures', 'frozen.jpg', 'restored');
      assert.deepEqual(
        await deliver([message(s3Body({ key: 'frozen.jpg', sequencer: '02', name: 'ObjectRestore:Completed' }))]),
        [],
      );
      const left = jsonOf<{ items: Listed[] }>(await request({ url: '/failures' })).items;
      assert.ok(!left.some(({ key }) => key === 'frozen.jpg'));
    });

    it('lists a poison message on its last delivery, and still gives it back, for the dead letter queue', async () => {
      const poison = message('not even JSON', { attempt: 3 });
      assert.deepEqual(await deliver([poison]), [poison.messageId]);
      const failures = jsonOf<{ items: { key: string; reason: string }[] }>(await request({ url: '/failures' })).items;
      assert.equal(failures.find(({ key }) => key === unreadableKey(poison.body))?.reason, 'invalid-input');
    });

    it('forgets old deletions when the schedule asks for it', async () => {
      const { result } = await on.ingest.invoke(PURGE_EVENT);
      assert.deepEqual(result, { purged: 0 });
    });

    it('writes logs and metrics that CloudWatch reads', () => {
      const lines = on.ingest
        .log()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.ok(lines.some(({ level, message: text }) => level === 'INFO' && text === 'ready'));
      const metrics = lines.filter((line) => line._aws !== undefined);
      assert.ok(metrics.some(({ Indexed }) => Indexed === 2 || Indexed?.length === 2));
      assert.ok(metrics.every(({ _aws }) => _aws.CloudWatchMetrics[0].Namespace === 'Sightline'));
    });
  });
}
