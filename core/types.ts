import type { PictureValues, SharedValues } from './picture-fields.ts';

/** What a point in the joint space represents: a stored picture, or a text that pictures can find. */
export type Kind = 'image' | 'caption';

declare const spaceOf: unique symbol;

/**
 * A vector typed with its space, so that the raw output of one encoder can never be stored, compared or mixed with
 * vectors of another. Made only by the encoders and the head; see `util/vector-arithmetic.ts` for arithmetic.
 */
export type Embedding<Space extends string> = Float32Array & { readonly [spaceOf]: Space };

/** A unit vector in the shared text-image space of the head. */
export type JointEmbedding = Embedding<'joint'>;

/**
 * Names the joint space: a hash over encoders, preprocessing and head weights. Vectors compare only within one space.
 */
export type SpaceId = string & { readonly __spaceId?: never };

/** What is stored of a picture; its fields are declared in `picture-fields.ts`. */
export interface ImagePayload extends PictureValues {
  readonly kind: 'image';
}

export interface CaptionPayload extends SharedValues {
  readonly kind: 'caption';
  readonly caption: string;
}

export type Payload = ImagePayload | CaptionPayload;

/** One page of a list. Pass `next` as `cursor` to get the following page; absent on the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}
