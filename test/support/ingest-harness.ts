import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import type { Job } from '../../core/decide-job.ts';
import { openFailureLog } from '../../core/failure-log/sqlite.ts';
import { createIndexer, type IndexJob } from '../../core/index-image.ts';
import { type FolderStore, openFolder } from '../../core/objects/folder/store.ts';
import type { FailureLog, VectorStore } from '../../core/ports.ts';
import type { ImagePayload } from '../../core/types.ts';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { createSequencer, type Sequencer } from '../../functions/events/local-sequencer.ts';
import { createIngest, type Ingest } from '../../functions/events/run-job.ts';
import { parseS3Event } from '../../functions/events/s3-event.ts';
import { JobQueue } from '../../server/queue/job-queue.ts';
import { type FolderSource, watchFolder } from '../../server/watch/folder-event-source.ts';
import { hashEmbedder } from './embedder.ts';
import { tempFolder } from './temp-folder.ts';

export const silent = pino({ level: 'silent' });

/** Waits until `check` passes; if it never does, fails with its last error. Not for measurements. */
export async function eventually(check: () => Promise<void> | void, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; ) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A folder of "pictures" (see hashEmbedder) with an index and a failure log, all real and on disk. */
export interface World {
  readonly dir: string;
  readonly root: string;
  readonly embedder: ReturnType<typeof hashEmbedder>;
  objects: FolderStore;
  vectors: VectorStore;
  failures: FailureLog;
  /** Reopens the stores, as a new process would. */
  reopen(): Promise<void>;
  /** The watched folder with its queue, wired as in `npm start`. */
  start(options?: StartOptions): Promise<Running>;
  /** Keys in the index, sorted. */
  indexed(): Promise<string[]>;
  payload(key: string): Promise<ImagePayload>;
  dispose(): Promise<void>;
}

export interface StartOptions {
  /** Wraps the index function, to inject failures. */
  readonly wrap?: (index: IndexJob) => IndexJob;
  readonly maxAttempts?: number;
  readonly minDelayMs?: number;
  readonly sequencer?: Sequencer;
  readonly quietMs?: number;
  readonly resyncMs?: number;
}

export interface Running {
  readonly source: FolderSource;
  readonly queue: JobQueue;
  readonly ingest: Ingest;
  /** Every job, in the order of its events. */
  readonly jobs: Job[];
  stop(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const dir = tempFolder();
  const root = join(dir, 'photos');
  await mkdir(root);
  const embedder = hashEmbedder();
  const running = new Set<Running>();
  const open = async () => ({
    objects: await openFolder({ root, bucket: 'photos' }),
    vectors: await openEmbeddedStore({ file: join(dir, 'index.sqlite'), space: embedder.space, dimension: 64 }),
    failures: await openFailureLog({ file: join(dir, 'failures.sqlite') }),
  });
  const close = async () => {
    for (const one of running) await one.stop();
    await world.vectors.close();
    await world.failures.close();
  };

  const world: World = {
    dir,
    root,
    embedder,
    ...(await open()),
    async reopen() {
      await close();
      Object.assign(world, await open());
    },
    async start({ wrap = (index: IndexJob) => index, maxAttempts, minDelayMs = 1, sequencer, quietMs, resyncMs } = {}) {
      const { objects, vectors, failures } = world;
      const buckets = new Map([['photos', objects]]);
      const leftOut = (_: string, key: string) => objects.leftOut(key);
      const index = createIndexer({ embedder, vectors, buckets, maxBytes: 100_000, leftOut });
      const ingest = createIngest({ index: wrap(index), failures, logger: silent, maxAttempts });
      const queue = new JobQueue({ ingest, logger: silent, minDelayMs, maxDelayMs: 20 });
      const jobs: Job[] = [];
      const source = await watchFolder({
        root,
        store: objects,
        vectors,
        failures,
        sequencer: sequencer ?? createSequencer(),
        logger: silent,
        quietMs,
        resyncMs: resyncMs ?? 0,
        emit(event) {
          // Serialised, to prove what goes over the wire in the cloud.
          const body = JSON.stringify(event);
          jobs.push(...parseS3Event(body));
          queue.push(body);
        },
      }).catch(async (error) => {
        await queue.stop();
        throw error;
      });
      const one: Running = {
        source,
        queue,
        ingest,
        jobs,
        async stop() {
          running.delete(one);
          await source.close();
          await queue.stop();
        },
      };
      running.add(one);
      return one;
    },
    async indexed() {
      const page = await world.vectors.list({ filter: { kind: 'image' }, limit: 1000, order: 'id' });
      assert.equal(page.next, undefined);
      return page.items.map(({ payload }) => (payload as ImagePayload).key).sort();
    },
    async payload(key) {
      const { items } = await world.vectors.list({ filter: { kind: 'image' }, limit: 1000, order: 'id' });
      const found = items.map(({ payload }) => payload as ImagePayload).find((payload) => payload.key === key);
      assert.ok(found, `${key} is not indexed`);
      return found;
    },
    dispose: close,
  };
  return world;
}
