import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Larger runs are no faster, use more memory (docs/decisions/0018-threads.md), and delay searches.
 */
const MOST_TOGETHER = 4;

/** Turns single calls into calls of `run` with all waiting ones, at most {@link MOST_TOGETHER}. */
export function runTogether<In, Out>(
  run: (items: readonly In[]) => Promise<readonly Out[]>,
): (item: In) => Promise<Out> {
  const waiting: { readonly item: In; readonly answer: PromiseWithResolvers<Out> }[] = [];
  let isRunning = false;
  const runAll = async () => {
    isRunning = true;
    while (waiting.length > 0) {
      // A run blocks the thread: pictures decoded meanwhile arrive in the next turn of the event loop.
      await nextTurn();
      const batch = waiting.splice(0, MOST_TOGETHER);
      try {
        const answers = await run(batch.map(({ item }) => item));
        for (const [i, { answer }] of batch.entries()) answer.resolve(answers[i]!);
      } catch (error) {
        for (const { answer } of batch) answer.reject(error);
      }
    }
    isRunning = false;
  };
  return (item) => {
    const answer = Promise.withResolvers<Out>();
    waiting.push({ item, answer });
    if (!isRunning) void runAll();
    return answer.promise;
  };
}
