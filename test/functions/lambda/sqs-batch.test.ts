import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Context } from 'aws-lambda';
import pino from 'pino';
import type { Job } from '../../../core/decide-job.ts';
import { SightlineError } from '../../../core/errors.ts';
import { openObjectFailureLog } from '../../../core/failure-log/bucket.ts';
import type { IndexJob, IndexOutcome } from '../../../core/index-image.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { FailureLog } from '../../../core/ports.ts';
import { createIngest } from '../../../functions/events/run-job.ts';
import { type MessageQueue, openMessageQueue } from '../../../functions/events/sqs-client.ts';
import type { Telemetry } from '../../../functions/lambda/cloudwatch-telemetry.ts';
import { unreadableKey } from '../../../functions/lambda/dead-letter.ts';
import { createSqsHandler } from '../../../functions/lambda/sqs-batch.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { message, s3Body } from './events.ts';
import { startQueue, type TestQueue } from './queue.ts';

const MAX_RECEIVES = 3;

/** A scripted `index`, with everything around it real. */
async function arrange(index: IndexJob, options: { queue?: MessageQueue; minTimeMs?: number } = {}) {
  const root = tempFolder();
  const failures = openObjectFailureLog(await openFolder({ root, bucket: 'state' }));
  const counts: Record<string, number> = {};
  const logger = pino({ level: 'silent' });
  const telemetry: Telemetry = {
    logger,
    count: (name, value = 1) => {
      counts[name] = (counts[name] ?? 0) + value;
    },
    milliseconds() {},
    invocation: (_context, work) => work(),
  };
  const ingest = createIngest({ index, failures, logger, maxAttempts: MAX_RECEIVES });
  const handler = createSqsHandler({ ingest, failures, queue: null, telemetry, random: () => 0, ...options });
  return { handler, failures, counts };
}

/** A context that reports these remaining times, one after the other. */
function clock(remaining: number[]): Context {
  return { getRemainingTimeInMillis: () => remaining.shift()! } as Context;
}

function lambdaContext(timeMs = 60_000): Context {
  const end = performance.now() + timeMs;
  return { getRemainingTimeInMillis: () => end - performance.now() } as Context;
}

const indexed = (job: Job): IndexOutcome => ({
  status: 'indexed',
  id: imageId(job.bucket, job.key),
  reusedVector: false,
});
const outage = () => new SightlineError('unavailable', 'the store is away');
const put = (key: string, attempt = 1) => message(s3Body({ key, sequencer: '01' }), { attempt });
const listed = async (failures: FailureLog) =>
  (await failures.list({ limit: 100 })).items.map(({ key, reason, retryable }) => ({ key, reason, retryable }));

describe('a batch of messages', () => {
  it('gives back the ones that failed, by their ids', async () => {
    const { handler, counts } = await arrange(async (job) => {
      if (job.key.startsWith('bad')) throw outage();
      return indexed(job);
    });
    const records = [put('bad-1'), put('good-1'), put('bad-2'), put('good-2')];
    const { batchItemFailures } = await handler({ Records: records }, lambdaContext());
    assert.deepEqual(
      batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort(),
      [records[0]!.messageId, records[2]!.messageId].sort(),
    );
    assert.deepEqual(counts, { Indexed: 2, Retried: 2 });
  });

  it('gives back a message when one of its records failed, and tries the others', async () => {
    const seen: string[] = [];
    const { handler } = await arrange(async (job) => {
      seen.push(job.key);
      if (job.key === 'b') throw outage();
      return indexed(job);
    });
    const record = message(s3Body(...['a', 'b', 'c'].map((key) => ({ key, sequencer: '01' }))));
    const { batchItemFailures } = await handler({ Records: [record] }, lambdaContext());
    assert.equal(batchItemFailures[0]?.itemIdentifier, record.messageId);
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  it('does not throw when everything failed: that would count as a broken function', async () => {
    const { handler } = await arrange(() => Promise.reject(outage()));
    assert.equal((await handler({ Records: [put('a'), put('b')] }, lambdaContext())).batchItemFailures.length, 2);
  });

  it('starts with those that have not failed before', async () => {
    const seen: string[] = [];
    const { handler } = await arrange(async (job) => {
      seen.push(job.key);
      return indexed(job);
    });
    await handler({ Records: [put('third', 3), put('first', 1), put('second', 2)] }, lambdaContext());
    assert.deepEqual(seen, ['first', 'second', 'third']);
  });

  it('has few messages at work at the same time', async () => {
    let [running, most] = [0, 0];
    const { handler } = await arrange(async (job) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return indexed(job);
    });
    await handler({ Records: Array.from({ length: 10 }, (_, i) => put(`${i}`)) }, lambdaContext());
    assert.equal(most, 2);
  });

  it('starts nothing in the last seconds of a run', async () => {
    const { handler, counts } = await arrange(async (job) => indexed(job));
    const records = ['a', 'b', 'c', 'd'].map((key) => put(key));
    const { batchItemFailures } = await handler({ Records: records }, clock([60_000, 50_000, 8000, 7999, 100]));
    assert.equal(batchItemFailures.length, 2);
    assert.deepEqual(counts, { Indexed: 2, NotStarted: 2 });
  });

  it('starts nothing when the rest of the run is shorter than twice the longest message so far', async () => {
    const { handler, counts } = await arrange(
      async (job) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return indexed(job);
      },
      { minTimeMs: 10 },
    );
    assert.equal((await handler({ Records: [put('a')] }, clock([1000, 90]))).batchItemFailures.length, 0);
    assert.equal((await handler({ Records: [put('b')] }, clock([1000, 90]))).batchItemFailures.length, 1);
    // However long the last one took, a whole run is always time enough to start.
    assert.equal((await handler({ Records: [put('c')] }, clock([60, 60]))).batchItemFailures.length, 0);
    assert.deepEqual(counts, { Indexed: 2, NotStarted: 1 });
  });
});

describe('the last delivery', () => {
  it('lists an outage, to be tried again', async () => {
    const { handler, failures } = await arrange(() => Promise.reject(outage()));
    await handler({ Records: [put('a', 2)] }, lambdaContext());
    assert.deepEqual(await listed(failures), []);
    await handler({ Records: [put('a', 3)] }, lambdaContext());
    assert.deepEqual(await listed(failures), [{ key: 'a', reason: 'unavailable', retryable: true }]);
  });

  it('has listed the picture already when it ends the process', async () => {
    let inTheMiddle: unknown;
    const arranged = await arrange(async (job) => {
      inTheMiddle = await listed(arranged.failures);
      return indexed(job);
    });
    await arranged.handler({ Records: [put('a', 3)] }, lambdaContext());
    assert.deepEqual(inTheMiddle, [{ key: 'a', reason: 'interrupted', retryable: true }]);
    assert.deepEqual(await listed(arranged.failures), [], 'forgotten again when it succeeds');
  });

  it('lists what there was no time left for', async () => {
    const { handler, failures } = await arrange(async (job) => indexed(job));
    await handler({ Records: [put('a', 3)] }, clock([60_000, 100]));
    assert.deepEqual(await listed(failures), [{ key: 'a', reason: 'interrupted', retryable: true }]);
  });

  it('leaves alone what an earlier failure said when the event turns out to be late', async () => {
    const { handler, failures } = await arrange(async (job) => ({
      status: 'skipped',
      id: imageId(job.bucket, job.key),
      reason: 'stale',
    }));
    const known = { bucket: 'pictures', key: 'known', etag: 'e', sequencer: '05', reason: 'corrupt', message: 'm' };
    await failures.record({ id: imageId('pictures', 'known'), ...known, retryable: false });
    await handler({ Records: [put('known', 3), put('unknown', 3)] }, lambdaContext());
    assert.deepEqual(await listed(failures), [{ key: 'known', reason: 'corrupt', retryable: false }]);
  });

  it('lists a message that is no event under what is in it', async () => {
    const { handler, failures } = await arrange(async (job) => indexed(job));
    const record = message('{"not": "an event"}', { attempt: 3 });
    assert.equal((await handler({ Records: [record] }, lambdaContext())).batchItemFailures.length, 1);
    assert.deepEqual(await listed(failures), [
      { key: unreadableKey(record.body), reason: 'invalid-input', retryable: false },
    ]);
    const [failure] = (await failures.list({ limit: 1 })).items;
    assert.match(failure!.message, new RegExp(record.messageId));
  });
});

describe('with a queue', () => {
  let queue: TestQueue;
  let client: MessageQueue;
  before(async () => {
    queue = await startQueue({ maxReceives: MAX_RECEIVES, visibilitySeconds: 3600 });
    const { url, credentials } = queue;
    client = openMessageQueue({ url, credentials, region: 'eu-central-1' });
  });
  after(async () => {
    client.close();
    await queue.stop();
  });

  it('asks for what it could not start at once, not after the timeout of the queue', async () => {
    const { handler } = await arrange(async (job) => indexed(job), { queue: client });
    queue.send(s3Body({ key: 'a', sequencer: '01' }));
    const first = await queue.receive();
    await queue.settle(first!, await handler(first!, clock([60_000, 100])));
    const again = await queue.receive();
    assert.equal(again?.Records[0]?.messageId, first?.Records[0]?.messageId);
    await queue.settle(again!, await handler(again!, lambdaContext()));
    assert.equal(queue.size(), 0);
  });

  it('moves what keeps failing to the dead letters, and lists it', async () => {
    const delays: number[] = [];
    const impatient: MessageQueue = {
      ...client,
      delay(handle, seconds) {
        delays.push(seconds);
        return client.delay(handle, 0);
      },
    };
    const { handler, failures } = await arrange(
      async (job) => {
        if (job.key === 'bad') throw outage();
        return indexed(job);
      },
      { queue: impatient },
    );
    queue.send(s3Body({ key: 'bad', sequencer: '01' }), s3Body({ key: 'good', sequencer: '01' }), 'nonsense');
    for (let event = await queue.receive(); event !== null; event = await queue.receive()) {
      await queue.settle(event, await handler(event, lambdaContext()));
    }
    assert.equal(queue.size(), 0);
    assert.deepEqual(queue.deadLetters().sort(), ['nonsense', s3Body({ key: 'bad', sequencer: '01' })].sort());
    const failed = (await listed(failures)).map(({ reason }) => reason).sort();
    assert.deepEqual(failed, ['invalid-input', 'unavailable']);
    assert.deepEqual(
      delays.sort((a, b) => a - b),
      [3, 3, 5, 5, 10, 10],
      'doubles, and half of it is random',
    );
  });

  it('indexes what is moved back when the cause is gone, and forgets that it had failed', async (context) => {
    const own = await startQueue({ maxReceives: MAX_RECEIVES, visibilitySeconds: 3600 });
    const { url, credentials } = own;
    const messages = openMessageQueue({ url, credentials, region: 'eu-central-1' });
    context.after(async () => {
      messages.close();
      await own.stop();
    });
    let isAway = true;
    const { handler, failures } = await arrange(
      async (job) => {
        if (isAway) throw outage();
        return indexed(job);
      },
      { queue: { ...messages, delay: (handle) => messages.delay(handle, 0) } },
    );
    const drain = async () => {
      for (let event = await own.receive(); event !== null; event = await own.receive()) {
        await own.settle(event, await handler(event, lambdaContext()));
      }
    };
    const failed = async () => (await listed(failures)).map((failure) => failure.key).sort();
    const unreadable = unreadableKey('nonsense');
    own.send(s3Body({ key: 'a', sequencer: '01' }), s3Body({ key: 'b', sequencer: '01' }), 'nonsense');
    await drain();
    assert.deepEqual(await failed(), ['a', 'b', unreadable]);

    // Too early: they are returned to the queue and listed once.
    await own.redrive();
    assert.deepEqual([own.deadLetters(), own.size()], [[], 3]);
    await drain();
    assert.deepEqual(await failed(), ['a', 'b', unreadable]);
    assert.equal(own.deadLetters().length, 3);

    isAway = false;
    await own.redrive();
    await drain();
    assert.deepEqual(own.deadLetters(), ['nonsense'], 'what can never be read comes back here');
    assert.deepEqual(await failed(), [unreadable]);
  });
});
