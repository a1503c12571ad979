import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Item, isImage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { JustifiedLayout, proportion, type Row, rowsBetween } from '../layout.ts';
import { route } from '../state/navigation.ts';
import { loadMore, results, searching, visibleItems } from '../state/results.ts';
import { aboveList, noteScroll, scrollInList } from '../state/scroll.ts';
import { selectionMode } from '../state/selection.ts';
import { moveFocus } from './grid-keys.ts';
import { CaptionTile, PictureTile } from './tile.tsx';

/** Rows are kept this far outside the window, in window heights. */
const overscan = 0.75;
/** The next page is asked for when the end is this near, in window heights. */
const readAhead = 2.5;
/** Captions stand in lower rows than pictures; a card has these proportions, in a narrow window and elsewhere. */
const captionProportions = { narrow: 1.3, wide: 2.1 } as const;
const captionRowHeight = 122;

/** Endless, justified results of which only the rows near the window exist. */
export function Grid() {
  const frame = useRef<HTMLUListElement>(null);
  const width = useFrameWidth(frame);
  const items = visibleItems.value;
  const next = results.value?.next;
  const layout = useLayout(width, items);
  // While more may come, the unfinished row waits: its pictures would move when their neighbours arrive.
  const last = next === undefined ? layout?.lastRow() : undefined;
  const rows = layout ? (last ? [...layout.rows, last] : layout.rows) : [];
  const height = rows.length === 0 ? 0 : rows.at(-1)!.y + rows.at(-1)!.height;
  const { first, end } = useVisibleRows(frame, rows, height);
  useKeptScroll(layout !== undefined);

  return (
    <ul
      ref={frame}
      class={selectionMode.value ? 'grid selecting' : 'grid'}
      aria-label={t('results.list')}
      aria-busy={searching.value}
      style={{ height: `${height}px` }}
      onKeyDown={moveFocus}
    >
      {rows.slice(first, end).flatMap((row) =>
        row.boxes.map((box, i) => {
          const index = row.first + i;
          const item = items[index];
          if (!item) return null;
          const style = {
            transform: `translate(${box.x}px, ${row.y}px)`,
            width: `${box.width}px`,
            height: `${row.height}px`,
          };
          return (
            <li
              key={item.id}
              style={style}
              data-index={index}
              aria-setsize={next ? -1 : items.length}
              aria-posinset={index + 1}
            >
              {isImage(item) ? (
                <PictureTile image={item} edge={Math.max(box.width, row.height)} />
              ) : (
                <CaptionTile caption={item} />
              )}
            </li>
          );
        }),
      )}
    </ul>
  );
}

function proportionOf(item: Item, width: number): number {
  if (isImage(item)) return proportion(item.width, item.height);
  return width < 520 ? captionProportions.narrow : captionProportions.wide;
}

function useFrameWidth(frame: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = frame.current!;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Small windows get small pictures, large ones large pictures, so that four to eight stand in a row. */
function rowHeightFor(width: number): number {
  if (width < 520) return 132;
  if (width < 1000) return 180;
  return Math.min(400, 190 + (width - 1000) * 0.05);
}

/** Extends the layout when items were appended and makes a new one when anything else changed. */
function useLayout(width: number, items: readonly Item[]): JustifiedLayout | undefined {
  const known = useRef<{ layout: JustifiedLayout; proportions: readonly number[] }>(undefined);
  return useMemo(() => {
    if (width === 0) return;
    const proportions = items.map((item) => proportionOf(item, width));
    const before = known.current;
    // A list is of one kind.
    const rowHeight = items[0] && !isImage(items[0]) ? captionRowHeight : rowHeightFor(width);
    const grows =
      before?.layout.options.width === width &&
      before.layout.options.rowHeight === rowHeight &&
      before.proportions.length <= proportions.length &&
      before.proportions.every((value, i) => value === proportions[i]);
    const layout = grows ? before.layout : new JustifiedLayout({ width, rowHeight, gap: width < 520 ? 4 : 8 });
    layout.add(proportions.slice(grows ? before.proportions.length : 0));
    known.current = { layout, proportions };
    return layout;
  }, [width, items]);
}

/** Which rows are near the window; renders only when the answer changes. */
function useVisibleRows(frame: { current: HTMLElement | null }, rows: readonly Row[], height: number) {
  const [range, setRange] = useState({ first: 0, end: 0 });
  const latest = useRef({ rows, height });
  latest.current = { rows, height };
  const update = () => {
    const element = frame.current;
    if (!element) return;
    const view = innerHeight;
    const top = -element.getBoundingClientRect().top;
    const found = rowsBetween(latest.current.rows, top - view * overscan, top + view * (1 + overscan));
    setRange((before) => (before.first === found.first && before.end === found.end ? before : found));
    if (top + view * (1 + readAhead) > latest.current.height) void loadMore();
  };
  useLayoutEffect(update);
  useLayoutEffect(() => {
    let frameId = 0;
    const schedule = (event: Event) => {
      cancelAnimationFrame(frameId);
      frameId = requestAnimationFrame((now) => {
        if (event.type === 'scroll') noteScroll(scrollY, innerHeight, now);
        update();
      });
    };
    addEventListener('scroll', schedule, { passive: true });
    addEventListener('resize', schedule);
    return () => {
      removeEventListener('scroll', schedule);
      removeEventListener('resize', schedule);
      cancelAnimationFrame(frameId);
    };
  }, []);
  return range;
}

/** A new list starts at its top, or where it was left; one that is only longer stays where it is. */
function useKeptScroll(isLaidOut: boolean): void {
  const version = results.value?.version;
  const shown = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    // Before it is laid out, the list has no height to scroll through.
    if (!isLaidOut) return;
    const isNew = version !== undefined && version !== shown.current;
    const top = results.peek()?.top;
    if (isNew && (top !== undefined || route.peek().photo === undefined)) scrollInList(top ?? aboveList);
    shown.current = version;
  }, [version, isLaidOut]);
}
