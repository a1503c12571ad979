import type { Signal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { formatMonth } from '../format.ts';
import { type Section, sectionOf } from '../grid/sections.ts';
import { t } from '../i18n/translate.ts';
import { countOfMonth } from '../state/results.ts';
import { aboveList, noteMonth, scrollInList, underHeader } from '../state/scroll.ts';
import { useLength } from './use-length.ts';

/** Where in a list by date the window begins. */
export interface Place {
  /** The number of the first picture, from 0. */
  readonly at: number;
  /** How far the page was scrolled then. */
  readonly y: number;
}

export function nameOfMonth(month: string): string {
  return month === '' ? t('results.undated') : formatMonth(month);
}

/** Room that the name of a year needs, and between two months, in pixels. */
const yearRoom = 18;
const monthRoom = 5;

interface ScrubberProps {
  readonly sections: readonly Section[];
  readonly place: Signal<Place>;
}

/**
 * All months of a list by date beside it, each as long as it has pictures. The browser's own slider, so that pointer,
 * finger and screen reader move it as they are used to; keys go from month to month and from year to year.
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
  // Where the list cannot be scrolled as far as the pointer is, the slider stays with the pointer.
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

/** A place on the slider; the middle of its thumb goes from half its height to half its height before the end. */
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

/** The section that a key leads to from another one: the next month, the next year, the first and the last. */
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

/** The years by name and the months as ticks, as many as have room. */
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
