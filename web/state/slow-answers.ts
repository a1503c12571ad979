import { signal } from '@preact/signals';

/** An answer that takes longer than this is worth a word: a function that starts needs up to three seconds. */
const patienceMs = 4000;

/** True while a call has been waiting for its answer for longer than people wait without being told. */
export const answerIsLate = signal(false);

let late = 0;

/** `fetch`, watched. Uploads have a progress of their own and do not come through here. */
export const watchedFetch: typeof fetch = async (input, init) => {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    late += 1;
    answerIsLate.value = true;
  }, patienceMs);
  try {
    return await fetch(input, init);
  } finally {
    clearTimeout(timer);
    if (isLate) late -= 1;
    answerIsLate.value = late > 0;
  }
};
