/**
 * The port for an index that holds several spaces, of which one is live (docs/decisions/0030-spaces.md). Every driver
 * passes the contract suite of test/contract/spaces.ts.
 */
import type { VectorStore } from '../ports.ts';
import type { SpaceId } from '../types.ts';

export interface SpaceSummary {
  readonly space: SpaceId;
  /** Components a vector. */
  readonly dimension: number;
  readonly live: boolean;
  /** Live points, pictures and captions. */
  readonly points: number;
  readonly tombstones: number;
}

/** What differs between the live space and a candidate, and the way to make it the same. */
export interface Copy {
  /**
   * Ids, ascending and greater than `after`, that stand in the other space in another way than in the live one: absent,
   * with another payload or other tags, deleted or not. At most `limit`, 1 to 1000. Vectors are not looked at.
   */
  differences(after: string | null, limit: number): Promise<string[]>;
  /** The live space. */
  readonly from: Pick<VectorStore, 'get'>;
  /** The candidate. */
  readonly to: Pick<VectorStore, 'get' | 'vectors' | 'upsert' | 'remove'>;
}

/** A candidate index: a space that is not live, open to be filled from the live one, and by nobody else. */
export interface CandidateIndex extends Copy {
  /** The live space. */
  readonly live: SpaceId;
  readonly from: VectorStore;
  readonly to: VectorStore;

  /**
   * Makes it live, at once for everybody. While `last` runs nobody's write to the live space is acknowledged, so when
   * it leaves no difference, none is lost; what it writes and the switch take place together or not at all. Writers
   * wait for it: it should take no more than a few seconds.
   * @throws {space-retired} when another space became live meanwhile, and what `last` throws
   */
  switch(last: (copy: Copy) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface Spaces {
  /** The live space, or null when there is none yet. Cheap enough to be asked twice a second. */
  live(): Promise<{ readonly space: SpaceId; readonly dimension: number } | null>;

  /** Every space, by id. */
  list(): Promise<SpaceSummary[]>;

  /**
   * Opens the live space to read and write; makes it when there is none yet. As soon as another space becomes live,
   * writes are `space-retired` and reads go on.
   * @throws {space-mismatch} when another space is live or its dimension differs
   */
  openLive(space: SpaceId, dimension: number): Promise<VectorStore>;

  /**
   * Opens a candidate beside the live space, and makes it when there is none. Once it becomes live, writes through this
   * are `space-retired`.
   * @throws {not-found} when no space is live
   * @throws {precondition-failed} when it is live itself
   * @throws {space-mismatch} for another dimension than it was made with
   */
  openCandidate(space: SpaceId, dimension: number): Promise<CandidateIndex>;

  /**
   * Deletes a space with everything in it. False when there is none.
   * @throws {precondition-failed} for the live one
   */
  drop(space: SpaceId): Promise<boolean>;

  close(): Promise<void>;
}
