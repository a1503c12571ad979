import type { StoredPoint, Tombstone } from './ports.ts';

/**
 * Orders S3 event sequencers: hexadecimal numbers of varying length, compared after padding the shorter one with zeros
 * on the right (AWS, "Event message structure", s3.object.sequencer). '' is older than all. Negative when a is older.
 */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const [x, y] = [a.toUpperCase().padEnd(length, '0'), b.toUpperCase().padEnd(length, '0')];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The sequencer of what is stored under an id, tombstones included; '' when nothing is. */
export function sequencerOf(stored: StoredPoint | Tombstone | undefined): string {
  if (stored === undefined) return '';
  return stored.deleted ? stored.sequencer : stored.payload.sequencer;
}

/**
 * A form of a sequencer that sorts as text in the order of `compareSequencers`: stripping zeros on the right has the
 * same effect as padding with them, because the shorter of two equal beginnings sorts first.
 */
export function sortableSequencer(sequencer: string): string {
  return sequencer.toUpperCase().replace(/0+$/, '');
}
