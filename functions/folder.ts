import type { Logger } from 'pino';
import type { ObjectStore } from '../core/ports.ts';
import type { FolderSyncOptions } from './events/folder-sync.ts';
import { createIngest } from './events/ingest.ts';
import { createQueue, type EventQueue, type QueueProgress } from './events/queue.ts';
import { createSequencer } from './events/sequencer.ts';
import type { Runtime } from './runtime.ts';

/** A folder's way into the index: what is emitted goes, as S3 events, through the queue and the ingest handler. */
export interface FolderLine {
  readonly queue: EventQueue;
  /** For `watchFolder` and `syncFolder`. */
  readonly source: FolderSyncOptions;
}

export function createFolderLine(options: {
  readonly runtime: Runtime;
  readonly root: string;
  readonly store: ObjectStore;
  readonly concurrency: number;
  readonly logger: Logger;
  readonly onProgress?: (progress: QueueProgress) => void;
}): FolderLine {
  const { runtime, root, store, concurrency, logger, onProgress } = options;
  const { index, failures, vectors } = runtime;
  const ingest = createIngest({ index, failures, logger });
  const queue = createQueue({ ingest, logger, concurrency, onProgress });
  const emit = (event: unknown) => queue.push(event);
  return { queue, source: { root, store, vectors, failures, emit, sequencer: createSequencer() } };
}
