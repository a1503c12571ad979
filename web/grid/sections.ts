import type { Item } from '../client.ts';
import { JustifiedLayout, type LayoutOptions, type Row, rowsBetween } from './layout.ts';
import { type Month, partsOf } from './months.ts';

/** A part of the grid: a month below its heading, or the whole of a list that has no months. Lengths in CSS pixels. */
export interface Section {
  readonly month?: Month;
  /** How many pictures it has, and how many those before it have, read or not. */
  readonly count: number;
  readonly before: number;
  /** Index of its first item in the list. */
  readonly first: number;
  /** Where in the list it begins. */
  readonly top: number;
  /** Height of all of it; what is not read yet is estimated. */
  readonly height: number;
  /** Its rows, whose places are counted from {@link top}. */
  readonly rows: readonly Row[];
  /** Where what is not read yet begins, counted from {@link top}; absent when all is read. */
  readonly unread?: number;
}

export const headingHeight = 56;
/** Width by height of most pictures. */
const usualProportion = 4 / 3;

interface Known {
  readonly layout: JustifiedLayout;
  readonly proportions: readonly number[];
}

export interface SectionedList {
  readonly items: readonly Item[];
  readonly months?: readonly Month[];
  /** More come at the end. */
  readonly isOpen: boolean;
}

/** Lays out lists that grow: rows that are full stay as they are. */
export class SectionLayouts {
  #known = new Map<string, Known>();

  /** The sections of a list, from its top to its end. */
  of(list: SectionedList, options: LayoutOptions, proportionOf: (item: Item) => number): Section[] {
    const { items, months, isOpen } = list;
    if (!months) {
      const layout = this.#layout('', items.map(proportionOf), options);
      // While more may come, the unfinished row waits: its pictures would move when their neighbours arrive.
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

  /** Goes on with a layout when items were appended; makes a new one when anything else changed. */
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

/** The unfinished row waits for what is read next; the rest is as high as usual pictures would be. */
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

/** The end of the last section. */
export function heightOf(sections: readonly Section[]): number {
  const last = sections.at(-1);
  return last === undefined ? 0 : last.top + last.height;
}

/** The section that is at a place of the list, or the nearest. */
export function sectionAt(sections: readonly Section[], y: number): Section | undefined {
  return sections[Math.max(0, upperBound(sections, ({ top }) => top <= y) - 1)];
}

/** The one that has a picture, by its number in the list. */
export function sectionOf(sections: readonly Section[], number: number): Section | undefined {
  return sections[Math.max(0, upperBound(sections, ({ before }) => before <= number) - 1)];
}

/** How many at the beginning of a sorted list hold. */
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

/** What touches a stretch of the list. */
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

/** The first section of which something between these places is not read yet. */
export function unreadBetween(sections: readonly Section[], top: number, bottom: number): Section | undefined {
  return sections.find(
    (section) =>
      section.unread !== undefined && section.top + section.unread < bottom && section.top + section.height > top,
  );
}
