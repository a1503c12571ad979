/**
 * What core's pipelines need from the world. Every method is required and every driver passes the contract suite of its
 * port in test/contract unchanged.
 */

import type { ContentValues, FacetName, OrderName, PictureFilter } from './picture-fields.ts';
import type { Calibration } from './search/result-fit.ts';
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

/**
 * What stays of a deleted point so that an older event that arrives late cannot bring it back. Seen only by `get`.
 */
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

/** All given conditions must hold. Ranges include both ends. Those over fields are declared in `picture-fields.ts`. */
export interface Filter extends PictureFilter {
  readonly kind?: Kind;
  /**
   * Called by all of these words, see `lexical-terms.ts`: whole, or with a `*` behind as the beginning of a longer one.
   * 1 to 8.
   */
  readonly words?: readonly string[];
  /** Not called by all of these. 1 to 8. */
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
  /** Ids never returned, such as the picture that is being compared. At most 100. */
  readonly exclude?: readonly string[];
}

export interface ListQuery {
  readonly filter: Filter;
  /** 1 to 1000. */
  readonly limit: number;
  readonly cursor?: string;
  /**
   * `id` is the cheapest and stable under writes; the others are by a field, then by id: `newest` is by indexedAt
   * descending, `taken` and `-taken` by takenAt ascending and descending, with points that have none at the end.
   */
  readonly order: 'id' | OrderName;
}

/**
 * When a write may replace what is stored under its id, by comparing sequencers (see {@link compareSequencers}):
 * `newer` when the incoming one is strictly newer; `not-older` when it is newer or the same. An id that is not stored
 * yet is always written. Tombstones count as stored.
 */
export type WriteCondition = 'newer' | 'not-older';

export type StoredPicture = StoredPoint & { readonly payload: ImagePayload };

/** See {@link VectorStore.lookUp}. */
export interface LookUp {
  readonly points: Map<string, StoredPoint | Tombstone>;
  readonly copies: Map<string, Pick<EmbeddedPicture, 'vector' | 'classes'>>;
}

/**
 * Vectors of one space with what is known of each, searched by cosine.
 * @example
 * const { items } = await vectors.query({ vector, filter: { kind: 'image', folder: 'holidays' }, limit: 20 });
 * for (const { id, score, payload } of items) console.log(id, score, payload.tags);
 */
export interface VectorStore {
  /** The space all its vectors belong to. */
  readonly space: SpaceId;
  /** Components a vector. */
  readonly dimension: number;

  /**
   * Stores points, each whole or not at all; durable against a crash of the process when it resolves. The answer says
   * for each, in order, whether it was written or lost to a newer one. Two points of one call with the same id are
   * `invalid-input`, as is a vector of another length or with a component that is not finite. A call with no points
   * writes nothing, and still fails where a write would not count (`space-retired`).
   *
   * With `keepTags` a live point that is replaced keeps the tags that it has at the moment of the write, whatever those
   * of the payload; so tags that are set while something is indexed again are not lost.
   */
  upsert(
    points: readonly Point[],
    when: WriteCondition,
    options?: { readonly keepTags?: boolean },
  ): Promise<('written' | 'stale')[]>;

  /** Replaces points by tombstones under the same rule. An id that is not stored gets a tombstone, too. */
  remove(tombstones: readonly Omit<Tombstone, 'deleted'>[], when: WriteCondition): Promise<('removed' | 'stale')[]>;

  /** What is stored under these ids, tombstones included; ids that are not stored are absent from the map. */
  get(ids: readonly string[]): Promise<Map<string, StoredPoint | Tombstone>>;

  /** The vectors of live points; other ids are absent from the map. */
  vectors(ids: readonly string[]): Promise<Map<string, JointEmbedding>>;

  /**
   * What `get` answers, and what the models made of live pictures by the SHA-256 hash of their bytes; hashes of no
   * picture are absent from the map. One request, where requests cost.
   */
  lookUp(ids: readonly string[], sha256s: readonly string[]): Promise<LookUp>;

  /**
   * Live pictures by the SHA-256 hash of their bytes, the last indexed first; of a hash with more than `limit`, 1 to
   * 1000, so many of them. Hashes of no picture are absent from the map. One request, where requests cost.
   */
  copies(sha256s: readonly string[], limit: number): Promise<Map<string, StoredPicture[]>>;

  /** Replaces the tags of a live point. False when there is none. */
  setTags(id: string, tags: readonly string[]): Promise<boolean>;

  /**
   * Nearest live points by cosine, best first, ties by id ascending.
   * @throws {invalid-cursor} when the cursor is of another question
   */
  query(query: VectorQuery): Promise<Page<Hit>>;

  /**
   * Live points in the order that is asked for.
   * @throws {invalid-cursor} when the cursor is of another question
   */
  list(query: ListQuery): Promise<Page<StoredPoint>>;

  /** Number of live points, exact. */
  count(filter: Filter): Promise<number>;

  /**
   * The most frequent values that a field has in live points, most frequent first, then by the bytes of their UTF-8.
   */
  facet(field: FacetName, filter: Filter, limit: number): Promise<{ value: string; count: number }[]>;

  /** Forgets tombstones older than this ISO 8601 date; answers how many. */
  purgeTombstones(olderThan: string): Promise<number>;

  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- objects

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Opaque, without quotes; changes whenever the content does. */
  readonly etag: string;
  readonly lastModified: Date;
  /** Only when it has to be restored before its bytes can be read, as far as a listing can tell. */
  readonly archived?: true;
}

export interface ObjectInfo extends ListedObject {
  /** MIME type; `application/octet-stream` when unknown. */
  readonly contentType: string;
  /** When the content was written, as far as that is not just the time of an upload. */
  readonly fileTime?: Date;
  /** Names this version in a bucket that keeps old ones. */
  readonly version?: string;
}

/** An object that was taken out of its bucket and can come back; to be kept by whoever discards it. */
export interface DiscardedObject {
  /** A UUID: names it among all that were ever discarded. */
  readonly id: string;
  readonly key: string;
  /** As {@link ObjectInfo} said of it before. */
  readonly etag: string;
  readonly version?: string;
}

/** Both ends inclusive, as in HTTP; `{ last: n }` is the suffix form `bytes=-n`. */
export type ByteRange = { readonly first: number; readonly end?: number } | { readonly last: number };

export interface ObjectBody {
  /** What there is to know of the whole object, also when only a range of it was asked for. */
  readonly info: ObjectInfo;
  /** What `body` holds of it: first byte and length. */
  readonly offset: number;
  readonly length: number;
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * One bucket of objects: pictures, or what functions share.
 * @example
 * const info = await objects.put('holidays/beach.jpg', bytes, { ifNoneMatch: '*' });
 * const object = await objects.get('holidays/beach.jpg', { ifMatch: info.etag });
 * const copy = object === null ? null : await new Response(object.body).bytes();
 */
export interface ObjectStore {
  /** The bucket's name, as it appears in events. */
  readonly bucket: string;

  /**
   * What is known of an object; null when there is none.
   * @throws {invalid-key}
   */
  head(key: string): Promise<ObjectInfo | null>;

  /**
   * An object with its bytes; null when there is none. The body is of one version even while it is being replaced.
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

  /** Deleting what is not there is no error, except with `ifMatch`: `precondition-failed`. */
  delete(key: string, options?: { ifMatch?: string }): Promise<void>;

  /**
   * Keys in ascending order of their UTF-8 bytes.
   * @param options.limit 1 to 1000
   * @throws {invalid-cursor}
   */
  list(options: { prefix?: string; cursor?: string; limit: number }): Promise<Page<ListedObject>>;

  /**
   * Takes an object out of the bucket so that it can come back: moved aside, or hidden where old versions are kept.
   * @throws {precondition-failed} when it is gone or of another etag
   */
  discard(object: DiscardedObject): Promise<void>;

  /** The bytes of a discarded object; null when it is not there any more. */
  getDiscarded(object: DiscardedObject): Promise<ObjectBody | null>;

  /**
   * Brings a discarded object back under its key; null when it is not there any more.
   * @throws {precondition-failed} when another one has the key
   */
  recover(object: DiscardedObject): Promise<ObjectInfo | null>;

  /** Deletes a discarded object for good, with its older versions. One that is not there any more is no error. */
  purge(object: DiscardedObject): Promise<void>;
}

// --------------------------------------------------------------------------------------------------- failures

/** One object that could not be indexed. Survives restarts; resolved when the object is indexed, or gone. */
export interface Failure {
  /** The point id of the object. */
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  /** The object's tag when it failed, so that an unchanged one is not tried again by itself. '' when unknown. */
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
 * What could not be indexed, and why.
 * @example
 * const { items } = await failures.list({ limit: 50 });
 * for (const { key, message } of items) console.log(`${key}: ${message}`);
 */
export interface FailureLog {
  /**
   * Adds or updates by id: attempts are counted up and `firstAt` is kept while the etag stays the same.
   * @param options.dismissed at once out of the list, as `dismiss` would take it
   */
  record(
    failure: Omit<Failure, 'attempts' | 'firstAt' | 'lastAt'>,
    options?: { readonly dismissed?: boolean },
  ): Promise<Failure>;
  get(id: string): Promise<Failure | null>;
  /** Forgets it. False when there was none. */
  resolve(id: string): Promise<boolean>;
  /**
   * Keeps it for `get`, out of `list` and `count`, until it is recorded with another etag. False when there was none.
   */
  dismiss(id: string): Promise<boolean>;
  /**
   * Latest first.
   * @param options.dismissed those instead that were taken off the list, in any order
   * @throws {invalid-cursor}
   */
  list(options: { limit: number; cursor?: string; dismissed?: boolean }): Promise<Page<Failure>>;
  /** Those of the list; with a reason those of it, in the list and off it. */
  count(reason?: string): Promise<number>;
  close(): Promise<void>;
}

// --------------------------------------------------------------------------------------------------- encoders

/** What decoding a picture and reading its metadata told; its fields are those of `picture-fields.ts` from content. */
export type PictureInfo = ContentValues;

/** What a caller says of the language of its texts. */
export interface LanguageHint {
  /** ISO 639-1; null to find it out for each text. */
  readonly lang: string | null;
  /** ISO 639-1 codes of the languages that the caller reads, best first. */
  readonly preferred: readonly string[];
  /** The language in which a text that may be in two was read before, for the pages that follow; null for the first. */
  readonly settled: string | null;
}

/** Nobody says anything. */
export const ANY_LANGUAGE: LanguageHint = { lang: null, preferred: [], settled: null };

/** A text as one text side reads it. */
export interface ReadText {
  readonly vector: JointEmbedding;
  /** What the text encoder itself makes of it, of unit length. */
  readonly own: Float32Array;
  /** ISO 639-1 code of the language that it is taken for, `und` where none can be named; null when nothing says. */
  readonly language: string | null;
  /** Name of the text encoder. */
  readonly side: string;
  /** Changes whenever the side may make another vector of the same text. */
  readonly version: string;
  /** Whether the side is meant for that language, as far as anybody says. */
  readonly speaks: boolean;
  /** False when the text encoder has no token for anything in the text, so that the vector says nothing about it. */
  readonly known: boolean;
  /** The cosine of the picture that fits best, over captions of its languages; null when nobody measured it. */
  readonly match: { readonly mean: number; readonly deviation: number } | null;
  /** How another side reads a text that may be in two languages, or null. Its model may have to be loaded first. */
  readonly otherwise: { readonly isLoaded: boolean; read(): Promise<ReadText> } | null;
}

/** A picture as the models see it. */
export interface EmbeddedPicture {
  readonly vector: JointEmbedding;
  /** What the image encoder takes it for, see `picture/classes.ts`; null when its classes have no names. */
  readonly classes: string | null;
  readonly picture: PictureInfo;
}

/** Pictures to unit vectors of the joint space, which is all that indexing needs: no text encoder. */
export interface ImageEmbedder {
  readonly space: SpaceId;
  /** Other ids of the same space, by which indexes from before may know it. */
  readonly sameAs: readonly SpaceId[];
  readonly dimension: number;
  /**
   * Decodes and embeds one picture.
   * @throws {unreadable-image} with the reason in its details
   * @throws {too-large}
   */
  embedImage(bytes: Uint8Array): Promise<EmbeddedPicture>;
  /** What {@link embedImage} would say of a picture, without embedding it. Throws as it does. */
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
   * One vector a text, in order; independent of the other texts of the call. Each is read in the language that it
   * seems to be in. Loads no image model.
   */
  embedTexts(texts: readonly string[]): Promise<JointEmbedding[]>;
  /** The same, with how each was read. */
  readTexts(texts: readonly string[], hint: LanguageHint): Promise<ReadText[]>;
  /** Whether a text of this language, null when nothing says, is still read by that {@link ReadText.version}. */
  reads(language: string | null, version: string): boolean;
  /** What makes cosines of the texts of a {@link ReadText.side} comparable; null where nobody measured it. */
  calibration(side: string): Promise<Calibration | null>;
  /** Whether a text encoder that is loaded has one token for all of a word, in lower case: a common word, then. */
  hasWord(word: string): Promise<boolean>;
  /**
   * The place of each word, in lower case, in the vocabulary of the first text encoder, where common words come first,
   * or behind it when it is in a name of what the image encoder knows; null for those that are in neither.
   */
  wordRanks(words: readonly string[]): Promise<(number | null)[]>;
  /** Plain English words for what a picture may show, by its `classes`; none where nothing is likely. */
  seenWords(classes: string | null): string[];
}
