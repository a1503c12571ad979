const turns = new Map<string, Promise<unknown>>();

/** Runs tasks with the same name one after another, in order of arrival, within this process. */
export async function exclusively<T>(name: string, task: () => Promise<T>): Promise<T> {
  const before = turns.get(name) ?? Promise.resolve();
  const turn = before.then(task, task);
  const settled = turn.catch(() => {});
  turns.set(name, settled);
  try {
    return await turn;
  } finally {
    if (turns.get(name) === settled) turns.delete(name);
  }
}
