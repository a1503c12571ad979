import { signal } from '@preact/signals';

/** True while pages fly by too fast to look at anything: pictures are not asked for then. */
export const flying = signal(false);

/** Window heights a second from which on nobody looks. */
const tooFast = 3;
const settleMs = 120;

let lastY = 0;
let lastAt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Called for each frame in which the page was scrolled. */
export function noteScroll(y: number, height: number, now: number): void {
  const speed = (Math.abs(y - lastY) / height / Math.max(1, now - lastAt)) * 1000;
  // The first frame after a rest says nothing about speed: a jump to another place is looked at.
  if (now - lastAt < settleMs) flying.value = speed > tooFast;
  lastY = y;
  lastAt = now;
  clearTimeout(timer);
  timer = setTimeout(() => {
    flying.value = false;
  }, settleMs);
}

/** Further up than everything that stands above a list. */
export const aboveList = -100_000;

/**
 * How far the window is scrolled, from the top of the result list, in pixels; less than 0 while that is below the
 * window's. Not from the top of the page: what stands above a list, such as the note of a fault, comes and goes.
 */
export function scrolledInList(): number {
  const list = document.querySelector('.grid');
  return list === null ? aboveList : -list.getBoundingClientRect().top;
}

/** Scrolls to where {@link scrolledInList} was `top`. */
export function scrollInList(top: number): void {
  scrollBy({ top: top - scrolledInList() });
}

/** How much of the window's top is under the header that stays there, in pixels. */
export function underHeader(): number {
  return document.querySelector<HTMLElement>('.header')?.offsetHeight ?? 0;
}

/** A page that is scrolled by less than this is at its top: what is new is shown there. */
export const atTopPx = 80;

/** The month that the window begins with in a list by date, and where in the list that month begins. */
export let monthInSight: { readonly month: string; readonly top: number } | undefined;

export function noteMonth({ month, top }: { readonly month?: { readonly value: string }; readonly top: number }): void {
  monthInSight = month === undefined || scrollY < atTopPx ? undefined : { month: month.value, top };
}

export function forgetMonth(): void {
  monthInSight = undefined;
}
