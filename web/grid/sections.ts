import type { Item } from '../client.ts';
import { JustifiedLayout, type LayoutOptions, type Row, rowsBetween } from './layout.ts';
import { type Month, partsOf } from './months.ts';

/** A section of the grid: a month with its heading, or a whole list without months. Lengths in CSS pixels. */
export interface Section {
  readonly month?: Month;
  /** Number of pictures in it, and in the sections before it, loaded or not. */
  readonly count: number;
  readonly before: number;
  /** Index of its first item in the list. */
  readonly first: number;
  /** Offset from the top of the list. */
  readonly top: number;
  /** Total height; the part that is not loaded is estimated. */
  readonly height: number;
  /** Its rows, positioned relative to {@link top}. */
  readonly rows: readonly Row[];
  /** Where the unloaded part begins, relative to {@link top}; absent if everything is loaded. */
  readonly unread?: number;
}

export const headingHeight = 56;
/** Typical width divided by height. */
const usualProportion = 4 / 3;

interface Known {
  readonly layout: JustifiedLayout;
  readonly proportions: readonly number[];
}

export interface SectionedList {
  readonly items: readonly Item[];
  readonly months?: readonly Month[];
  /** More items will be appended. */
  readonly isOpen: boolean;
}

/** Lays out growing lists; full rows do not change. */
export class SectionLayouts {
  #known = new Map<string, Known>();

  /** The sections of a list, top to bottom. */
  of(list: SectionedList, options: LayoutOptions, proportionOf: (item: Item) => number): Section[] {
    const { items, months, isOpen } = list;
    if (!months) {
      const layout = this.#layout('', items.map(proportionOf), options);
      // While more may come, the unfinished row is held back: its pictures would move when their neighbours arrive.
      const rows = isOpen ? layout.rows : withLastRow(layout);
      return [{ count: items.length, before: 0, first: 0, top: 0, rows, height: endOf(rows) }];
    }
    let top = 0;
    return partsOf({ items, months }).map(({ month, count, before, first, known }) => {
      const proportions = items.slice(first, first + known).map(proportionOf);
      const layout = this.#layout(month.value, proportions, { ...options, top: headingHeight });
      const base = { month, count, before, first, top };
      const section = month.isRead ? finished(base, layout) : unfinished(base, layout);
      top += section.height + options.gap;
      return section;
    });
  }

  /** Extends a layout if items were appended; creates a new one if anything else changed. */
  #layout(name: string, proportions: readonly number[], options: LayoutOptions): JustifiedLayout {
    const before = this.#known.get(name);
    const grows =
      before !== undefined &&
      before.layout.options.width === options.width &&
      before.layout.options.rowHeight === options.rowHeight &&
      before.proportions.length <= proportions.length &&
      before.proportions.every((value, i) => value === proportions[i]);
    const layout = grows ? before.layout : new JustifiedLayout(options);
    layout.add(proportions.slice(grows ? before.proportions.length : 0));
    this.#known.set(name, { layout, proportions });
    return layout;
  }
}

type Base = Omit<Section, 'height' | 'rows' | 'unread'>;

function finished(base: Base, layout: JustifiedLayout): Section {
  const rows = withLastRow(layout);
  return { ...base, rows, height: endOf(rows) };
}

/** The unfinished row waits for the next page; the rest is estimated from typical pictures. */
function unfinished(base: Base, layout: JustifiedLayout): Section {
  const { width, rowHeight, gap, top = 0 } = layout.options;
  const { rows } = layout;
  const unread = Math.max(top, endOf(rows) + gap);
  const perRow = Math.max(1, (width + gap) / (usualProportion * rowHeight + gap));
  const height = unread + Math.ceil((base.count - layout.placed) / perRow) * (rowHeight + gap) - gap;
  return { ...base, rows, unread, height };
}

function withLastRow(layout: JustifiedLayout): readonly Row[] {
  const last = layout.lastRow();
  return last ? [...layout.rows, last] : layout.rows;
}

function endOf(rows: readonly Row[]): number {
  const last = rows.at(-1);
  return last === undefined ? 0 : last.y + last.height;
}

/** End of the last section. */
export function heightOf(sections: readonly Section[]): number {
  const last = sections.at(-1);
  return last === undefined ? 0 : last.top + last.height;
}

/** The section at an offset in the list, or the nearest one. */
export function sectionAt(sections: readonly Section[], y: number): Section | undefined {
  return sections[Math.max(0, upperBound(sections, ({ top }) => top <= y) - 1)];
}

/** The section that contains a picture, by its index in the list. */
export function sectionOf(sections: readonly Section[], number: number): Section | undefined {
  return sections[Math.max(0, upperBound(sections, ({ before }) => before <= number) - 1)];
}

/** How many leading elements of a sorted list satisfy the condition. */
function upperBound<T>(all: readonly T[], holds: (one: T) => boolean): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(all[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Drawn {
  readonly section: Section;
  readonly rows: readonly Row[];
}

/** Everything that overlaps a range of the list. */
export function drawnBetween(sections: readonly Section[], top: number, bottom: number): Drawn[] {
  const drawn: Drawn[] = [];
  for (let i = sections.indexOf(sectionAt(sections, top)!); i >= 0 && i < sections.length; i++) {
    const section = sections[i]!;
    if (section.top > bottom) break;
    const { first, end } = rowsBetween(section.rows, top - section.top, bottom - section.top);
    drawn.push({ section, rows: section.rows.slice(first, end) });
  }
  return drawn;
}

/** The first section with unloaded pictures between these offsets. */
export function unreadBetween(sections: readonly Section[], top: number, bottom: number): Section | undefined {
  return sections.find(
    (section) =>
      section.unread !== undefined && section.top + section.unread < bottom && section.top + section.height > top,
  );
}
