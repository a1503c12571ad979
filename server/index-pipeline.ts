import type { Logger } from 'pino';
import type { ObjectStore } from '../core/ports.ts';
import { createIngest } from '../functions/events/event-handler.ts';
import { createSequencer, type Sequencer } from '../functions/events/sequencer.ts';
import { createQueue, type EventQueue, type QueueProgress } from './queue/job-queue.ts';
import type { Runtime } from './runtime.ts';
import type { FolderSyncOptions } from './watch/reconcile.ts';

/** A store's way into the index: what is emitted goes, as S3 events, through the queue and the ingest handler. */
export interface Line<Root extends string | null> {
  readonly queue: EventQueue;
  /** For `watchFolder` and `syncFolder`. */
  readonly source: FolderSyncOptions & { readonly root: Root };
}

interface LineOptions {
  readonly runtime: Runtime;
  readonly store: ObjectStore;
  readonly concurrency: number;
  readonly logger: Logger;
  readonly onProgress?: (progress: QueueProgress) => void;
}

/** Of a bucket, whose own events have sequencers: what is found here never claims to be newer than those. */
export function createBucketLine(options: LineOptions): Line<null> {
  return createLine({ ...options, root: null, sequencer: null });
}

export function createFolderLine(options: LineOptions & { readonly root: string }): Line<string> {
  return createLine({ ...options, sequencer: createSequencer() });
}

function createLine<Root extends string | null>(
  options: LineOptions & { readonly root: Root; readonly sequencer: Sequencer | null },
): Line<Root> {
  const { runtime, root, sequencer, store, concurrency, logger, onProgress } = options;
  const { index, failures, vectors } = runtime;
  const ingest = createIngest({ index, failures, logger });
  const queue = createQueue({ ingest, logger, concurrency, onProgress });
  const emit = (event: unknown) => queue.push(event);
  return { queue, source: { root, store, vectors, failures, emit, sequencer } };
}
