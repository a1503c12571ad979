import { describe } from 'node:test';
import type { Open } from './vectors-open.ts';
import { filtersContract, readingContract } from './vectors-reading.ts';
import { refusalsContract } from './vectors-refusals.ts';
import { stacksContract } from './vectors-stacks.ts';
import { wordsContract } from './vectors-words.ts';
import { writingContract } from './vectors-writing.ts';

/**
 * The contract of every vector store; all drivers run it unchanged. It demands only what a real Qdrant server with
 * conditional upserts can guarantee, so scores are compared to 1e-5, and pages only while nothing is written.
 */
export function vectorsContract(name: string, open: Open): void {
  contractOf(name, open, [
    writingContract,
    wordsContract,
    filtersContract,
    readingContract,
    refusalsContract,
    stacksContract,
  ]);
}

/** The part of it about filters, for a server to which only those are sent in another way. */
export function filtersOnly(name: string, open: Open): void {
  contractOf(name, open, [wordsContract, filtersContract]);
}

function contractOf(name: string, open: Open, parts: readonly ((open: Open) => void)[]): void {
  const opened = spread(open);
  describe(`vectors contract: ${name}`, () => {
    for (const part of parts) part(opened);
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
