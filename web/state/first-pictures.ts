import { signal } from '@preact/signals';
import { afterFirstAnswer } from './results.ts';

/** The pictures that one sees first are there, or late: what can wait does not compete with them any more. */
export const firstShown = signal(false);

const patienceMs = 2000;
/** How the request of a picture ends; neither bubbles. */
const ends = ['load', 'error'] as const;

/** Looks out for them, and calls back once. */
export function afterFirstPictures(then: () => void): void {
  afterFirstAnswer(() => {
    const end = () => {
      if (firstShown.value) return;
      for (const event of ends) removeEventListener(event, look, true);
      firstShown.value = true;
      then();
    };
    const look = () => {
      if ([...document.querySelectorAll<HTMLImageElement>('.tile img')].every(({ complete }) => complete)) end();
    };
    for (const event of ends) addEventListener(event, look, true);
    // The list is drawn first.
    requestAnimationFrame(() => setTimeout(look));
    setTimeout(end, patienceMs);
  });
}
