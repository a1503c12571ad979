/** A picture's place in a row, in CSS pixels. */
export interface Box {
  readonly x: number;
  readonly width: number;
}

export interface Row {
  /** Index of the row's first item. */
  readonly first: number;
  readonly boxes: readonly Box[];
  readonly y: number;
  readonly height: number;
}

export interface LayoutOptions {
  readonly width: number;
  /** Target row height. */
  readonly rowHeight: number;
  readonly gap: number;
  /** Space above the first row. @default 0 */
  readonly top?: number;
}

/** Limits on proportions: panoramas and slivers are cropped, so that neither fills a whole row nor vanishes. */
const narrowest = 0.5;
const widest = 3;

/** Width divided by height, clamped to those limits; 1 if unknown. */
export function proportion(width: number, height: number): number {
  const ratio = width / height;
  return Number.isFinite(ratio) && ratio > 0 ? Math.min(widest, Math.max(narrowest, ratio)) : 1;
}

/**
 * Lays out rows that fill the width exactly and keep all proportions. Items are appended, and full rows never change,
 * so nothing jumps when the next page arrives. Items that do not fill a row yet wait in `rest`; `end()` puts them in a
 * last row at the target height.
 */
export class JustifiedLayout {
  readonly options: LayoutOptions;
  readonly #rows: Row[] = [];
  #rest: number[] = [];
  #placed = 0;

  constructor(options: LayoutOptions) {
    this.options = options;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Number of items in full rows. */
  get placed(): number {
    return this.#placed;
  }

  /** Height of the full rows, including the gaps between them. */
  get height(): number {
    const last = this.#rows.at(-1);
    return last === undefined ? 0 : last.y + last.height;
  }

  add(proportions: readonly number[]): void {
    const { width, rowHeight, gap } = this.options;
    for (const ratio of proportions) {
      // The row ends before or after this item, whichever is closer to the target height.
      const before = this.#rest;
      const after = [...before, ratio];
      const heightAfter = heightOf(after, width, gap);
      if (heightAfter > rowHeight) {
        this.#rest = after;
      } else if (before.length > 0 && heightOf(before, width, gap) - rowHeight < rowHeight - heightAfter) {
        this.#close(before);
        this.#rest = [];
        if (heightOf([ratio], width, gap) > rowHeight) this.#rest = [ratio];
        else this.#close([ratio]);
      } else {
        this.#close(after);
        this.#rest = [];
      }
    }
  }

  /** The unfinished row as drawn at the end of the list; undefined if there is none. */
  lastRow(): Row | undefined {
    if (this.#rest.length === 0) return;
    const { width, rowHeight, gap } = this.options;
    return this.#row(this.#rest, Math.min(rowHeight, heightOf(this.#rest, width, gap)));
  }

  #close(ratios: readonly number[]): void {
    this.#rows.push(this.#row(ratios, heightOf(ratios, this.options.width, this.options.gap)));
    this.#placed += ratios.length;
  }

  #row(ratios: readonly number[], height: number): Row {
    let x = 0;
    const boxes = ratios.map((ratio) => {
      const box = { x, width: ratio * height };
      x += box.width + this.options.gap;
      return box;
    });
    const above = this.#rows.at(-1);
    const y = above === undefined ? (this.options.top ?? 0) : above.y + above.height + this.options.gap;
    return { first: this.#placed, boxes, y, height };
  }
}

/** Height at which pictures side by side fill the width. */
function heightOf(ratios: readonly number[], width: number, gap: number): number {
  const sum = ratios.reduce((total, ratio) => total + ratio, 0);
  return (width - gap * (ratios.length - 1)) / sum;
}

/** The rows that overlap a range of the page: index of the first, and of the one after the last. */
export function rowsBetween(rows: readonly Row[], top: number, bottom: number): { first: number; end: number } {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle]!;
    if (row.y + row.height < top) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && rows[end]!.y <= bottom) end++;
  return { first: low, end };
}
