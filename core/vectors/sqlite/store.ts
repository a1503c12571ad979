import { availableParallelism } from 'node:os';
import type { VectorStore } from '../../ports.ts';
import type { SpaceId } from '../../types.ts';
import { type Loaded, loadOnce } from '../../util/load-once.ts';
import { copiesByHash } from '../copies-by-sha256.ts';
import { checkId, checkPoints, checkTags, checkTombstones, instantOf } from '../validate.ts';
import { Collection } from './collection.ts';
import { facet } from './facet.ts';
import { countPoints, findCopies, getPoints, getVectors, listPoints } from './list.ts';
import { NearestPoints } from './query.ts';
import type { Scanner } from './scan.ts';
import { removePoints, replaceTags, upsertPoints } from './write.ts';

export interface EmbeddedStoreOptions {
  /** Path of the SQLite file, created if missing. Its folder must exist. */
  readonly file: string;
  /** The space of the loaded models, which all its vectors belong to. */
  readonly space: SpaceId;
  /** Components per vector. */
  readonly dimension: number;
  /**
   * Names the live space of the file.
   * @default `live`
   */
  readonly alias?: string;
  /**
   * Threads of one scan. Memory is the bottleneck: a second thread makes it about 1.6 times as fast, more add little.
   * @default 2, or 1 on a machine with one core
   */
  readonly threads?: number;
  /**
   * Vectors per scan step.
   * @default 32 MB of them
   */
  readonly chunkSlots?: number;
}

/**
 * The vector store without a server: one SQLite file for everything persistent, the vectors also in memory, and exact
 * search with one ONNX graph. Several processes may have the file open; each sees the others' commits at its next call.
 * When another space of the file becomes live, writes are `space-retired`.
 * @throws {space-mismatch} when the file serves another space or dimension
 * @throws {schema-mismatch} when it has another version or is not a database
 * @throws {unavailable} when it cannot be opened
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<VectorStore> {
  return (await openCollection(options, 'live')).store;
}

/** A store with its collection, for work on several collections of one file. */
export async function openCollection(
  options: EmbeddedStoreOptions,
  role: 'live' | 'candidate',
): Promise<{ collection: Collection; store: VectorStore }> {
  const { dimension, threads = Math.min(2, availableParallelism()) } = options;
  const collection = await Collection.open({ ...options, alias: options.alias ?? 'live', role });
  // For the first query: many commands ask for none.
  const scanner = loadOnce(async () => (await import('./scan.ts')).openScanner(dimension, threads));
  return { collection, store: storeOf(collection, options.space, scanner) };
}

function storeOf(collection: Collection, space: SpaceId, scanner: Loaded<Scanner>): VectorStore {
  const { dimension } = collection;
  const nearest = new NearestPoints(collection, scanner);
  let closing: Promise<void> | undefined;
  return {
    space,
    dimension,
    async upsert(points, when, { keepTags = false } = {}) {
      const vectors = checkPoints(points, dimension);
      return collection.write((transaction) =>
        upsertPoints(collection, transaction, points, vectors, { when, keepTags }),
      );
    },
    async remove(tombstones, when) {
      checkTombstones(tombstones);
      return collection.write((transaction) => removePoints(collection, transaction, tombstones, when));
    },
    get: (ids) => getPoints(collection, ids),
    vectors: (ids) => getVectors(collection, ids),
    async lookUp(ids, sha256s) {
      return { points: await getPoints(collection, ids), copies: await findCopies(collection, sha256s) };
    },
    async copies(sha256s, limit) {
      const lists = sha256s.map((sha256) =>
        listPoints(collection, { filter: { kind: 'image', sha256 }, limit, order: 'newest' }),
      );
      return copiesByHash(
        sha256s,
        (await Promise.all(lists)).map(({ items }) => items),
      );
    },
    async setTags(id, tags) {
      checkId(id);
      checkTags(tags);
      return collection.write((transaction) => replaceTags(collection, transaction, id, tags));
    },
    query: (query) => nearest.query(query),
    list: (query) => listPoints(collection, query),
    count: (filter) => countPoints(collection, filter),
    facet: (field, filter, limit) => facet(collection, field, filter, limit),
    async purgeTombstones(olderThan) {
      const before = instantOf(olderThan, 'the date of tombstones to delete');
      return collection.write(() => {
        const { changes } = collection
          .sql('DELETE FROM tombstones WHERE collection = ? AND deleted_ms < ?')
          .run(collection.id, before);
        return Number(changes);
      });
    },
    close() {
      closing ??= collection.close().then(async () => (await scanner.peek())?.release());
      return closing;
    },
  };
}
