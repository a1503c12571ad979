import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Job } from '../../../core/decide-job.ts';
import { SightlineError } from '../../../core/errors.ts';
import type { IndexOutcome } from '../../../core/index-image.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { FailureLog } from '../../../core/ports.ts';
import { createIngest, type JobResult } from '../../../functions/events/run-job.ts';
import { toS3Event } from '../../../functions/events/s3-event.ts';
import { createWorld, silent, type World } from '../../support/ingest-harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.dispose());

const id = imageId('photos', 'a.jpg');
const job: Job = { type: 'created', bucket: 'photos', key: 'a.jpg', sequencer: '0A' };
const why = { reason: 'truncated', message: 'half of it', etag: 'e1', leftOut: false } as const;
const rejected: IndexOutcome = { status: 'rejected', id, ...why };

/** An ingest whose index function returns or throws the given results, in order. */
function ingestOf(...answers: (IndexOutcome | Error)[]) {
  const index = async () => {
    const answer = answers.shift();
    assert.ok(answer, 'the index was asked once too often');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return createIngest({ index, failures: world.failures, logger: silent, maxAttempts: 3 });
}
const event = (...keys: string[]) => ({
  Records: keys.flatMap((key, i) => {
    const change = { type: 'created', bucket: 'photos', key, sequencer: `0${i}`, time: new Date() } as const;
    return toS3Event(change).Records;
  }),
});
const summary = (result: JobResult) =>
  result.status === 'done' ? result.outcome.status : result.retry ? 'retry' : 'given up';

describe('ingest', () => {
  it('records what can never be indexed, at once', async () => {
    assert.deepEqual(summary(await ingestOf(rejected).run(job, 1)), 'rejected');
    const { firstAt, lastAt, ...failure } = (await world.failures.get(id))!;
    assert.deepEqual(failure, {
      id,
      bucket: 'photos',
      key: 'a.jpg',
      etag: 'e1',
      sequencer: '0A',
      reason: 'truncated',
      message: 'half of it',
      retryable: false,
      attempts: 1,
    });
  });

  for (const outcome of [
    { status: 'indexed', id, reusedVector: false },
    { status: 'removed', id },
    { status: 'skipped', id, reason: 'gone' },
    { status: 'skipped', id, reason: 'unchanged' },
  ] as const) {
    it(`forgets the failure when the object is ${'reason' in outcome ? outcome.reason : outcome.status}`, async () => {
      const ingest = ingestOf(rejected, outcome);
      await ingest.run(job, 1);
      assert.equal(await world.failures.count(), 1);
      await ingest.run(job, 1);
      assert.equal(await world.failures.count(), 0);
    });
  }

  it('lets a stale event change nothing', async () => {
    const ingest = ingestOf(rejected, { status: 'skipped', id, reason: 'stale' });
    await ingest.run(job, 1);
    await ingest.run(job, 1);
    assert.equal(await world.failures.count(), 1);
  });

  it('forgets the failure when a removal is delivered again after a crash', async () => {
    const ingest = ingestOf(rejected, { status: 'skipped', id, reason: 'stale' });
    await ingest.run(job, 1);
    await ingest.run({ ...job, type: 'removed', sequencer: '0B' }, 2);
    assert.equal(await world.failures.count(), 0);
  });

  it('keeps the failure when an older event says that the object was removed before', async () => {
    const gone: IndexOutcome = { status: 'removed', id };
    const ingest = ingestOf(rejected, gone, gone, rejected, gone);
    await ingest.run({ ...job, sequencer: '0A' }, 1);
    await ingest.run({ ...job, type: 'removed', sequencer: '09' }, 1);
    assert.equal(await world.failures.count(), 1);
    await ingest.run({ ...job, type: 'removed', sequencer: '0B' }, 1);
    assert.equal(await world.failures.count(), 0);
    await ingest.run({ ...job, sequencer: '0A' }, 1);
    await ingest.run({ ...job, type: 'removed', sequencer: null }, 1);
    assert.equal(await world.failures.count(), 0);
  });

  it('asks for another delivery after an outage, and records it after the last', async () => {
    const outage = new SightlineError('unavailable', 'the disk is full');
    const ingest = ingestOf(outage, outage, outage);
    assert.equal(summary(await ingest.run(job, 1)), 'retry');
    assert.equal(summary(await ingest.run(job, 2)), 'retry');
    assert.equal(await world.failures.count(), 0);
    assert.equal(summary(await ingest.run(job, 3)), 'given up');
    const failure = await world.failures.get(id);
    assert.equal(failure?.reason, 'unavailable');
    assert.equal(failure?.message, 'the disk is full');
    assert.equal(failure?.retryable, true);
    assert.equal(failure?.etag, '');
  });

  it('calls a bug internal', async () => {
    const ingest = ingestOf(new TypeError('x is not a function'));
    await ingest.run(job, 3);
    assert.equal((await world.failures.get(id))?.reason, 'internal');
  });

  it('does not give up what it cannot even record', async () => {
    const failures: FailureLog = {
      ...world.failures,
      record: async () => {
        throw new SightlineError('unavailable', 'the disk is full');
      },
    };
    const index = async () => rejected;
    const ingest = createIngest({ index, failures, logger: silent, maxAttempts: 1 });
    assert.equal(summary(await ingest.run(job, 1)), 'retry');
  });

  it('runs every record of an event, whatever became of the others', async () => {
    const ingest = ingestOf(rejected, new Error('outage'), { status: 'indexed', id, reusedVector: false });
    const results = await ingest.handle(JSON.stringify(event('a.jpg', 'b c.jpg', 'd.jpg')), 1);
    assert.deepEqual(results.map(summary), ['rejected', 'retry', 'indexed']);
    assert.deepEqual(
      results.map((result) => result.job.key),
      ['a.jpg', 'b c.jpg', 'd.jpg'],
    );
  });

  it('refuses what is no event, and has nothing to do for the test event', async () => {
    await assert.rejects(ingestOf().handle('{}', 1), { code: 'invalid-input' });
    assert.deepEqual(await ingestOf().handle({ Event: 's3:TestEvent' }, 1), []);
  });
});
