import type { Logger } from 'pino';
import type { Job } from '../core/decide-job.ts';
import { isSightlineError } from '../core/errors.ts';
import type { LeftOut } from '../core/files/non-picture-files.ts';
import { isUnusable } from '../core/files/sqlite-file.ts';
import type { PictureStore } from '../core/objects/picture-store.ts';
import { mayBePicture } from '../core/picture/is-picture.ts';
import { createSequencer, type Sequencer } from '../functions/events/local-sequencer.ts';
import { createIngest } from '../functions/events/run-job.ts';
import type { Runtime } from './composition-root.ts';
import { JobQueue } from './queue/job-queue.ts';
import type { ReconcileOptions } from './watch/reconcile.ts';

/**
 * The path from stores to the index: differences become S3 events, which go through one queue to the ingest handler.
 */
export interface IndexPipeline {
  readonly queue: JobQueue;
  /** For `watchFolder` and `reconcile`. */
  ofFolder(store: PictureStore, root: string): ReconcileOptions & { readonly root: string };
  /** For a bucket whose own events have sequencers: events made here never claim to be newer than those. */
  ofBucket(store: PictureStore): ReconcileOptions;
}

/** @param onLeftOut called with what was left out of a store, after each full comparison */
export function createPipeline(options: {
  readonly runtime: Pick<Runtime, 'index' | 'failures' | 'vectors'>;
  readonly concurrency: number;
  /** Whether to wait, instead of giving jobs up, while the index cannot be written. @default false */
  readonly waits?: boolean;
  readonly logger: Logger;
  readonly onLeftOut: (bucket: string, leftOut: LeftOut) => void;
}): IndexPipeline {
  const { runtime, concurrency, logger, onLeftOut, waits = false } = options;
  const { index, failures, vectors } = runtime;
  const isOutage = (error: unknown) => waits && isIndexOutage(error);
  const isCounted = ({ key }: Job) => mayBePicture(key);
  const ingest = createIngest({ index, failures, logger });
  const queue = new JobQueue({ ingest, logger, concurrency, isOutage, isCounted });
  const optionsOf = <Root extends string | null>(store: PictureStore, root: Root, sequencer: Sequencer | null) => ({
    root,
    store,
    vectors,
    failures,
    sequencer,
    emit: (event: unknown) => queue.push(event),
    onLeftOut: (leftOut: LeftOut) => onLeftOut(store.bucket, leftOut),
  });
  return {
    queue,
    ofFolder: (store, root) => optionsOf(store, root, createSequencer()),
    ofBucket: (store) => optionsOf(store, null, null),
  };
}

/** Whether the index could not be written: a full disk, or Qdrant unavailable. */
function isIndexOutage(error: unknown): boolean {
  return isUnusable(error) || (isSightlineError(error, 'unavailable') && error.details.qdrant !== undefined);
}
