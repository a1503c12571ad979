import { signal } from '@preact/signals';
import type { FacetCount, Filter } from '../client.ts';
import { client } from './server-urls.ts';

/** Suggestions before the first search. */
export interface StartFrom {
  /** The latest months with pictures, most recent first. */
  readonly months: readonly FacetCount[];
  /** Pictures taken on this day in earlier years. */
  readonly onThisDay: number;
}

/** Null until loaded. */
export const start = signal<StartFrom | null>(null);

const monthsShown = 4;
/** More than any library has. */
const allMonths = 1000;

/** Pictures taken on this day of the year, in earlier years. */
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
    // Pictures without a date belong to no month.
    const latest = months.filter(({ value }) => value !== '').sort((a, b) => (a.value < b.value ? 1 : -1));
    start.value = { months: latest.slice(0, monthsShown), onThisDay: total };
  } catch {
    // Only a convenience; the list works without it.
    if (!signal.aborted) start.value ??= { months: [], onThisDay: 0 };
  }
}
