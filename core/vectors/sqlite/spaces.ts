import { SightlineError } from '../../errors.ts';
import {
  type DatabaseSync,
  inTransaction,
  type Migration,
  openDatabase,
  retryWhileLocked,
  translated,
} from '../../files/sqlite-file.ts';
import type { CandidateIndex, Copy, Spaces } from '../../ports.ts';
import type { SpaceId } from '../../types.ts';
import { checkIds, checkLimit, checkPoints, checkTombstones } from '../validate.ts';
import type { Collection, WriteTransaction } from './collection.ts';
import { findDifferences } from './diff.ts';
import { liveCollection } from './find-collection.ts';
import { readPoints, readVectors } from './list.ts';
import { VECTOR_INDEX } from './schema.ts';
import { type EmbeddedStoreOptions, openCollection } from './store.ts';
import { removePoints, upsertPoints } from './write.ts';

export interface EmbeddedSpacesOptions extends Omit<EmbeddedStoreOptions, 'space' | 'dimension'> {
  /** As for `openDatabase`. */
  readonly onMigration?: (migration: Migration) => void;
}

/** Rows deleted per transaction, so that other writers get a turn. */
const DELETED_AT_ONCE = 5000;

/**
 * All spaces of one SQLite file.
 * @throws {schema-mismatch} when the file has another version or is not a database
 * @throws {unavailable} when it cannot be opened
 */
export async function openEmbeddedSpaces(options: EmbeddedSpacesOptions): Promise<Spaces> {
  const { file, alias = 'live' } = options;
  const db = await retryWhileLocked(async () => openDatabase(file, VECTOR_INDEX, options.onMigration));
  return {
    live: () =>
      retryWhileLocked(async () => {
        const found = translated(file, () => liveCollection(db, alias));
        return found === null ? null : { space: found.space, dimension: found.dimension };
      }),
    list: () => retryWhileLocked(async () => translated(file, () => listSpaces(db, alias))),
    openLive: async (space, dimension) => (await openCollection({ ...options, space, dimension }, 'live')).store,
    async openCandidate(space, dimension) {
      await sweep(db, file);
      const to = await openCollection({ ...options, space, dimension }, 'candidate');
      try {
        const live = liveCollection(db, alias)!;
        const from = await openCollection({ ...options, space: live.space, dimension: live.dimension }, 'live');
        return candidateOf(alias, from, to, live.space);
      } catch (error) {
        await to.store.close();
        throw error;
      }
    },
    async drop(space) {
      const found = await retryWhileLocked(async () => translated(file, () => loseName(db, space)));
      await sweep(db, file);
      return found;
    },
    async close() {
      if (db.isOpen) db.close();
    },
  };
}

type Opened = Awaited<ReturnType<typeof openCollection>>;

function candidateOf(alias: string, from: Opened, to: Opened, live: SpaceId): CandidateIndex {
  const differences = (after: string | null, limit: number) => {
    checkLimit(limit);
    return to.collection.read(() => findDifferences(to.collection, from.collection.id, after, limit));
  };
  return {
    live,
    differences,
    from: from.store,
    to: to.store,
    switch: (last) =>
      to.collection.write(async (transaction) => {
        const stillLive = to.collection.sql('SELECT 1 FROM aliases WHERE name = ? AND collection = ?');
        if (stillLive.get(alias, from.collection.id) === undefined) {
          throw new SightlineError('space-retired', `the space ${live} is no longer live`, {
            details: { space: live },
          });
        }
        await last(copyWithin(to.collection, from.collection.id, transaction));
        to.collection.sql('UPDATE aliases SET collection = ? WHERE name = ?').run(to.collection.id, alias);
      }),
    async close() {
      await from.store.close();
      await to.store.close();
    },
  };
}

/** The same within a transaction that keeps all other writers waiting. */
function copyWithin(collection: Collection, from: number, transaction: WriteTransaction): Copy {
  return {
    async differences(after, limit) {
      checkLimit(limit);
      return findDifferences(collection, from, after, limit);
    },
    from: {
      async get(ids) {
        checkIds(ids);
        return readPoints(collection, from, ids);
      },
    },
    to: {
      async get(ids) {
        checkIds(ids);
        return readPoints(collection, collection.id, ids);
      },
      async vectors(ids) {
        checkIds(ids);
        return readVectors(collection, ids);
      },
      async upsert(points, when, { keepTags = false } = {}) {
        const vectors = checkPoints(points, collection.dimension);
        return upsertPoints(collection, transaction, points, vectors, { when, keepTags });
      },
      async remove(tombstones, when) {
        checkTombstones(tombstones);
        return removePoints(collection, transaction, tombstones, when);
      },
    },
  };
}

/** Name prefix of a collection whose content is yet to be deleted. No space id begins with it. */
const NAMELESS = 'deleted-';

function listSpaces(db: DatabaseSync, alias: string) {
  const rows = db
    .prepare(`SELECT c.space, c.dimension, c.id IN (SELECT collection FROM aliases WHERE name = ?) AS live,
        (SELECT count(*) FROM points WHERE collection = c.id) AS points,
        (SELECT count(*) FROM tombstones WHERE collection = c.id) AS tombstones
      FROM collections c WHERE c.space NOT LIKE '${NAMELESS}%' ORDER BY c.space`)
    .all(alias);
  return rows.map(({ space, dimension, live, points, tombstones }) => ({
    space: space as string,
    dimension: dimension as number,
    live: live === 1,
    points: points as number,
    tombstones: tombstones as number,
  }));
}

/** Removes the name of a space at once; its content is deleted afterwards. False when there is none. */
function loseName(db: DatabaseSync, space: SpaceId): boolean {
  return inTransaction(db, () => {
    const found = db.prepare('SELECT id FROM collections WHERE space = ?').get(space);
    if (found === undefined) return false;
    const id = found.id as number;
    if (db.prepare('SELECT 1 FROM aliases WHERE collection = ?').get(id) !== undefined) {
      throw new SightlineError('precondition-failed', `expected a space that is not live, got ${space}`);
    }
    db.prepare(`UPDATE collections SET space = ?1, name = ?1 WHERE id = ?2`).run(`${NAMELESS}${id}`, id);
    return true;
  });
}

/** Deletes the content of nameless spaces in batches, including leftovers of earlier calls. */
async function sweep(db: DatabaseSync, file: string): Promise<void> {
  const nameless = `(SELECT id FROM collections WHERE space LIKE '${NAMELESS}%')`;
  const parts = [
    `DELETE FROM points WHERE row IN (SELECT row FROM points WHERE collection IN ${nameless} LIMIT ?)`,
    `DELETE FROM slots WHERE rowid IN (SELECT rowid FROM slots WHERE collection IN ${nameless} LIMIT ?)`,
    `DELETE FROM tombstones WHERE (collection, id) IN
      (SELECT collection, id FROM tombstones WHERE collection IN ${nameless} LIMIT ?)`,
    `DELETE FROM collections WHERE id IN (SELECT id FROM collections WHERE id IN ${nameless} LIMIT ?)`,
  ];
  for (const part of parts) {
    const some = () => translated(file, () => Number(db.prepare(part).run(DELETED_AT_ONCE).changes));
    while ((await retryWhileLocked(async () => some())) > 0);
  }
}
