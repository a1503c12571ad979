import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Job } from '../../../core/decide-job.ts';
import { createIndexer, type IndexJob } from '../../../core/index-image.ts';
import { createIngest } from '../../../functions/events/run-job.ts';
import { toS3Event } from '../../../functions/events/s3-event.ts';
import { JobQueue, type QueueOptions, type QueueProgress } from '../../../server/queue/job-queue.ts';
import { createWorld, eventually, silent, type World } from '../../support/ingest-harness.ts';
import { seededRandom } from '../../support/random.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.dispose());

const created = (key: string, sequencer: string | null = '0A'): Job => ({
  type: 'created',
  bucket: 'photos',
  key,
  sequencer,
});
const removed = (key: string, sequencer: string | null = '0A'): Job => ({
  ...created(key, sequencer),
  type: 'removed',
});

function queueOf(index: IndexJob, options: Partial<QueueOptions> & { maxAttempts?: number } = {}) {
  const { maxAttempts = 3, ...rest } = options;
  const ingest = createIngest({ index, failures: world.failures, logger: silent, maxAttempts });
  return new JobQueue({ ingest, logger: silent, minDelayMs: 1, maxDelayMs: 4, ...rest });
}

/** An index function that ends each job on request, and records what ran. */
function gate() {
  const started: Job[] = [];
  const open = new Map<Job, (error?: Error) => void>();
  const index: IndexJob = (job) =>
    new Promise((resolve, reject) => {
      started.push(job);
      open.set(job, (error) => {
        open.delete(job);
        if (error) reject(error);
        else resolve({ status: 'indexed', id: job.key, reusedVector: false });
      });
    });
  /** Ends the running job for the key. */
  const end = async (key: string, error?: Error) => {
    const job = [...open.keys()].find((running) => running.key === key);
    assert.ok(job, `${key} is not running`);
    open.get(job)!(error);
    await settle();
  };
  return { index, started, end, running: () => [...open.keys()].map(({ key }) => key) };
}
/** Runs everything that does not wait for a timer. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 10));

describe('the local queue', () => {
  it('runs so many jobs at a time and no more', async () => {
    const { index, end, running } = gate();
    const queue = queueOf(index, { concurrency: 2 });
    for (const key of ['a', 'b', 'c', 'd']) queue.add(created(key));
    await settle();
    assert.deepEqual(running(), ['a', 'b']);
    assert.deepEqual(queue.progress(), { waiting: 2, running: 2, done: 0, failed: 0 });
    await end('b');
    assert.deepEqual(running(), ['a', 'c']);
    for (const key of ['a', 'c', 'd']) await end(key);
    await queue.onIdle();
    assert.deepEqual(queue.progress(), { waiting: 0, running: 0, done: 4, failed: 0 });
  });

  it('never runs two jobs of one object at the same time', async () => {
    const { index, started, end, running } = gate();
    const queue = queueOf(index);
    queue.add(created('a', '01'));
    await settle();
    queue.add(removed('a', '02'));
    queue.add(created('b', '01'));
    await settle();
    assert.deepEqual(running(), ['a', 'b']);
    await end('a');
    assert.deepEqual(started.at(-1), removed('a', '02'));
    await end('a');
    await end('b');
    await queue.onIdle();
  });

  it('keeps of the jobs that wait for one object only the newest, in whatever order they come', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index, { concurrency: 1 });
    queue.add(created('first'));
    queue.add(created('a', '02'));
    queue.add(removed('a', '05'));
    queue.add(created('a', '03'));
    queue.add(created('a', null));
    await settle();
    // The same behind a running job.
    for (const job of [created('first', '0B'), removed('first', '0D'), created('first', '0C')]) queue.add(job);
    await end('first');
    await end('a');
    await end('first');
    await queue.onIdle();
    assert.deepEqual(started, [created('first'), removed('a', '05'), removed('first', '0D')]);
  });

  it('lets a request without a sequencer run when nothing else waits', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index);
    queue.add(created('a', null));
    await settle();
    queue.add(created('a', null));
    queue.add(removed('a', '01'));
    await end('a');
    await end('a');
    await queue.onIdle();
    assert.deepEqual(started, [created('a', null), removed('a', '01')]);
  });

  it('takes whole S3 events, and refuses what is none', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index);
    const event = toS3Event({ ...created('b c+d'), sequencer: '01', time: new Date() });
    assert.equal(queue.push(JSON.stringify(event)), 1);
    await settle();
    assert.deepEqual(started, [created('b c+d', '01')]);
    await end('b c+d');
    assert.equal(queue.push({ Event: 's3:TestEvent' }), 0);
    assert.throws(() => queue.push('nonsense'), { code: 'invalid-input' });
    await queue.onIdle();
  });

  it('tries again after a failure, with a growing wait, and then gives up', async () => {
    const delays: number[] = [];
    const waits = { minDelayMs: 2, maxDelayMs: 6, maxAttempts: 5 };
    const realSetTimeout = globalThis.setTimeout;
    let attempts = 0;
    const index: IndexJob = async () => {
      attempts++;
      throw new Error('outage');
    };
    globalThis.setTimeout = ((task: () => void, delay: number) => {
      delays.push(delay);
      return realSetTimeout(task, delay);
    }) as typeof setTimeout;
    try {
      const queue = queueOf(index, { ...waits, random: () => 1 });
      queue.add(created('a'));
      await queue.onIdle();
      assert.deepEqual(queue.progress(), { waiting: 0, running: 0, done: 0, failed: 1 });
      const calm = queueOf(index, { ...waits, random: () => 0 });
      calm.add(created('b'));
      await calm.onIdle();
    } finally {
      globalThis.setTimeout = realSetTimeout;
    }
    assert.equal(attempts, 10);
    assert.deepEqual(delays, [2, 4, 6, 6, 1, 2, 3, 3]);
    const { items } = await world.failures.list({ limit: 10 });
    assert.deepEqual(
      items.map(({ key, retryable, message }) => [key, retryable, message]),
      [
        ['b', true, 'outage'],
        ['a', true, 'outage'],
      ],
    );
  });

  it('recovers when the outage ends', async () => {
    let outages = 2;
    const queue = queueOf(async (job) => {
      if (outages-- > 0) throw new Error('outage');
      return { status: 'indexed', id: job.key, reusedVector: false };
    });
    queue.add(created('a'));
    await queue.onIdle();
    assert.deepEqual(queue.progress(), { waiting: 0, running: 0, done: 1, failed: 0 });
    assert.equal(await world.failures.count(), 0);
  });

  describe('when the disk is full', () => {
    const full = new Error('full');
    const isOutage = (error: unknown) => error === full;
    const outcome = (job: Job) => ({ status: 'indexed', id: job.key, reusedVector: false }) as const;

    it('begins little until there is room again, gives nothing up, and says what it waits for', async () => {
      let isFull = true;
      let begun = 0;
      const index: IndexJob = async (job) => {
        begun++;
        if (isFull) throw full;
        return outcome(job);
      };
      const queue = queueOf(index, { isOutage, concurrency: 2, minDelayMs: 20, maxDelayMs: 20, random: () => 1 });
      for (let i = 0; i < 100; i++) queue.add(created(`${i}`));
      await eventually(() => assert.ok(begun > 10));
      assert.deepEqual([queue.outage(), queue.progress().waiting, begun < 100], ['full', 100, true]);
      isFull = false;
      await queue.onIdle();
      assert.deepEqual([queue.outage(), queue.progress().done, await world.failures.count()], [null, 100, 0]);
    });

    it('gives up what alone has it while others can be indexed', async () => {
      const index: IndexJob = async (job) => {
        if (job.key === 'bad') throw full;
        return outcome(job);
      };
      const queue = queueOf(index, { isOutage, concurrency: 1 });
      for (const key of ['bad', 'a', 'b', 'c', 'd', 'e']) queue.add(created(key));
      let more = 0;
      while (queue.progress().failed === 0) {
        queue.add(created(`more ${more++}`));
        await settle();
      }
      await queue.onIdle();
      assert.equal((await world.failures.list({ limit: 10 })).items[0]?.key, 'bad');
    });

    it('stops', async () => {
      const queue = queueOf(() => Promise.reject(full), { isOutage, minDelayMs: 60_000, maxDelayMs: 60_000 });
      for (let i = 0; i < 10; i++) queue.add(created(`${i}`));
      await eventually(() => assert.equal(queue.outage(), 'full'));
      await queue.stop();
      await queue.onIdle();
    });
  });

  it('goes on trying while not even the failure can be recorded', async () => {
    let tries = 0;
    const failures = { ...world.failures, record: () => Promise.reject(new Error('outage, too')) };
    const index: IndexJob = async (job) => {
      if (++tries < 10) throw new Error('outage');
      return { status: 'indexed', id: job.key, reusedVector: false };
    };
    const ingest = createIngest({
      index,
      failures: { ...failures, resolve: async () => false },
      logger: silent,
      maxAttempts: 3,
    });
    const queue = new JobQueue({ ingest, logger: silent, minDelayMs: 1, maxDelayMs: 2 });
    queue.add(created('a'));
    await queue.onIdle();
    assert.deepEqual([tries, queue.progress().done], [10, 1]);
  });

  it('lets one that fails hold up nobody', async () => {
    const done: string[] = [];
    const queue = queueOf(
      async (job) => {
        if (job.key === 'bad') throw new Error('always');
        done.push(job.key);
        return { status: 'indexed', id: job.key, reusedVector: false };
      },
      { concurrency: 1, minDelayMs: 60_000, maxDelayMs: 60_000 },
    );
    queue.add(created('bad'));
    for (const key of ['a', 'b', 'c']) queue.add(created(key));
    await eventually(() => assert.deepEqual(done, ['a', 'b', 'c']));
    assert.deepEqual(queue.progress(), { waiting: 1, running: 0, done: 3, failed: 0 });
    await queue.stop();
  });

  it('tries at once when something new happens to an object that waits for its next attempt', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index, { minDelayMs: 60_000, maxDelayMs: 60_000 });
    queue.add(created('a', '01'));
    await settle();
    await end('a', new Error('outage'));
    queue.add(created('a', '02'));
    await settle();
    assert.equal(started.length, 2);
    await end('a');
    await queue.onIdle();
  });

  for (const [what, failing, waiting] of [
    ['prefers a newer job to another attempt of the older one', created('a', '01'), removed('a', '02')],
    ['does not let an older job take the place of one that failed', removed('a', '02'), created('a', '01')],
  ] as const) {
    it(what, async () => {
      const { index, started, end } = gate();
      const queue = queueOf(index);
      queue.add(failing);
      await settle();
      queue.add(waiting);
      await end('a', new Error('outage'));
      await eventually(() => assert.equal(started.length, 2));
      await end('a');
      await queue.onIdle();
      assert.deepEqual(started, [failing, removed('a', '02')]);
      assert.deepEqual(queue.progress(), { waiting: 0, running: 0, done: 1, failed: 0 });
    });
  }

  it('stops after the running jobs and drops the others', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index, { concurrency: 1 });
    for (const key of ['a', 'b', 'c']) queue.add(created(key));
    await settle();
    queue.add(removed('a', '0B'));
    let isStopped = false;
    const stopping = queue.stop().then(() => {
      isStopped = true;
    });
    await settle();
    assert.equal(isStopped, false, 'a job still runs');
    await end('a');
    await stopping;
    queue.add(created('d'));
    await settle();
    assert.deepEqual(
      started.map(({ key }) => key),
      ['a'],
    );
    await queue.onIdle();
    await queue.stop();
  });

  it('stops although a job waits for its next attempt', async () => {
    const { index, started, end } = gate();
    const queue = queueOf(index, { minDelayMs: 60_000, maxDelayMs: 60_000 });
    queue.add(created('a'));
    await settle();
    await end('a', new Error('outage'));
    const idle = queue.onIdle();
    await queue.stop();
    await idle;
    assert.equal(started.length, 1);
  });

  it('tells how far it is', async () => {
    const seen: QueueProgress[] = [];
    const index: IndexJob = async (job) => {
      await settle();
      seen.push(queue.progress());
      return { status: 'removed', id: job.key };
    };
    const queue = queueOf(index, { concurrency: 2 });
    for (let i = 0; i < 20; i++) queue.add(created(`${i}`));
    await queue.onIdle();
    assert.deepEqual(queue.progress(), { waiting: 0, running: 0, done: 20, failed: 0 });
    assert.equal(seen.length, 20);
    assert.ok(
      seen.every(({ waiting, running, done }) => running >= 1 && running <= 2 && waiting + running + done === 20),
    );
    assert.ok(seen.some(({ waiting, running }) => waiting === 18 && running === 2));
  });
});

describe('the queue, the ingest and the index together', () => {
  for (const seed of [1, 2, 3]) {
    it(`end in the state of the bucket: duplicates, disorder, outages (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const { objects, vectors, failures, embedder } = world;
      const indexImage = createIndexer({ embedder, vectors, buckets: new Map([['photos', objects]]), maxBytes: 1000 });
      const queue = queueOf(
        async (job) => {
          if (random() < 0.2) throw new Error('outage before');
          const outcome = await indexImage(job);
          if (random() < 0.2) throw new Error('outage after');
          return outcome;
        },
        { maxAttempts: 50, random },
      );

      const keys = ['a.jpg', 'b.jpg', 'c.jpg', 'notes.txt'];
      const late: string[] = [];
      for (let i = 1; i <= 60; i++) {
        const key = keys[Math.floor(random() * keys.length)]!;
        const type = random() < 0.6 ? 'created' : 'removed';
        if (type === 'created') await objects.put(key, Buffer.from(key === 'notes.txt' ? `words ${i}` : `PIC ${i}`));
        else await objects.delete(key);
        const sequencer = i.toString(16).padStart(4, '0');
        const event = JSON.stringify(toS3Event({ type, bucket: 'photos', key, sequencer, time: new Date() }));
        // At least once, in any order: some now, some twice, some much later.
        if (random() < 0.5) queue.push(event);
        if (random() < 0.5) late.push(event);
        else queue.push(event);
        if (late.length > 0 && random() < 0.3) queue.push(late.splice(Math.floor(random() * late.length), 1)[0]);
      }
      while (late.length > 0) queue.push(late.splice(Math.floor(random() * late.length), 1)[0]);
      await queue.onIdle();

      const there: string[] = [];
      for (const key of keys) {
        const info = await objects.head(key);
        if (info === null || key === 'notes.txt') continue;
        there.push(key);
        assert.equal((await world.payload(key)).etag, info.etag, key);
      }
      assert.deepEqual(await world.indexed(), there);
      const failed = (await failures.list({ limit: 10, dismissed: true })).items.map(({ key }) => key);
      assert.deepEqual(failed, (await objects.head('notes.txt')) === null ? [] : ['notes.txt']);
      assert.equal(queue.progress().failed, 0);
      await queue.stop();
    });
  }
});
