import { SightlineError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';

/** The same store without writes: every change is refused as `read-only`. */
export function readOnly<T extends ObjectStore>(store: T): T {
  const refuse = async (): Promise<never> => {
    throw readOnlyFault(store.bucket);
  };
  return { ...store, put: refuse, delete: refuse, discard: refuse, recover: refuse, purge: refuse };
}

export function readOnlyFault(place: string): SightlineError {
  return new SightlineError('read-only', `expected only reads from ${place}, because it was opened read-only`);
}
