import type { JointEmbedding } from '../../core/types.ts';

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** With two decimals. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Runs the alternatives in turn, so that a slow spell of the machine affects all of them. Milliseconds of each run. */
export async function interleaved<Name extends string>(
  rounds: number,
  alternatives: Readonly<Record<Name, (round: number) => Promise<unknown>>>,
): Promise<Record<Name, number[]>> {
  const entries = Object.entries(alternatives) as [Name, (round: number) => Promise<unknown>][];
  const times = Object.fromEntries(entries.map(([name]) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of entries) {
      const start = performance.now();
      await work(round);
      times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** A random unit vector. */
export function randomUnit(dimension: number): JointEmbedding {
  const raw = Float32Array.from({ length: dimension }, () => Math.random() + Math.random() + Math.random() - 1.5);
  const length = Math.hypot(...raw);
  return raw.map((x) => x / length) as JointEmbedding;
}

/** Prints rows of name, value and note under a title. */
export function printRows(title: string, rows: readonly (readonly string[])[]): void {
  const wide = Math.max(...rows.map(([name]) => name!.length));
  console.log(`\n${title}`);
  for (const [name, value, note] of rows) console.log(`  ${name!.padEnd(wide)}  ${value!.padStart(10)}  ${note}`);
}
