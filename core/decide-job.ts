import type { StoredPoint, Tombstone, WriteCondition } from './ports.ts';
import { compareSequencers, sequencerOf } from './sequencer-order.ts';
import type { ImagePayload } from './types.ts';

/** The rule for events that are repeated, late, or overtake each other. */

/** One thing that happened to an object. */
export interface Job {
  readonly type: 'created' | 'removed';
  readonly bucket: string;
  /** As in the object store: decoded, unlike in events. */
  readonly key: string;
  /** From the event; null keeps the stored one (an upload through the API, a retry). */
  readonly sequencer: string | null;
}

/** How a job may write. */
export interface Write {
  readonly sequencer: string;
  readonly when: WriteCondition;
  /** The picture indexed for the object. */
  readonly live: ImagePayload | null;
  /** A picture, or a file that was refused as one, was indexed here before. */
  readonly wasDeleted: boolean;
}

/** Whether and how the job may replace what is stored; null when that is newer, such as a delete that overtook it. */
export function decide(job: Job, stored: StoredPoint | Tombstone | undefined): Write | null {
  const storedSequencer = sequencerOf(stored);
  const sequencer = job.sequencer ?? storedSequencer;
  const order = compareSequencers(sequencer, storedSequencer);
  if (order < 0) return null;
  // An equal sequencer is the same event again on S3. Most other servers send one sequencer for all events, so the
  // object itself decides.
  const wasDeleted = stored?.deleted ?? false;
  return { sequencer, when: order === 0 ? 'not-older' : 'newer', live: livePicture(stored), wasDeleted };
}

function livePicture(stored: StoredPoint | Tombstone | undefined): ImagePayload | null {
  return stored !== undefined && !stored.deleted && stored.payload.kind === 'image' ? stored.payload : null;
}
