import { signal } from '@preact/signals';
import type { FacetCount, Filter } from '../client.ts';
import { client } from './server.ts';

/** What somebody may begin with who looks for nothing yet. */
export interface StartFrom {
  /** The last months that have pictures, the latest first. */
  readonly months: readonly FacetCount[];
  /** Pictures of this day in earlier years. */
  readonly onThisDay: number;
}

/** Null until it is known. */
export const start = signal<StartFrom | null>(null);

const monthsShown = 4;
/** More than a library has. */
const allMonths = 1000;

/** Pictures that were taken on this day of the year, in earlier years. */
export function onThisDay(now = new Date()): Filter {
  const dayOfYear = [now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
  return { dayOfYear, takenBefore: `${now.getFullYear() - 1}-12-31` };
}

export async function refreshStart(signal: AbortSignal): Promise<void> {
  try {
    const [months, { total }] = await Promise.all([
      client.facet('month', { limit: allMonths, signal }),
      client.listImages({ filter: onThisDay(), limit: 1, signal }),
    ]);
    // Pictures without a date are in no month.
    const latest = months.filter(({ value }) => value !== '').sort((a, b) => (a.value < b.value ? 1 : -1));
    start.value = { months: latest.slice(0, monthsShown), onThisDay: total };
  } catch {
    // A help to begin; the list is there without it.
    if (!signal.aborted) start.value ??= { months: [], onThisDay: 0 };
  }
}
