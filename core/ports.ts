/**
 * What core's pipelines need from the world. Every method is required and every driver passes the contract suite of its
 * port in test/contract unchanged. Its methods are its own properties: `{ ...driver, list }` is the same driver with
 * another `list`. A class is not, because its methods are on its prototype.
 */

import type { ContentValues, FacetName, OrderName, PictureFilter } from './picture-fields.ts';
import type { Calibration } from './search/calibration.ts';
import type { ImagePayload, JointEmbedding, Kind, Page, Payload, SpaceId } from './types.ts';

// ---------------------------------------------------------------------------------------------------- vectors

export interface Point {
  /** UUID. */
  readonly id: string;
  readonly vector: JointEmbedding;
  readonly payload: Payload;
}

/** A point as stored, without its vector. */
export interface StoredPoint {
  readonly id: string;
  readonly deleted: false;
  readonly payload: Payload;
}

/** Marks a deleted point, so that a late, older event cannot bring it back. Only `get` and `lookUp` return it. */
export interface Tombstone {
  readonly id: string;
  readonly deleted: true;
  readonly sequencer: string;
  /** ISO 8601. */
  readonly deletedAt: string;
}

export interface Hit {
  readonly id: string;
  /** Cosine similarity, -1 to 1. */
  readonly score: number;
  readonly payload: Payload;
}

/** All given conditions must hold. Ranges include both ends. Filters on fields are declared in `picture-fields.ts`. */
export interface Filter extends PictureFilter {
  readonly kind?: Kind;
  /**
   * Its file name, folder, tags, camera or keywords contain all of these words, see `lexical-terms.ts`. A trailing `*`
   * matches the beginning of a word. 1 to 8.
   */
  readonly words?: readonly string[];
  /** These do not contain all of these words. 1 to 8. */
  readonly exceptWords?: readonly string[];
}

export interface VectorQuery {
  readonly vector: JointEmbedding;
  readonly filter: Filter;
  /** 1 to 1000. */
  readonly limit: number;
  /** From the previous page's `next`, for the same vector and filter. */
  readonly cursor?: string;
  /** Only hits with at least this cosine. */
  readonly minScore?: number;
  /** Ids to leave out, such as the picture being compared. At most 100. */
  readonly exclude?: readonly string[];
}

export interface ListQuery {
  readonly filter: Filter;
  /** 1 to 1000. */
  readonly limit: number;
  readonly cursor?: string;
  /**
   * `id` is the cheapest, and stable under writes; the others sort by a field, then by id: `newest` by indexedAt
   * descending, `taken` and `-taken` by takenAt ascending and descending, points without one last.
   */
  readonly order: 'id' | OrderName;
}

/**
 * When a write may replace what is stored under its id, by sequencer (see {@link compareSequencers}): `newer` when the
 * new one is strictly newer; `not-older` when it is newer or equal. A new id is always written. Tombstones count as
 * stored.
 */
export type WriteCondition = 'newer' | 'not-older';

export type StoredPicture = StoredPoint & { readonly payload: ImagePayload };

/** See {@link VectorStore.lookUp}. */
export interface LookUp {
  readonly points: Map<string, StoredPoint | Tombstone>;
  readonly copies: Map<string, Pick<EmbeddedPicture, 'vector' | 'classes'>>;
}

/**
 * Vectors of one space with their payloads, searched by cosine. All ids are UUIDs.
 * @throws {unavailable} any method, when the store cannot be reached
 * @throws {invalid-input} any method, for ids, limits, vectors and filters that can never work; nothing is written
 * @example
 * const { items } = await vectors.query({ vector, filter: { kind: 'image', folder: 'holidays' }, limit: 20 });
 * for (const { id, score, payload } of items) console.log(id, score, payload.tags);
 */
export interface VectorStore {
  /** The space all its vectors belong to. */
  readonly space: SpaceId;
  /** Components per vector. */
  readonly dimension: number;

  /**
   * Stores points, each whole or not at all; once it resolves they survive a crash of the process. The result says for
   * each, in order, whether it was written or was stale. A call with no points writes nothing, and still fails where a
   * write would not count.
   *
   * @param options.keepTags a replaced live point keeps the tags it has at the moment of the write, whatever the
   * payload says, so tags set during re-indexing are not lost
   * @throws {invalid-input} for two points with the same id, or a vector that is not one of this space
   * @throws {space-retired} when another space is live now
   */
  upsert(
    points: readonly Point[],
    when: WriteCondition,
    options?: { readonly keepTags?: boolean },
  ): Promise<('written' | 'stale')[]>;

  /**
   * Replaces points with tombstones under the same rule. An id that is not stored gets a tombstone, too.
   * @throws {invalid-input} for a sequencer or date that cannot be ordered, or one id twice
   * @throws {space-retired} when another space is live now
   */
  remove(tombstones: readonly Omit<Tombstone, 'deleted'>[], when: WriteCondition): Promise<('removed' | 'stale')[]>;

  /** The points and tombstones stored under these ids; unknown ids are absent from the map. */
  get(ids: readonly string[]): Promise<Map<string, StoredPoint | Tombstone>>;

  /** The vectors of live points; other ids are absent from the map. */
  vectors(ids: readonly string[]): Promise<Map<string, JointEmbedding>>;

  /**
   * What `get` returns, and the models' output for live pictures by the SHA-256 hash of their bytes; unknown hashes are
   * absent from the map. One request, where requests cost.
   */
  lookUp(ids: readonly string[], sha256s: readonly string[]): Promise<LookUp>;

  /**
   * Live pictures by the SHA-256 hash of their bytes, last indexed first, at most `limit` (1 to 1000) per hash. Unknown
   * hashes are absent from the map. One request, where requests cost.
   */
  copies(sha256s: readonly string[], limit: number): Promise<Map<string, StoredPicture[]>>;

  /**
   * Replaces the tags of a live point. False when there is no such point.
   * @throws {space-retired} when another space is live now
   */
  setTags(id: string, tags: readonly string[]): Promise<boolean>;

  /**
   * Nearest live points by cosine, best first, ties by id ascending.
   * @throws {invalid-cursor} when the cursor is of another question
   */
  query(query: VectorQuery): Promise<Page<Hit>>;

  /**
   * Live points in the requested order.
   * @throws {invalid-cursor} when the cursor is of another question
   */
  list(query: ListQuery): Promise<Page<StoredPoint>>;

  /** Number of live points, exact. */
  count(filter: Filter): Promise<number>;

  /**
   * The most frequent values of a field among live points, most frequent first, then by UTF-8 bytes.
   * @param limit 1 to 1000
   * @example
   * const [most] = await vectors.facet('camera', { kind: 'image' }, 20); // { value: 'Canon EOS R5', count: 120 }
   */
  facet(field: FacetName, filter: Filter, limit: number): Promise<{ value: string; count: number }[]>;

  /**
   * Deletes old tombstones; returns how many.
   * @param olderThan ISO 8601
   */
  purgeTombstones(olderThan: string): Promise<number>;

  close(): Promise<void>;
}

// ----------------------------------------------------------------------------------------------------- spaces

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
 * An index that holds several spaces, of which one is live (docs/decisions/0030-spaces.md).
 * @throws {unavailable} any method, when the index cannot be reached
 * @example
 * const candidate = await spaces.openCandidate(newSpace, 64);
 * // Copy until candidate.differences(null, 1000) is empty, as core/reindex does; then:
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

// ---------------------------------------------------------------------------------------------------- objects

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Opaque, without quotes; changes whenever the content does. */
  readonly etag: string;
  readonly lastModified: Date;
  /** Set when it must be restored before it can be read, as far as a listing shows. */
  readonly archived?: true;
}

export interface ObjectInfo extends ListedObject {
  /** MIME type; `application/octet-stream` when unknown. */
  readonly contentType: string;
  /** When the content was written; absent when only the time of the upload is known. */
  readonly fileTime?: Date;
  /** Version id in a versioned bucket. */
  readonly version?: string;
}

/** An object that was taken out of its bucket and can come back. The caller that discards it must keep this. */
export interface DiscardedObject {
  /** A UUID, unique to this removal. */
  readonly id: string;
  readonly key: string;
  /** The object's etag before it was discarded. */
  readonly etag: string;
  readonly version?: string;
}

/** Both ends inclusive, as in HTTP; `{ last: n }` is the suffix form `bytes=-n`. */
export type ByteRange = { readonly first: number; readonly end?: number } | { readonly last: number };

export interface ObjectBody {
  /** Describes the whole object, even when only a range was requested. */
  readonly info: ObjectInfo;
  /** The part in `body`: first byte and length. */
  readonly offset: number;
  readonly length: number;
  readonly body: ReadableStream<Uint8Array>;
}

/** Which part of a bucket to list. */
export interface ListOptions {
  readonly prefix?: string;
  readonly cursor?: string;
  /** 1 to 1000 */
  readonly limit: number;
}

/**
 * One bucket of objects: pictures, or state that functions share.
 * @throws {unavailable} any method, when the bucket cannot be reached or read
 * @throws {read-only} any change, of a bucket that may only be read
 * @example
 * const info = await objects.put('holidays/beach.jpg', bytes, { ifNoneMatch: '*' });
 * const object = await objects.get('holidays/beach.jpg', { ifMatch: info.etag });
 * const copy = object === null ? null : await new Response(object.body).bytes();
 */
export interface ObjectStore {
  /** The bucket's name, as it appears in events. */
  readonly bucket: string;

  /**
   * Information about an object; null when there is none.
   * @throws {invalid-key}
   */
  head(key: string): Promise<ObjectInfo | null>;

  /**
   * An object with its bytes; null when there is none. The body is one consistent version even while it is being
   * replaced.
   * @throws {invalid-key}
   * @throws {range-not-satisfiable}
   * @throws {precondition-failed} when `ifMatch` names another etag
   */
  get(key: string, options?: { range?: ByteRange; ifMatch?: string; signal?: AbortSignal }): Promise<ObjectBody | null>;

  /**
   * Stores the whole body or nothing: readers see the old object or the new one.
   * @throws {precondition-failed} when `ifNoneMatch: '*'` finds an object, or `ifMatch` finds none or another
   * @throws {too-large} as soon as the body is longer than `maxBytes`
   * @throws {invalid-key}
   * @throws {unavailable}
   */
  put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: {
      contentType?: string;
      ifMatch?: string;
      ifNoneMatch?: '*';
      maxBytes?: number;
      signal?: AbortSignal;
    },
  ): Promise<ObjectInfo>;

  /**
   * Deletes an object. A missing one is not an error, except with `ifMatch`.
   * @throws {precondition-failed} when `ifMatch` finds none or another
   * @throws {invalid-key}
   */
  delete(key: string, options?: { ifMatch?: string }): Promise<void>;

  /**
   * Keys in ascending order of their UTF-8 bytes.
   * @throws {invalid-cursor}
   */
  list(options: ListOptions): Promise<Page<ListedObject>>;

  /**
   * Takes an object out of the bucket so that it can come back: moves it aside, or hides it in a versioned bucket.
   * @throws {precondition-failed} when it is gone or has another etag
   */
  discard(object: DiscardedObject): Promise<void>;

  /** The bytes of a discarded object; null when it is gone. */
  getDiscarded(object: DiscardedObject): Promise<ObjectBody | null>;

  /**
   * Brings a discarded object back under its key; null when it is gone.
   * @throws {precondition-failed} when another object has the key
   */
  recover(object: DiscardedObject): Promise<ObjectInfo | null>;

  /** Deletes a discarded object for good, with its older versions. A missing one is not an error. */
  purge(object: DiscardedObject): Promise<void>;
}

/** Access to discarded objects, wherever they are kept. */
export type Discarded = Pick<ObjectStore, 'getDiscarded' | 'purge'>;

// --------------------------------------------------------------------------------------------------- failures

/** One object that could not be indexed. Survives restarts; resolved once the object is indexed or gone. */
export interface Failure {
  /** The point id of the object. */
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  /** The object's etag when it failed, so that an unchanged object is not retried automatically. '' when unknown. */
  readonly etag: string;
  readonly sequencer: string;
  /** An {@link ImageRejection} or error code, for programs. */
  readonly reason: string;
  /** One sentence for people. */
  readonly message: string;
  /** False when the same bytes can never succeed. */
  readonly retryable: boolean;
  readonly attempts: number;
  /** ISO 8601. */
  readonly firstAt: string;
  readonly lastAt: string;
}

/**
 * What could not be indexed, and why. Ids are those of the objects' points.
 * @throws {unavailable} any method, when the log cannot be read or written
 * @example
 * const { items } = await failures.list({ limit: 50 });
 * for (const { key, message } of items) console.log(`${key}: ${message}`);
 */
export interface FailureLog {
  /**
   * Adds or updates by id: while the etag stays the same, attempts are counted and `firstAt` is kept.
   * @param options.dismissed takes it off the list at once, as `dismiss` does
   */
  record(
    failure: Omit<Failure, 'attempts' | 'firstAt' | 'lastAt'>,
    options?: { readonly dismissed?: boolean },
  ): Promise<Failure>;
  get(id: string): Promise<Failure | null>;
  /** Deletes it. False when there was none. */
  resolve(id: string): Promise<boolean>;
  /**
   * Hides it from `list` and `count`, not from `get`, until it is recorded with another etag. False when there was
   * none.
   */
  dismiss(id: string): Promise<boolean>;
  /**
   * Latest first.
   * @param options.limit 1 to 1000
   * @param options.cursor from the previous page's `next`
   * @param options.dismissed lists dismissed failures instead, in any order
   * @param options.within lists only those of a bucket whose keys begin with `keyPrefix`, in any order
   * @throws {invalid-cursor}
   */
  list(options: {
    limit: number;
    cursor?: string;
    dismissed?: boolean;
    within?: { readonly bucket: string; readonly keyPrefix?: string };
  }): Promise<Page<Failure>>;
  /**
   * Number of failures on the list.
   * @param reason counts those with this reason instead, dismissed ones included
   */
  count(reason?: string): Promise<number>;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------- vanished pictures

/** A picture whose file is gone. */
export interface Vanished {
  /** Id of its point. */
  readonly id: string;
  readonly payload: ImagePayload;
  readonly space: SpaceId;
  readonly vector: JointEmbedding;
}

/**
 * Keeps missing pictures for a while, in case their bytes come back under any name; and pictures whose file is no
 * longer readable until it is readable again, whatever it shows then. Survives restarts.
 */
export interface VanishedLog {
  /** Adds or replaces by id. */
  keep(picture: Vanished, why: 'gone' | 'refused'): Promise<void>;
  /** Pictures with these bytes, latest first, without expired ones. */
  find(sha256: string): Promise<Vanished[]>;
  findRefused(id: string): Promise<Vanished | null>;
  forget(picture: Pick<Vanished, 'id' | 'payload'>): Promise<void>;
  close(): Promise<void>;
}

// --------------------------------------------------------------------------------------------------- encoders

/** What a picture's pixels and metadata say: the fields from content in `picture-fields.ts`. */
export type PictureInfo = ContentValues;

/** What a caller says about the language of its texts. */
export interface LanguageHint {
  /** ISO 639-1; null to detect it for each text. */
  readonly lang: string | null;
  /** ISO 639-1 codes of the languages that the caller reads, in order of preference. */
  readonly preferred: readonly string[];
  /** The language in which the first page read an ambiguous text, for the pages that follow; null on the first. */
  readonly settled: string | null;
}

/** No hint. */
export const ANY_LANGUAGE: LanguageHint = { lang: null, preferred: [], settled: null };

/** A text as one text side reads it. */
export interface ReadText {
  readonly vector: JointEmbedding;
  /** The text encoder's own output, of unit length. */
  readonly own: Float32Array;
  /** ISO 639-1 code of the assumed language, `und` when it cannot be determined; null when unknown. */
  readonly language: string | null;
  /** Name of the text encoder. */
  readonly side: string;
  /** Changes whenever the side might give the same text another vector. */
  readonly version: string;
  /** Whether the side declares support for that language. */
  readonly speaks: boolean;
  /** False when the text encoder knows no token of the text, so that the vector is meaningless. */
  readonly known: boolean;
  /** The other reading of a text that may be in two languages, or null. Its model may have to be loaded first. */
  readonly otherwise: {
    readonly isLoaded: boolean;
    /** Whether it is as likely as this one. */
    readonly isAsLikely: boolean;
    read(): Promise<ReadText>;
  } | null;
}

/** A picture as the models see it. */
export interface EmbeddedPicture {
  readonly vector: JointEmbedding;
  /** Classes that the image encoder recognises, see `picture/classes.ts`; null when its classes have no names. */
  readonly classes: string | null;
  readonly picture: PictureInfo;
}

/**
 * Pictures to unit vectors of the joint space. Indexing needs no more: no text encoder is loaded.
 * @example
 * const { vector, picture } = await embedder.embedImage(await readFile('beach.jpg'));
 * console.log(vector.length, `${picture.width}x${picture.height}`);
 */
export interface ImageEmbedder {
  readonly space: SpaceId;
  /** Other ids of the same space, which older indexes may use. */
  readonly sameAs: readonly SpaceId[];
  readonly dimension: number;
  /**
   * Decodes and embeds one picture.
   * @throws {unreadable-image} with the reason in its details
   * @throws {too-large}
   */
  embedImage(bytes: Uint8Array): Promise<EmbeddedPicture>;
  /**
   * The picture's fields, without embedding it.
   * @throws {unreadable-image} with the reason in its details
   * @throws {too-large}
   */
  describeImage(bytes: Uint8Array): Promise<PictureInfo>;
  close(): Promise<void>;
}

/**
 * Text and pictures to unit vectors of one joint space: the encoders with their head, as serving uses them.
 * @example
 * const [query] = await embedder.embedTexts(['a dog on the beach']);
 * const { vector } = await embedder.embedImage(await readFile('beach.jpg'));
 */
export interface Embedder extends ImageEmbedder {
  /**
   * One vector per text, in order, independent of the other texts of the call. Each text is read in its detected
   * language. Loads no image model.
   */
  embedTexts(texts: readonly string[]): Promise<JointEmbedding[]>;
  /** The same, with how each was read. */
  readTexts(texts: readonly string[], hint: LanguageHint): Promise<ReadText[]>;
  /** Whether texts of this language (null when unknown) are still read by that {@link ReadText.version}. */
  reads(language: string | null, version: string): boolean;
  /** Makes cosines of a {@link ReadText.side} comparable; null when it was not measured. */
  calibration(side: string): Promise<Calibration | null>;
  /** Whether a loaded text encoder has a single token for a lower-case word, which makes it a common word. */
  hasWord(word: string): Promise<boolean>;
  /**
   * The rank of each lower-case word in the vocabulary of the first text encoder, common words first. Words that occur
   * only in class names of the image encoder rank after it; null for words in neither.
   */
  wordRanks(words: readonly string[]): Promise<(number | null)[]>;
  /**
   * Words of the captions in a language, or in any for null, that the head was trained on; in lower case, the most
   * frequent of a language first.
   */
  captionWords(language: string | null): Promise<readonly string[]>;
  /** Plain English words for what a picture may show, from its `classes`; empty when nothing is likely. */
  seenWords(classes: string | null): string[];
}
