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
} from '../../files/sqlite-file.ts';
import { type CollectionOptions, findCollection } from './find-collection.ts';
import { applySlotsSince, loadSlots } from './load-matrix.ts';
import { type SlotChange, SlotMatrix } from './matrix.ts';
import { VECTOR_INDEX } from './schema.ts';

/** Maximum prepared statements kept; filters make many. */
const MAX_STATEMENTS = 200;

/** A write in progress: the changes to apply to the matrix once it is committed. */
export interface WriteTransaction {
  /** Number of the state it creates. */
  readonly change: number;
  /** In order; empty when no slot changed. */
  readonly slots: SlotChange[];
  /** A free or new slot, each returned once. */
  takeSlot(): number;
  /** Must be called when anything in the collection was changed. */
  touch(): void;
}

/**
 * One collection: its database and its matrix, which agree at the start of every turn. Turns run one after another,
 * each in a transaction, so that a turn sees one state in matrix and tables, whatever other processes write meanwhile.
 * Parallel scans would not be faster: they share the memory bus.
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
   * @throws {space-mismatch} when the alias names another space than the one to be live, or the space has another
   * dimension
   * @throws {not-found}
   * @throws {precondition-failed} when there is no live space to be a candidate for
   * @throws {schema-mismatch}
   * @throws {unavailable}
   */
  static async open(options: CollectionOptions): Promise<Collection> {
    const db = await retryWhileLocked(async () => openDatabase(options.file, VECTOR_INDEX));
    try {
      const id = await retryWhileLocked(async () => inTransaction(db, () => findCollection(db, options)));
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

  /** Runs read-only `work` on one state of the collection; repeats it if the file was locked. */
  read<T>(work: () => T | Promise<T>): Promise<T> {
    // Readers can be locked out, too: by a process that closes the file, or opens it first after a crash.
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
   * Runs `work` on the newest state with exclusive write access. Its writes are durable when this resolves, and undone
   * when it throws.
   * @throws {space-retired} when the alias no longer agrees with the collection's role
   */
  write<T>(work: (transaction: WriteTransaction) => T | Promise<T>): Promise<T> {
    return retryWhileLocked(() => this.#turn(() => this.#writeTurn(work)));
  }

  /** Waits for running turns. Later calls are refused. */
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
    // After the commit: a failed transaction must leave the matrix unchanged.
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
    // Check the space, too: a space that is being deleted loses its name first.
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
    const became = role === 'live' ? 'is no longer live' : 'has become live';
    throw new SightlineError('space-retired', `the space ${space} of ${this.file} ${became}`, { details: { space } });
  }
}
