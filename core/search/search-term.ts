import type { JointEmbedding } from '../types.ts';

/**
 * One part of a query. A weight below zero means "without that"; only the ratio of weights matters.
 */
export type SearchTerm = { readonly weight: number } & (
  | { readonly text: string }
  /** A stored picture or caption. */
  | { readonly imageId: string }
  /** The bytes of any picture. */
  | { readonly image: Uint8Array }
  /** A vector in the store's space, of any length but zero; the caller must ensure both. */
  | { readonly vector: JointEmbedding }
);

/** Words weigh as much as a picture; exclusions half as much, because they are often close to what is wanted. */
export const DEFAULT_WEIGHTS = { text: 1, image: 1, minus: 0.5 } as const;
