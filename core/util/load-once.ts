/** Something heavy that is loaded once and shared. */
export interface Loaded<T> {
  /**
   * Loads it on the first call; concurrent calls share that load. If it fails they all fail, and the next call tries
   * again.
   */
  get(): Promise<T>;
  /** The loaded thing, waiting for a load in progress; null when there is none or it fails. */
  peek(): Promise<T | null>;
}

/** Loads a thing on first use. */
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
