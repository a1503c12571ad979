import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { SpaceId } from '../types.ts';

/** Names for "what made these vectors". */

/** What decides the vectors of an encoder: hashes of its files and everything done before and after it. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/**
 * The id of a joint space: 16 hex digits of SHA-256 over both encoders' fingerprints and the head. Two systems with the
 * same id make the same vectors of the same input.
 */
export function spaceId(parts: {
  readonly text: Fingerprint;
  readonly image: Fingerprint;
  /** SHA-256 of head.onnx, lower-case hex, and the components of its vectors; null when the encoders share a space. */
  readonly head: { readonly sha256: string; readonly dimension: number } | null;
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
