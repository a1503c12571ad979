import { signal } from '@preact/signals';

/** True while scrolling too fast to see anything: pictures are not requested then. */
export const flying = signal(false);

/** Scroll speed, in window heights per second, above which nothing is loaded. */
const tooFast = 3;
const settleMs = 120;

let lastY = 0;
let lastAt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Called for each frame with scrolling. */
export function noteScroll(y: number, height: number, now: number): void {
  const speed = (Math.abs(y - lastY) / height / Math.max(1, now - lastAt)) * 1000;
  // The first frame after a rest says nothing about speed: it may be a jump.
  if (now - lastAt < settleMs) flying.value = speed > tooFast;
  lastY = y;
  lastAt = now;
  clearTimeout(timer);
  timer = setTimeout(() => {
    flying.value = false;
  }, settleMs);
}

/** Further up than anything above a list. */
export const aboveList = -100_000;

/**
 * Scroll offset in pixels from the top of the result list; negative while the top is below that of the window. Not
 * measured from the top of the page, because elements above the list, such as error notes, come and go.
 */
export function scrolledInList(): number {
  const list = document.querySelector('.grid');
  return list === null ? aboveList : -list.getBoundingClientRect().top;
}

/** Scrolls to where {@link scrolledInList} was `top`. */
export function scrollInList(top: number): void {
  scrollBy({ top: top - scrolledInList() });
}

/** Height of the sticky header over the window, in pixels. */
export function underHeader(): number {
  return document.querySelector<HTMLElement>('.header')?.offsetHeight ?? 0;
}

/** Below this scroll offset the page counts as being at its top, where new items are shown. */
export const atTopPx = 80;

/** In a list by date: the month at the top of the window, and where in the list it starts. */
export let monthInSight: { readonly month: string; readonly top: number } | undefined;

export function noteMonth({ month, top }: { readonly month?: { readonly value: string }; readonly top: number }): void {
  monthInSight = month === undefined || scrollY < atTopPx ? undefined : { month: month.value, top };
}

export function forgetMonth(): void {
  monthInSight = undefined;
}
