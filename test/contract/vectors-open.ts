import type { VectorStore } from '../../core/ports.ts';

export interface OpenStore {
  /** Empty, for vectors of DIMENSION components. */
  readonly store: VectorStore;
  /** Closes the store that was opened last and opens the same data again. */
  reopen(): Promise<VectorStore>;
  /** Closes and deletes everything. */
  cleanup(): Promise<void>;
}

export type Open = () => Promise<OpenStore>;

/** Runs a test on a store of its own. */
export async function withStore(
  open: Open,
  test: (store: VectorStore, reopen: () => Promise<VectorStore>) => Promise<void>,
): Promise<void> {
  const { store, reopen, cleanup } = await open();
  try {
    await test(store, reopen);
  } finally {
    await cleanup();
  }
}
