import { describe } from 'node:test';
import type { Open } from './vectors-open.ts';
import { readingContract } from './vectors-reading.ts';
import { refusalsContract } from './vectors-refusals.ts';
import { stacksContract } from './vectors-stacks.ts';
import { wordsContract } from './vectors-words.ts';
import { writingContract } from './vectors-writing.ts';

/**
 * The contract of every vector store; all drivers run it unchanged. It demands only what a real Qdrant server with
 * conditional upserts can guarantee, so scores are compared to 1e-5, and pages only while nothing is written.
 */
export function vectorsContract(name: string, open: Open): void {
  const opened = spread(open);
  describe(`vectors contract: ${name}`, () => {
    writingContract(opened);
    wordsContract(opened);
    readingContract(opened);
    refusalsContract(opened);
    stacksContract(opened);
  });
}

/** Stores are wrapped by spreading, which copies an object's own properties but no methods of a class. */
function spread(open: Open): Open {
  return async () => {
    const { store, reopen, cleanup } = await open();
    return { store: { ...store }, reopen: async () => ({ ...(await reopen()) }), cleanup };
  };
}

export type { Open, OpenStore } from './vectors-open.ts';
