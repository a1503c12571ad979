import { SightlineError } from '../../errors.ts';
import type { DatabaseSync } from '../../files/sqlite-file.ts';
import type { SpaceId } from '../../types.ts';

export interface CollectionOptions {
  /** Path of the database, created if missing; its folder must exist. */
  readonly file: string;
  readonly space: SpaceId;
  readonly dimension: number;
  readonly alias: string;
  /**
   * `live`: the collection that the alias names, created if missing; writes are refused once the alias names another.
   * `candidate`: one that the alias does not name, created if missing; writes are refused once the alias names it.
   */
  readonly role: 'live' | 'candidate';
  readonly chunkSlots?: number;
}

interface Found {
  readonly id: number;
  readonly space: string;
  readonly dimension: number;
}

/**
 * The number of the collection for these options, created if missing. Call it in a transaction.
 * @throws {space-mismatch}
 * @throws {not-found}
 * @throws {precondition-failed} as `Collection.open` does
 */
export function findCollection(db: DatabaseSync, options: CollectionOptions): number {
  const live = liveCollection(db, options.alias);
  return options.role === 'live' ? findLive(db, options, live) : findCandidate(db, options, live);
}

/** The collection that an alias names, or null. */
export function liveCollection(db: DatabaseSync, alias: string): Found | null {
  const found = db
    .prepare(
      'SELECT c.id, c.space, c.dimension FROM aliases a JOIN collections c ON c.id = a.collection WHERE a.name = ?',
    )
    .get(alias);
  return (found as Found | undefined) ?? null;
}

function findLive(db: DatabaseSync, options: CollectionOptions, live: Found | null): number {
  const { file, space, dimension, alias } = options;
  if (live === null) {
    const id = create(db, options);
    db.prepare('INSERT INTO aliases (name, collection) VALUES (?, ?)').run(alias, id);
    return id;
  }
  if (live.space === space && live.dimension === dimension) return live.id;
  throw new SightlineError(
    'space-mismatch',
    `expected vectors of space ${space} with ${dimension} dimensions, as the loaded models make them, but ${file} ` +
      `holds those of space ${live.space} with ${live.dimension}; use the models it was made with, change to ` +
      'these with `npm run reindex`, or name another file and index again',
    { details: { expected: space, found: live.space } },
  );
}

function findCandidate(db: DatabaseSync, options: CollectionOptions, live: Found | null): number {
  const { file, space, dimension } = options;
  if (live === null) {
    throw new SightlineError('not-found', `expected a live space in ${file} to build another one beside, found none`);
  }
  if (live.space === space) {
    throw new SightlineError('precondition-failed', `expected a space that is not live, got ${space}`);
  }
  const found = db.prepare('SELECT id, space, dimension FROM collections WHERE space = ?').get(space) as
    | Found
    | undefined;
  if (found === undefined) return create(db, options);
  if (found.dimension === dimension) return found.id;
  throw new SightlineError(
    'space-mismatch',
    `expected the space ${space} of ${file} to have ${dimension} dimensions, as the loaded models make it, got ` +
      `${found.dimension}`,
    { details: { expected: dimension, found: found.dimension } },
  );
}

/** A space that is deleted and created again gets a new collection. */
function create(db: DatabaseSync, { space, dimension }: CollectionOptions): number {
  const { lastInsertRowid } = db
    .prepare('INSERT INTO collections (name, space, dimension, created_at, change) VALUES (?, ?, ?, ?, 0)')
    .run(`sightline-${space}`, space, dimension, new Date().toISOString());
  return Number(lastInsertRowid);
}
