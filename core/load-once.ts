/** Something heavy that is loaded once and shared. */
export interface Loaded<T> {
  /**
   * Loads it at the first call; calls that come meanwhile share the load. A failed one is answered to them and then
   * tried again.
   */
  get(): Promise<T>;
  /** What is loaded or being loaded; null when nothing is, or when it fails. */
  peek(): Promise<T | null>;
}

/** Loads a thing when it is first asked for. */
export function loadOnce<T>(load: () => Promise<T>): Loaded<T> {
  let loading: Promise<T> | null = null;
  return {
    get() {
      loading ??= load().catch((error: unknown) => {
        loading = null;
        throw error;
      });
      return loading;
    },
    peek: async () => loading?.catch(() => null) ?? null,
  };
}
