import type { Signal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { formatMonth } from '../format-values.ts';
import { type Section, sectionOf } from '../grid/sections.ts';
import { t } from '../i18n/translate.ts';
import { countOfMonth } from '../state/results.ts';
import { aboveList, noteMonth, scrollInList, underHeader } from '../state/scroll.ts';
import { useLength } from './use-length.ts';

/** Position in a list by date at the top of the window. */
export interface Place {
  /** Index of the first visible picture. */
  readonly at: number;
  /** Scroll offset of the page at that time. */
  readonly y: number;
}

export function nameOfMonth(month: string): string {
  return month === '' ? t('results.undated') : formatMonth(month);
}

/** Minimum space for a year label and between two months, in pixels. */
const yearRoom = 18;
const monthRoom = 5;

interface ScrubberProps {
  readonly sections: readonly Section[];
  readonly place: Signal<Place>;
}

/**
 * Timeline beside a list by date; each month's length is proportional to its pictures. A native slider, so that
 * pointer, touch and screen readers work as usual; keys move by month and by year.
 */
export function Scrubber({ sections, place }: ScrubberProps) {
  const frame = useRef<HTMLDivElement>(null);
  const isHeld = useRef(false);
  const height = useLength(frame, 'clientHeight');
  const last = sections.at(-1)!;
  const total = last.before + last.count;
  const { at } = place.value;
  const section = sectionOf(sections, at)!;
  const name = nameOfMonth(section.month!.value);
  const marks = useMemo(() => <Marks sections={sections} total={total} height={height} />, [sections, total, height]);
  const jump = (to: number) => jumpTo(sections, to, place);
  const input = useRef<HTMLInputElement>(null);
  // If the list cannot scroll as far as the pointer, the slider stays with the pointer.
  const value = isHeld.current && input.current ? input.current.valueAsNumber : at;
  const hold = (on: boolean) => () => {
    isHeld.current = on;
  };

  return (
    <div ref={frame} class="scrubber">
      {marks}
      <input
        ref={input}
        type="range"
        min={0}
        max={total - 1}
        value={value}
        aria-label={t('results.scrubber')}
        aria-orientation="vertical"
        aria-valuetext={t('results.scrubberValue', { month: name, count: countOfMonth(section.month!) })}
        onInput={(event) => jump(event.currentTarget.valueAsNumber)}
        onPointerDown={hold(true)}
        onPointerUp={hold(false)}
        onPointerCancel={hold(false)}
        onKeyDown={(event) => {
          const to = afterKey(sections, section, event.key);
          if (!to) return;
          event.preventDefault();
          jump(to.before);
        }}
      />
      <output aria-hidden="true" style={{ top: share(at / total) }}>
        {name}
      </output>
    </div>
  );
}

/** A position on the slider; the centre of its thumb stays half its height away from both ends. */
function share(part: number): string {
  return `calc(var(--thumb) / 2 + ${part} * (100% - var(--thumb)))`;
}

function jumpTo(sections: readonly Section[], at: number, place: Signal<Place>): void {
  const section = sectionOf(sections, at)!;
  const part = (at - section.before) / section.count;
  scrollInList(at === 0 ? aboveList : section.top + part * section.height - underHeader());
  noteMonth(section);
  place.value = { at, y: scrollY };
}

/** The section that a key leads to: next or previous month or year, first or last. */
function afterKey(sections: readonly Section[], from: Section, key: string): Section | undefined {
  const i = sections.indexOf(from);
  const isOther = (one: Section) => yearOf(one) !== yearOf(from);
  if (key === 'ArrowDown' || key === 'ArrowRight') return sections[i + 1] ?? from;
  if (key === 'ArrowUp' || key === 'ArrowLeft') return sections[i - 1] ?? from;
  if (key === 'PageDown') return sections.slice(i).find(isOther) ?? sections.at(-1);
  if (key === 'Home' || key === 'End') return sections.at(key === 'Home' ? 0 : -1);
  if (key !== 'PageUp') return;
  const before = sections.slice(0, i).findLast(isOther);
  return before === undefined ? sections[0] : sections.find((one) => yearOf(one) === yearOf(before));
}

function yearOf(section: Section): string {
  return section.month!.value.slice(0, 4);
}

/** Year labels and month ticks, as many as fit. */
function Marks({ sections, total, height }: { sections: readonly Section[]; total: number; height: number }) {
  let lastYear = { year: '', y: -yearRoom };
  let lastMonth = -monthRoom;
  return (
    <ol aria-hidden="true">
      {sections.map((section) => {
        const part = section.before / total;
        const y = part * height;
        const year = yearOf(section);
        const isYear = year !== '' && year !== lastYear.year && y - lastYear.y >= yearRoom;
        if (!isYear && y - lastMonth < monthRoom) return null;
        lastMonth = y;
        if (isYear) lastYear = { year, y };
        return (
          <li key={section.month!.value} style={{ top: share(part) }}>
            {isYear ? year : ''}
          </li>
        );
      })}
    </ol>
  );
}
