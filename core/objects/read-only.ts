import { SightlineError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';

/** The same store without writes: every change is refused as `read-only`. */
export function readOnly<T extends ObjectStore>(store: T): T {
  const refuse = async (): Promise<never> => {
    throw readOnlyFault();
  };
  return { ...store, put: refuse, delete: refuse, discard: refuse, recover: refuse, purge: refuse };
}

export function readOnlyFault(): SightlineError {
  const message = 'expected no change of pictures: they were opened read-only, and no folder or bucket is changed';
  return new SightlineError('read-only', message);
}
