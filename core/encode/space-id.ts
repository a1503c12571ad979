import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { SpaceId } from '../types.ts';

/** Names for "what made these vectors". */

/** What decides the vectors of an encoder: hashes of its files and everything done before and after it. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/** SHA-256 of a graph, lower-case hex, and the components of its vectors. */
interface Weights {
  readonly sha256: string;
  readonly dimension: number;
}

/**
 * The id of the space of a head: 16 hex digits of SHA-256 over what pictures' vectors depend on, the fingerprint of the
 * image encoder and the graph of the head's image side. Two systems with the same id make the same vectors of the same
 * pictures.
 */
export function spaceId({ image, head }: { readonly image: Fingerprint; readonly head: Weights }): SpaceId {
  return shortHash({ image, head: { sha256: head.sha256, dimension: head.dimension } });
}

/**
 * The same over a text encoder, too: of encoders that share a space without a head, and of heads of the old form, whose
 * one graph has both sides.
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
