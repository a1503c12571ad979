import { LRUCache } from 'lru-cache';
import { SightlineError } from '../../errors.ts';
import {
  type DatabaseSync,
  inTransaction,
  openDatabase,
  retryWhileLocked,
  rollback,
  type StatementSync,
  sqliteFault,
} from '../../sqlite.ts';
import { type CollectionOptions, findCollection } from './find-collection.ts';
import { applySlotsSince, loadSlots } from './load-matrix.ts';
import { type SlotChange, SlotMatrix } from './matrix.ts';
import { VECTOR_INDEX } from './schema.ts';

/** Distinct statements kept prepared; filters make many. */
const MAX_STATEMENTS = 200;

/** A write in progress: what it has to say to the matrix once it is committed. */
export interface WriteTransaction {
  /** Number of the state it makes. */
  readonly change: number;
  /** In order; empty when only other things than slots changed. */
  readonly slots: SlotChange[];
  /** Freed or new slots, each only once. */
  takeSlot(): number;
  /** Must be called when anything of the collection was changed. */
  touch(): void;
}

/**
 * One collection: its database and its matrix, which agree at the beginning of every turn. Turns run one after the
 * other, each in a transaction, so that what a turn sees in the matrix and in the tables is one state, whatever other
 * processes write meanwhile. Scans of several turns would not be faster side by side: they share the memory bus.
 */
export class Collection {
  readonly file: string;
  readonly id: number;
  readonly dimension: number;
  readonly matrix: SlotMatrix;
  readonly #db: DatabaseSync;
  readonly #options: CollectionOptions;
  readonly #statements = new LRUCache<string, StatementSync>({ max: MAX_STATEMENTS });
  /** The state of the collection that the matrix shows. */
  #change: number;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(db: DatabaseSync, options: CollectionOptions, id: number) {
    this.#db = db;
    this.#options = options;
    this.file = options.file;
    this.id = id;
    this.dimension = options.dimension;
    this.matrix = new SlotMatrix(options.dimension, options.chunkSlots);
    this.#change = -1;
  }

  /**
   * Opens a collection and loads its vectors.
   * @throws {space-mismatch} when the alias serves another space than the one to be live, or the space has another
   * dimension
   * @throws {not-found}
   * @throws {precondition-failed} when there is no live one to be a candidate for
   * @throws {schema-mismatch}
   * @throws {unavailable}
   */
  static async open(options: CollectionOptions): Promise<Collection> {
    const db = await retryWhileLocked(async () => openDatabase(options.file, VECTOR_INDEX));
    try {
      const id = await retryWhileLocked(async () => inTransaction(db, 'IMMEDIATE', () => findCollection(db, options)));
      const collection = new Collection(db, options, id);
      await collection.read(() => undefined);
      return collection;
    } catch (error) {
      db.close();
      throw sqliteFault(options.file, error);
    }
  }

  /** The state that the matrix and, within a turn, the tables are in. */
  get change(): number {
    return this.#change;
  }

  /** A prepared statement, made once. Rows are objects. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** Runs `work`, which only reads, on one state of the collection; again when that was locked. */
  read<T>(work: () => T | Promise<T>): Promise<T> {
    // Even readers can find it locked: by a process that closes the file, or is the first after a crash.
    return retryWhileLocked(() =>
      this.#turn(async () => {
        this.#db.exec('BEGIN');
        this.#catchUp();
        const result = await work();
        this.#db.exec('COMMIT');
        return result;
      }),
    );
  }

  /**
   * Runs `work` on the newest state while no one else writes. What it wrote is durable when this resolves, and undone
   * when it throws.
   * @throws {space-retired} when the alias does not agree with the collection's role any more
   */
  write<T>(work: (transaction: WriteTransaction) => T | Promise<T>): Promise<T> {
    return retryWhileLocked(() => this.#turn(() => this.#writeTurn(work)));
  }

  /** Waits for what is under way. Later calls are refused. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#tail;
    this.#statements.clear();
    this.#db.close();
  }

  async #writeTurn<T>(work: (transaction: WriteTransaction) => T | Promise<T>): Promise<T> {
    this.#db.exec('BEGIN IMMEDIATE');
    this.#catchUp();
    this.#checkRole();
    const change = this.#change + 1;
    const slots: SlotChange[] = [];
    const vacant = this.matrix.vacant();
    let touched = false;
    const result = await work({
      change,
      slots,
      takeSlot: () => vacant.next().value as number,
      touch: () => {
        touched = true;
      },
    });
    if (touched) this.sql('UPDATE collections SET change = ? WHERE id = ?').run(change, this.id);
    this.#db.exec('COMMIT');
    // Only now: a failed transaction must leave the matrix as it was.
    for (const slot of slots) this.matrix.apply(slot);
    if (touched) this.#change = change;
    return result;
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new SightlineError('unavailable', `the store of ${this.file} is closed`));
    const result = this.#tail.then(async () => {
      try {
        return await work();
      } catch (error) {
        rollback(this.#db);
        throw sqliteFault(this.file, error);
      }
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Brings the matrix to the state of the open transaction. */
  #catchUp(): void {
    // The space is part of it: one that is being deleted loses its name first.
    const row = this.sql('SELECT change FROM collections WHERE id = ? AND space = ?').get(this.id, this.#options.space);
    if (row === undefined) {
      throw new SightlineError('unavailable', `the collection that was open in ${this.file} has been removed from it`);
    }
    const change = row.change as number;
    if (change === this.#change) return;
    if (this.#change < 0) loadSlots(this);
    else applySlotsSince(this, this.#change);
    this.#change = change;
  }

  #checkRole(): void {
    const { alias, role, space } = this.#options;
    const live = this.sql('SELECT collection FROM aliases WHERE name = ?').get(alias)?.collection;
    if ((live === this.id) === (role === 'live')) return;
    const became = role === 'live' ? 'is not live any more' : 'has become live';
    throw new SightlineError('space-retired', `the space ${space} of ${this.file} ${became}`, { details: { space } });
  }
}
