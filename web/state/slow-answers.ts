import { signal } from '@preact/signals';

/** Responses slower than this are mentioned; a cold start takes up to three seconds. */
const patienceMs = 4000;

/** True while a call takes longer than people wait without an explanation. */
export const answerIsLate = signal(false);

let late = 0;

/** `fetch`, monitored. Uploads show their own progress and do not use this. */
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
