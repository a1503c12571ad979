import type { VectorStore } from '../../core/ports.ts';

export interface OpenStore {
  /** An empty store for vectors of DIMENSION components. */
  readonly store: VectorStore;
  /** Closes the store opened last and reopens the same data. */
  reopen(): Promise<VectorStore>;
  /** Closes the store and deletes its data. */
  cleanup(): Promise<void>;
}

export type Open = () => Promise<OpenStore>;

/** Runs a test on its own store. */
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
