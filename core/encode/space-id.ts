import { createHash } from 'node:crypto';
import type { SpaceId } from '../types.ts';
import { canonicalJson } from '../util/canonical-json.ts';

/** Ids for "what made these vectors". */

/** Everything that determines an encoder's vectors: hashes of its files, and all steps before and after it. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/** SHA-256 of a graph, lower-case hex, and the components of its vectors. */
interface Weights {
  readonly sha256: string;
  readonly dimension: number;
}

/**
 * The id of a head's space: 16 hex digits of SHA-256 over everything that pictures' vectors depend on, namely the
 * fingerprint of the image encoder and the graph of the head's image side. Two systems with the same id make the same
 * vectors for the same pictures.
 */
export function spaceId({ image, head }: { readonly image: Fingerprint; readonly head: Weights }): SpaceId {
  return shortHash({ image, head: { sha256: head.sha256, dimension: head.dimension } });
}

/**
 * The same including the text encoder: for encoders that share a space without a head, and for old heads, whose single
 * graph has both sides.
 */
export function pairSpaceId(parts: {
  readonly text: Fingerprint;
  readonly image: Fingerprint;
  readonly head: Weights | null;
}): SpaceId {
  return shortHash({ text: parts.text, image: parts.image, head: parts.head });
}

/** 16 hex digits that change whenever the fingerprint does: the key of cached features. */
export function fingerprintKey(fingerprint: Fingerprint): string {
  return shortHash(fingerprint);
}

function shortHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
}
