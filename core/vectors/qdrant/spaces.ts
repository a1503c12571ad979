import { setTimeout as sleep } from 'node:timers/promises';
import { isSightlineError, SightlineError } from '../../errors.ts';
import type { CandidateIndex, SpaceSummary, Spaces, VectorStore } from '../../ports.ts';
import type { SpaceId } from '../../types.ts';
import { checkLimit } from '../validate.ts';
import { fillWords } from './backfill-name-words.ts';
import { connectQdrant, type QdrantConnection, type QdrantSession } from './client.ts';
import {
  checkVersion,
  collectionName,
  ensureCollection,
  type QdrantCollectionOptions,
  readAliases,
  readLayout,
} from './collection.ts';
import { findDifferences } from './diff.ts';
import { liveFilter, tombstonesBefore } from './filter.ts';
import { countExactly } from './list.ts';
import type { PrefixSearch } from './payload-indexes.ts';
import { openPart, type QdrantPart } from './points.ts';
import type { QdrantSearch } from './query.ts';
import { storeOf } from './store.ts';
import { activeFence, claimAlias, raiseFence } from './switch-lock.ts';
import { beginSwitch, endOldSwitch, readBackLive } from './switch-marker-point.ts';

export interface QdrantSpacesOptions extends QdrantConnection {
  /** @default `sightline-` */
  readonly collectionPrefix?: string;
  /**
   * Names the live collection.
   * @default `live`
   */
  readonly alias?: string;
  readonly search?: QdrantSearch;
  /** Options for creating collections. */
  readonly collection?: QdrantCollectionOptions;
  /**
   * How long a write waits for a switch to end before it is `unavailable`.
   * @default as long as it takes, a minute at most
   */
  readonly fencePatienceMs?: number;
}

/** How often a writer checks whether a switch is over. */
const FENCE_POLL_MS = 50;

/** Shared state of this driver. */
interface Server {
  readonly session: QdrantSession;
  readonly alias: string;
  readonly options: QdrantSpacesOptions;
  readonly search: QdrantSearch;
  /**
   * The collection that is live now, undefined when none is.
   * @throws {invalid-config} when the alias is not ours
   */
  readLive(): Promise<string | undefined>;
  /** How new collections search prefixes of keys. */
  readonly prefixes: PrefixSearch;
  nameOf(space: SpaceId): string;
  spaceOf(collection: string): SpaceId;
}

/**
 * All spaces on a server: one collection each, and an alias for the live one.
 * @throws {invalid-config} for a wrong URL or API key and an older server
 * @throws {unavailable} when it does not answer
 */
export async function openQdrantSpaces(options: QdrantSpacesOptions): Promise<Spaces> {
  const { collectionPrefix = 'sightline-', alias = 'live' } = options;
  const session = connectQdrant(options);
  let prefixes: PrefixSearch;
  try {
    prefixes = await checkVersion(session);
  } catch (error) {
    session.close();
    throw error;
  }
  const server: Server = {
    session,
    alias,
    options,
    search: options.search ?? {},
    prefixes,
    async readLive() {
      const named = (await readAliases(session)).get(alias);
      if (named === undefined || named.startsWith(collectionPrefix)) return named;
      throw new SightlineError(
        'invalid-config',
        `expected the alias ${alias} at ${session.url} to name a collection ${collectionPrefix}…, got ` +
          `${named}, which was not made by this program; use a Qdrant server where this alias is free`,
        { details: { alias, found: named } },
      );
    },
    nameOf: (space) => collectionName(collectionPrefix, space),
    spaceOf: (collection) => collection.slice(collectionPrefix.length),
  };
  const collections = async () => {
    const answer = await session.call('listing collections', (client) => client.getCollections());
    return answer.collections.map(({ name }) => name).filter((name) => name.startsWith(collectionPrefix));
  };
  /** A collection keeps its dimension. */
  const dimensions = new Map<string, number>();
  return {
    async live() {
      const collection = await server.readLive();
      if (collection === undefined) return null;
      const dimension = dimensions.get(collection) ?? (await readLayout(session, collection)).dimension;
      dimensions.set(collection, dimension);
      return { space: server.spaceOf(collection), dimension };
    },
    async list() {
      const live = (await readAliases(session)).get(alias);
      const summaries = await Promise.all((await collections()).sort().map((name) => summaryOf(server, name, live)));
      return summaries.filter((summary) => summary !== null);
    },
    openLive: (space, dimension) => openLive(server, space, dimension),
    openCandidate: (space, dimension) => openCandidate(server, space, dimension),
    drop: (space) => drop(server, collections, space),
    async close() {
      session.close();
    },
  };
}

/** See {@link Spaces.drop}. */
async function drop(server: Server, collections: () => Promise<string[]>, space: SpaceId): Promise<boolean> {
  const { session, alias } = server;
  const collection = server.nameOf(space);
  const assertNotLive = async () => {
    if ((await readAliases(session)).get(alias) === collection) throw isLive(space);
  };
  await assertNotLive();
  // Deleting a missing collection gives the same response as deleting an existing one.
  if (!(await collections()).includes(collection)) return false;
  let tries = 0;
  await session.call(`deleting ${collection}`, async (client) => {
    // The response to an earlier attempt was lost; since then it may have been created again and made live.
    if (tries++ > 0) await assertNotLive();
    return client.deleteCollection(collection);
  });
  return true;
}

function isLive(space: SpaceId): SightlineError {
  return new SightlineError('precondition-failed', `expected a space that is not live, got ${space}`);
}

function retired(space: SpaceId, how: string): SightlineError {
  return new SightlineError('space-retired', `the space ${space} ${how}`, { details: { space } });
}

/** Null when the collection has been removed since it was listed. */
async function summaryOf(server: Server, collection: string, live: string | undefined): Promise<SpaceSummary | null> {
  try {
    const layout = await readLayout(server.session, collection);
    const part = openPart(server.session, collection, layout);
    const [points, tombstones] = await Promise.all([
      countExactly(part, liveFilter({}, part)!),
      countExactly(part, tombstonesBefore('9999-12-31T00:00:00.000Z')),
    ]);
    const { dimension } = layout;
    return { space: server.spaceOf(collection), dimension, live: collection === live, points, tombstones };
  } catch (error) {
    if (isSightlineError(error, 'unavailable') && error.details?.httpStatus === 404) return null;
    throw error;
  }
}

async function openCollection(server: Server, space: SpaceId, dimension: number): Promise<QdrantPart> {
  const { session, options, prefixes } = server;
  const collection = server.nameOf(space);
  const layout = await ensureCollection(session, collection, dimension, options.collection ?? {}, prefixes);
  const part = openPart(session, collection, layout);
  // In the background; whatever is left is done when the collection is opened the next time.
  if (!layout.hasWords) fillWords(part).catch(() => undefined);
  return part;
}

async function openLive(server: Server, space: SpaceId, dimension: number): Promise<VectorStore> {
  const { session, alias } = server;
  const collection = server.nameOf(space);
  const expectLive = (named: string | undefined) => {
    if (named === undefined || named === collection) return;
    throw new SightlineError(
      'space-mismatch',
      `expected the alias ${alias} to name ${collection}, the space of the loaded models, got ${named}; use ` +
        'the models it was made with, or switch to these with `npm run reindex`',
      { details: { alias, expected: collection, found: named } },
    );
  };
  const before = await server.readLive();
  expectLive(before);
  const part = await openCollection(server, space, dimension);
  // Another process may start with other models at the same moment; one of the two gets the alias.
  if (before === undefined) expectLive(await claimAlias(session, alias, collection));
  // Afterwards, because a write and a check of the aliases cannot be atomic: see docs/decisions/0030-spaces.md. It
  // waits until the fence is gone: a caller that was refused earlier would find its write stored, and take it for
  // acknowledged.
  const acknowledge = async () => {
    const giveUpAt = performance.now() + (server.options.fencePatienceMs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const aliases = await readAliases(session);
      const named = aliases.get(alias);
      if (named !== collection) throw retired(space, `is no longer live: ${alias} names ${named ?? 'none'}`);
      if (activeFence(aliases, alias) === null) return;
      if (performance.now() > giveUpAt) {
        throw new SightlineError(
          'unavailable',
          `a change of models is in progress at ${session.url}; try again in a moment`,
        );
      }
      await sleep(FENCE_POLL_MS);
    }
  };
  const readBack: QdrantPart['readBack'] = (ids, fields) => readBackLive(part, alias, { ids, fields }, acknowledge);
  const store = storeOf({ ...part, readBack }, space, server.search);
  return {
    ...store,
    async upsert(points, ...how) {
      if (points.length === 0) await acknowledge();
      return store.upsert(points, ...how);
    },
    async setTags(id, tags) {
      const isThere = await store.setTags(id, tags);
      await acknowledge();
      return isThere;
    },
  };
}

async function openCandidate(server: Server, space: SpaceId, dimension: number): Promise<CandidateIndex> {
  const { session, alias } = server;
  const collection = server.nameOf(space);
  const live = await server.readLive();
  if (live === undefined) {
    throw new SightlineError('not-found', `expected an alias ${alias} to build another space beside, found none`);
  }
  if (live === collection) throw isLive(space);
  const part = await openCollection(server, space, dimension);
  const from = openPart(session, live, await readLayout(session, live));
  const mayWrite = async () => {
    if ((await readAliases(session)).get(alias) === collection) throw retired(space, 'has become live');
  };
  const copy = {
    live: server.spaceOf(live),
    differences(after: string | null, limit: number) {
      checkLimit(limit);
      return findDifferences(from, part, after, limit);
    },
    from: storeOf(from, server.spaceOf(live), server.search),
    to: guarded(storeOf(part, space, server.search), mayWrite),
  };
  return {
    ...copy,
    async switch(last) {
      const fence = await raiseFence(session, alias, collection);
      try {
        if ((await readAliases(session)).get(alias) !== live) throw retired(copy.live, 'is no longer live');
        await endOldSwitch(part);
        const endSwitch = await beginSwitch(from);
        try {
          await last(copy);
          await fence.pointAlias();
        } finally {
          // Not worth failing for: without it writers only send more requests.
          await endSwitch().catch(() => {});
        }
      } finally {
        await fence.lower();
      }
    },
    close: async () => {},
  };
}

/** The same store, with a check before every write. */
function guarded(store: VectorStore, mayWrite: () => Promise<void>): VectorStore {
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    await mayWrite();
    return work();
  };
  return {
    ...store,
    upsert: (points, when, options) => write(() => store.upsert(points, when, options)),
    remove: (tombstones, when) => write(() => store.remove(tombstones, when)),
    setTags: (id, tags) => write(() => store.setTags(id, tags)),
  };
}
