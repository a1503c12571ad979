import { SightlineError } from '../errors.ts';
import type { SpaceId } from '../types.ts';
import { connectQdrant, type QdrantConnection } from './qdrant-client.ts';
import { collectionName, pointAlias, readAliases } from './qdrant-collection.ts';

export interface QdrantSpace {
  readonly space: SpaceId;
  readonly collection: string;
  /** Points and tombstones. */
  readonly points: number;
  /** Does the alias name it? */
  readonly live: boolean;
}

export interface QdrantSpaces {
  list(): Promise<QdrantSpace[]>;
  /** Switches the alias to this space at once. Throws `not-found`. */
  use(space: SpaceId): Promise<void>;
  /** Deletes a space. False when there is none. Throws `precondition-failed` for the live one. */
  drop(space: SpaceId): Promise<boolean>;
  close(): void;
}

/** The collections of all spaces on a server. */
export function openQdrantSpaces(
  options: QdrantConnection & { collectionPrefix?: string; alias?: string },
): QdrantSpaces {
  const { collectionPrefix = 'sightline-', alias = 'live' } = options;
  const session = connectQdrant(options);
  const names = async () => {
    const { collections } = await session.call('listing collections', (client) => client.getCollections());
    return collections
      .map(({ name }) => name)
      .filter((name) => name.startsWith(collectionPrefix))
      .sort();
  };
  return {
    async list() {
      const live = (await readAliases(session)).get(alias);
      return Promise.all(
        (await names()).map(async (collection) => {
          const { count } = await session.call(`counting ${collection}`, (client) =>
            client.count(collection, { exact: true }),
          );
          return {
            space: collection.slice(collectionPrefix.length),
            collection,
            points: count,
            live: collection === live,
          };
        }),
      );
    },
    async use(space) {
      const collection = collectionName(collectionPrefix, space);
      const all = await names();
      if (!all.includes(collection)) {
        const message = `expected one of the spaces ${all.map((name) => name.slice(collectionPrefix.length)).join(', ')}, got ${space}`;
        throw new SightlineError('not-found', message);
      }
      const aliases = await readAliases(session);
      if (aliases.get(alias) !== collection) await pointAlias(session, alias, collection, aliases.has(alias));
    },
    async drop(space) {
      const collection = collectionName(collectionPrefix, space);
      if ((await readAliases(session)).get(alias) === collection) {
        throw new SightlineError('precondition-failed', `expected a space that is not live, got ${space}`);
      }
      return session.call(`deleting ${collection}`, (client) => client.deleteCollection(collection));
    },
    close: () => session.close(),
  };
}
