import { LRUCache } from 'lru-cache';
import type { Collection } from './collection.ts';

/**
 * Answers that a collection has given in its present state; a write forgets all of them. To be used within a turn.
 * @param max number of answers kept per collection
 */
export function stateCache<T extends {}>(max: number): (collection: Collection) => LRUCache<string, T> {
  const states = new WeakMap<Collection, { readonly change: number; readonly answers: LRUCache<string, T> }>();
  return (collection) => {
    const known = states.get(collection);
    if (known?.change === collection.change) return known.answers;
    const answers = new LRUCache<string, T>({ max });
    states.set(collection, { change: collection.change, answers });
    return answers;
  };
}
