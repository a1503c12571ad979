/** Something heavy that is loaded once and shared, and loaded again when that failed. */
export interface Loaded<T> {
  get(): Promise<T>;
  /** Resolves when the load under way is over, however it ended, or after so many milliseconds. */
  settled(withinMs: number): Promise<void>;
}

/** Lambda ends a start that takes longer than 10 s, and begins again within the first invocation. */
export const START_MS = 8000;

/** Starts loading when first asked. A failure is answered to who waits for it and never kept for who comes later. */
export function loadOnce<T>(load: () => Promise<T>): Loaded<T> {
  let loading: Promise<T> | null = null;
  const get = (): Promise<T> => {
    loading ??= load().catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  };
  return {
    get,
    settled: (withinMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        const end = () => {
          clearTimeout(timer);
          resolve();
        };
        get().then(end, end);
      }),
  };
}
