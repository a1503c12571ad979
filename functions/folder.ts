import type { Logger } from 'pino';
import type { ObjectStore } from '../core/ports.ts';
import type { FolderSyncOptions } from './events/folder-sync.ts';
import { createIngest } from './events/ingest.ts';
import { createQueue, type EventQueue, type QueueProgress } from './events/queue.ts';
import { createSequencer, type Sequencer } from './events/sequencer.ts';
import type { Runtime } from './runtime.ts';

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
