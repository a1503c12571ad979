import { SightlineError } from '../errors.ts';
import type { DiscardedObject, ListedObject, ObjectStore } from '../ports.ts';

/**
 * A view of the objects of `store` whose keys begin with `prefix`, with the prefix removed: a data set in a part of a
 * bucket. `prefix` is '' or ends with a slash; anything else is `invalid-config`.
 */
export function withPrefix(store: ObjectStore, prefix: string): ObjectStore {
  if (prefix !== '' && !prefix.endsWith('/')) {
    throw new SightlineError(
      'invalid-config',
      `expected a prefix that ends with a slash, got ${JSON.stringify(prefix)}`,
    );
  }
  const inner = <T extends ListedObject>(object: T): T => ({ ...object, key: object.key.slice(prefix.length) });
  const outer = (object: DiscardedObject) => ({ ...object, key: prefix + checked(object.key) });
  return {
    bucket: store.bucket,
    async head(key) {
      const info = await store.head(prefix + checked(key));
      return info && inner(info);
    },
    async get(key, options) {
      const found = await store.get(prefix + checked(key), options);
      return found && { ...found, info: inner(found.info) };
    },
    async put(key, body, options) {
      return inner(await store.put(prefix + checked(key), body, options));
    },
    async delete(key, options) {
      await store.delete(prefix + checked(key), options);
    },
    async list(options) {
      const { items, next } = await store.list({ ...options, prefix: prefix + (options.prefix ?? '') });
      return { items: items.map(inner), ...(next !== undefined && { next }) };
    },
    discard: (object) => store.discard(outer(object)),
    async getDiscarded(object) {
      const found = await store.getDiscarded(outer(object));
      return found && { ...found, info: inner(found.info) };
    },
    async recover(object) {
      const info = await store.recover(outer(object));
      return info && inner(info);
    },
    purge: (object) => store.purge(outer(object)),
  };
}

/** '' is not a valid key, and must not become the key of the prefix itself. */
function checked(key: string): string {
  if (key === '') throw new SightlineError('invalid-key', 'the key "" is empty');
  return key;
}
