import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Item, isImage } from '../client.ts';
import { proportion, type Row } from '../grid/layout.ts';
import { drawnBetween, heightOf, type Section, SectionLayouts, sectionAt, unreadBetween } from '../grid/sections.ts';
import { formatCount, t } from '../i18n/translate.ts';
import { firstShown } from '../state/first-pictures.ts';
import { route } from '../state/navigation.ts';
import { countOfMonth, fault, isReading, loadMore, results, searching, visibleItems } from '../state/results.ts';
import {
  aboveList,
  flying,
  forgetMonth,
  monthInSight,
  noteMonth,
  noteScroll,
  scrollInList,
  underHeader,
} from '../state/scroll.ts';
import { selectionMode } from '../state/selection.ts';
import { moveFocus } from './grid-keys.ts';
import { nameOfMonth, type Place, Scrubber } from './scrubber.tsx';
import { CaptionTile, PictureTile } from './tile.tsx';
import { useLength } from './use-length.ts';

/** Rows are rendered this far outside the window, in window heights. */
const overscan = 0.75;
/** The next page is requested when the end is this close, in window heights. */
const readAhead = 2.5;
/** Captions use lower rows than pictures; aspect ratios of a card, in narrow windows and elsewhere. */
const captionProportions = { narrow: 1.3, wide: 2.1 } as const;
const captionRowHeight = 122;

/** Endless, justified grid that renders only rows near the window; grouped by month if the list is by date. */
export function Grid() {
  const frame = useRef<HTMLUListElement>(null);
  const width = useLength(frame, 'clientWidth');
  const sections = useSections(width);
  const place = useSignal<Place>({ at: 0, y: 0 });
  useKeptScroll(sections, width > 0);
  const stretch = useStretch(frame, sections, place);
  const last = sections.at(-1);
  const size = last === undefined || results.value?.next ? -1 : last.before + last.count;

  return (
    <>
      <ul
        ref={frame}
        class={selectionMode.value ? 'grid selecting' : 'grid'}
        aria-label={t('results.list')}
        aria-busy={searching.value}
        style={{ height: `${heightOf(sections)}px` }}
        onKeyDown={moveFocus}
      >
        {drawnBetween(sections, stretch.top, stretch.bottom).flatMap(({ section, rows }) => [
          section.month ? <MonthHeading key={section.month.value} section={section} /> : null,
          ...rows.flatMap((row) => tilesOf(section, row, size)),
        ])}
      </ul>
      {sections.length > 1 ? <Scrubber sections={sections} place={place} /> : null}
    </>
  );
}

function MonthHeading({ section: { month, top, unread, height } }: { section: Section }) {
  const { value } = month!;
  return (
    <li class="month" style={{ top: `${top}px`, height: `${height}px` }}>
      <h2>
        {nameOfMonth(value)} <small>{formatCount(countOfMonth(month!))}</small>
      </h2>
      {unread === undefined ? null : <div class="unread" style={{ top: `${unread}px` }} />}
    </li>
  );
}

function tilesOf(section: Section, row: Row, size: number) {
  const items = visibleItems.value;
  return row.boxes.map((box, i) => {
    const inSection = row.first + i;
    const item = items[section.first + inSection];
    if (!item) return null;
    const style = {
      transform: `translate(${box.x}px, ${section.top + row.y}px)`,
      width: `${box.width}px`,
      height: `${row.height}px`,
    };
    return (
      <li
        key={item.id}
        style={style}
        data-index={section.first + inSection}
        aria-setsize={size}
        aria-posinset={section.before + inSection + 1}
      >
        {isImage(item) ? (
          <PictureTile image={item} edge={Math.max(box.width, row.height)} />
        ) : (
          <CaptionTile caption={item} />
        )}
      </li>
    );
  });
}

function proportionOf(item: Item, width: number): number {
  if (isImage(item)) return proportion(item.width, item.height);
  return width < 520 ? captionProportions.narrow : captionProportions.wide;
}

/** Picture sizes by window width, so that four to eight fit in a row. */
function rowHeightFor(width: number): number {
  if (width < 520) return 132;
  if (width < 1000) return 180;
  return Math.min(400, 190 + (width - 1000) * 0.05);
}

function useSections(width: number): readonly Section[] {
  const layouts = useRef(new SectionLayouts());
  const items = visibleItems.value;
  const { months, next } = results.value ?? {};
  return useMemo(() => {
    if (width === 0) return [];
    // All items of a list are of one kind.
    const rowHeight = items[0] && !isImage(items[0]) ? captionRowHeight : rowHeightFor(width);
    const options = { width, rowHeight, gap: width < 520 ? 4 : 8 };
    const list = { items, months, isOpen: next !== undefined };
    return layouts.current.of(list, options, (item) => proportionOf(item, width));
  }, [width, items, months, next]);
}

/** The visible range of the list; rerenders only when it changes. Loads more where something is missing. */
function useStretch(frame: { current: HTMLElement | null }, sections: readonly Section[], place: Signal<Place>) {
  const [stretch, setStretch] = useState({ top: 0, bottom: 0 });
  const latest = useRef({ sections, of: results.value });
  latest.current = { sections, of: results.value };
  const update = () => {
    const element = frame.current;
    if (!element) return;
    const view = innerHeight;
    const top = -element.getBoundingClientRect().top;
    const step = view / 4;
    // Without overscan at the start, the visible pictures load sooner.
    const around = firstShown.value ? overscan : 0;
    const from = Math.floor((top - view * around) / step) * step;
    const until = from + view * (1 + 2 * around) + step;
    setStretch((before) => (before.top === from && before.bottom === until ? before : { top: from, bottom: until }));
    notePlace(latest.current.sections, top + underHeader(), place);
    // If results arrived meanwhile, they are laid out first; this runs again then.
    if (latest.current.of === results.peek()) readNear(latest.current.sections, top, view);
  };
  useLayoutEffect(() => {
    stayAtMonth(sections, place);
    update();
  });
  useSignalEffect(() => {
    if (!flying.value && !isReading.value && fault.value === null) update();
  });
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
  return stretch;
}

/** Loads what is missing in the window and below first, then above. */
function readNear(sections: readonly Section[], top: number, view: number): void {
  if (fault.peek() !== null || !firstShown.peek()) return;
  const bottom = top + view * (1 + readAhead);
  if (results.peek()?.months === undefined) {
    if (bottom > heightOf(sections)) void loadMore();
    return;
  }
  // Nothing is loaded while scrolling fast.
  if (flying.peek()) return;
  const missing = unreadBetween(sections, top, bottom) ?? unreadBetween(sections, top - view * overscan, top);
  if (missing) void loadMore(missing.month?.value);
}

/** Keeps the visible month in place when earlier months turn out taller or shorter than estimated. */
function stayAtMonth(sections: readonly Section[], place: Signal<Place>): void {
  const before = monthInSight;
  const section = before && sections.find(({ month }) => month?.value === before.month);
  if (!section || section.top === before.top) return;
  const isJump = place.peek().y === scrollY;
  scrollBy(0, section.top - before.top);
  noteMonth(section);
  if (isJump) place.value = { ...place.peek(), y: scrollY };
}

/**
 * Records which month the window starts with. After a jump, its target counts until the user scrolls: the last months
 * can never reach the top.
 */
function notePlace(sections: readonly Section[], y: number, place: Signal<Place>): void {
  // A jump ends on a whole pixel.
  const section = sectionAt(sections, y + 1);
  if (!section?.month) return;
  noteMonth(section);
  if (place.peek().y === scrollY) return;
  const part = Math.min(1, Math.max(0, (y - section.top) / section.height));
  place.value = { at: section.before + Math.floor(part * section.count), y: scrollY };
}

/** A new list starts at its top or saved position; a list that only grew keeps its position. */
function useKeptScroll(sections: readonly Section[], isLaidOut: boolean): void {
  const version = results.value?.version;
  const shown = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    // Before its layout, the list has no height to scroll through.
    if (!isLaidOut) return;
    const isNew = version !== undefined && version !== shown.current;
    const { top, month } = results.peek() ?? {};
    const from = month === undefined ? 0 : (sections.find((one) => one.month?.value === month)?.top ?? 0);
    if (isNew) forgetMonth();
    if (isNew && (top !== undefined || route.peek().photo === undefined)) scrollInList(from + (top ?? aboveList));
    shown.current = version;
  }, [version, isLaidOut]);
}
