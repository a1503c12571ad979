import { signal } from '@preact/signals';
import { afterFirstAnswer } from './results.ts';

/** Signals that the first visible pictures are loaded or overdue, so that deferred work does not compete with them. */
export const firstShown = signal(false);

const patienceMs = 2000;
/** The events that end an image request. Neither bubbles, and `load` does not reach the window. */
const ends = ['load', 'error'] as const;

/** Watches for them and calls back once. */
export function afterFirstPictures(then: () => void): void {
  afterFirstAnswer(() => {
    const end = () => {
      if (firstShown.value) return;
      for (const event of ends) document.removeEventListener(event, look, true);
      firstShown.value = true;
      then();
    };
    const look = () => {
      if ([...document.querySelectorAll<HTMLImageElement>('.tile img')].every(({ complete }) => complete)) end();
    };
    for (const event of ends) document.addEventListener(event, look, true);
    // The list is rendered first.
    requestAnimationFrame(() => setTimeout(look));
    setTimeout(end, patienceMs);
  });
}
