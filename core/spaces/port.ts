/**
 * The port for an index that holds several spaces, of which one is live (docs/decisions/0030-spaces.md). Every driver
 * passes the contract suite of test/contract/spaces.ts.
 */
import type { VectorStore } from '../ports.ts';
import type { SpaceId } from '../types.ts';

export interface SpaceSummary {
  readonly space: SpaceId;
  /** Components per vector. */
  readonly dimension: number;
  readonly live: boolean;
  /** Live points, pictures and captions. */
  readonly points: number;
  readonly tombstones: number;
}

/** The differences between the live space and a candidate, and access to both, so that they can be removed. */
export interface Copy {
  /**
   * Ids, ascending, that differ between the spaces: absent from one, with another payload or other tags, or deleted in
   * only one. Vectors are not compared.
   * @param after only greater ids; null to begin
   * @param limit 1 to 1000
   */
  differences(after: string | null, limit: number): Promise<string[]>;
  /** The live space. */
  readonly from: Pick<VectorStore, 'get'>;
  /** The candidate. */
  readonly to: Pick<VectorStore, 'get' | 'vectors' | 'upsert' | 'remove'>;
}

/** A candidate index: a space that is not live, opened to be filled from the live one. Nothing else writes to it. */
export interface CandidateIndex extends Copy {
  /** The live space. */
  readonly live: SpaceId;
  readonly from: VectorStore;
  readonly to: VectorStore;

  /**
   * Makes it live for all processes at once. While `last` runs, no write to the live space is acknowledged, so if it
   * leaves no difference, no write is lost; its writes and the switch happen together or not at all. Writers wait for
   * it, so it should take no more than a few seconds.
   * @param last removes the last differences; what it throws is thrown, and nothing is switched
   * @throws {space-retired} when another space became live meanwhile
   */
  switch(last: (copy: Copy) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/**
 * All spaces of one index.
 * @throws {unavailable} any method, when the index cannot be reached
 * @example
 * const candidate = await spaces.openCandidate(newSpace, 64);
 * // Copy until candidate.differences(null, 1000) is empty, as build.ts does; then:
 * await candidate.switch(async (copy) => copyRest(copy));
 */
export interface Spaces {
  /** The live space, or null when there is none yet. Cheap enough to call twice a second. */
  live(): Promise<{ readonly space: SpaceId; readonly dimension: number } | null>;

  /** Every space, by id. */
  list(): Promise<SpaceSummary[]>;

  /**
   * Opens the live space for reading and writing; creates it when there is none yet. Once another space becomes live,
   * writes are `space-retired` and reads still work.
   * @param dimension components per vector
   * @throws {space-mismatch} when another space is live or its dimension differs
   */
  openLive(space: SpaceId, dimension: number): Promise<VectorStore>;

  /**
   * Opens a candidate next to the live space, created if missing. Once it becomes live, writes through this are
   * `space-retired`.
   * @param dimension components per vector
   * @throws {not-found} when no space is live
   * @throws {precondition-failed} when it is the live space
   * @throws {space-mismatch} when it was created with another dimension
   */
  openCandidate(space: SpaceId, dimension: number): Promise<CandidateIndex>;

  /**
   * Deletes a space with everything in it. False when there is none.
   * @throws {precondition-failed} for the live one
   */
  drop(space: SpaceId): Promise<boolean>;

  close(): Promise<void>;
}
