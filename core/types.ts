/** What a point in the joint space can stand for: a stored picture or a text that pictures can find. */
export type Kind = 'image' | 'caption';

declare const spaceOf: unique symbol;

/**
 * A vector together with the space it lives in, so that the raw output of one encoder can never be stored, compared or
 * mixed with vectors of another. Made only by the encoders and the head; see `vector.ts` for arithmetic.
 */
export type Embedding<Space extends string> = Float32Array & { readonly [spaceOf]: Space };

/** A unit vector in the shared text-image space of the head. */
export type JointEmbedding = Embedding<'joint'>;

/** Names the joint space: a hash over encoders, preprocessing and head weights. Vectors compare only within one space. */
export type SpaceId = string & { readonly __spaceId?: never };

interface PayloadBase {
  /** Logical time of the event that wrote this point, as S3 sends it: hexadecimal, '' when unknown (the oldest). */
  readonly sequencer: string;
  readonly tags: readonly string[];
  /** ISO 8601, UTC, milliseconds. */
  readonly indexedAt: string;
}

export interface ImagePayload extends PayloadBase {
  readonly kind: 'image';
  readonly bucket: string;
  readonly key: string;
  /** The object store's entity tag at the time of indexing, without quotes. */
  readonly etag: string;
  /** SHA-256 of the picture's bytes, lower-case hex. */
  readonly sha256: string;
  /** MIME type sniffed from the content, never taken from the file name. */
  readonly contentType: string;
  readonly bytes: number;
  /** Pixels, after the EXIF orientation was applied. */
  readonly width: number;
  readonly height: number;
  /** When the picture was taken according to its EXIF data, ISO 8601, or null. */
  readonly takenAt: string | null;
}

export interface CaptionPayload extends PayloadBase {
  readonly kind: 'caption';
  readonly caption: string;
}

export type Payload = ImagePayload | CaptionPayload;

/** One page of a list. `next` is passed back as `cursor` for the following page; absent on the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}
