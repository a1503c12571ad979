/** Makes the sequencers of events that do not come from S3. */
export type Sequencer = (after?: string) => string;

const DIGITS = 16;

/**
 * Sequencers for local events: microseconds since 1970 as 16 hexadecimal digits, each greater than the one before, even
 * if the clock stands still or goes back, and greater than `after`.
 *
 * Sequencers are only compared for the same key, and the one in the index is known whenever an event for the key is
 * made. Passing it as `after` keeps events of this run ahead of earlier runs, whatever the clock did in between,
 * without storing anything.
 *
 * @param now milliseconds since 1970, with fractions
 */
export function createSequencer(now: () => number = () => performance.timeOrigin + performance.now()): Sequencer {
  let last = 0n;
  return (after = '') => {
    const clock = BigInt(Math.round(now() * 1000));
    // Comparison pads shorter ones on the right; further digits of longer ones count less than one unit here.
    const stored = after === '' ? 0n : BigInt(`0x${after.slice(0, DIGITS).padEnd(DIGITS, '0')}`);
    last = [clock, last + 1n, stored + 1n].reduce((a, b) => (a > b ? a : b));
    return last.toString(16).padStart(DIGITS, '0');
  };
}
