/** Makes the sequencers of events that do not come from S3. */
export type Sequencer = (after?: string) => string;

const DIGITS = 16;

/**
 * Sequencers for local events: microseconds since 1970 as 16 hexadecimal digits, each greater than the one before also
 * when the clock stands still or steps back, and greater than `after`.
 *
 * Sequencers are only ever compared for one key, and what the index holds for that key is known whenever an event about
 * it is made. Passing it as `after` keeps events of this run ahead of those of earlier runs, whatever the clock did in
 * between, without anything to be saved.
 *
 * @param now milliseconds since 1970, with fractions
 */
export function createSequencer(now: () => number = () => performance.timeOrigin + performance.now()): Sequencer {
  let last = 0n;
  return (after = '') => {
    const clock = BigInt(Math.round(now() * 1000));
    // Shorter ones are padded on the right when compared, and of longer ones the digits behind count less than one
    // here.
    const stored = after === '' ? 0n : BigInt(`0x${after.slice(0, DIGITS).padEnd(DIGITS, '0')}`);
    last = [clock, last + 1n, stored + 1n].reduce((a, b) => (a > b ? a : b));
    return last.toString(16).padStart(DIGITS, '0');
  };
}
