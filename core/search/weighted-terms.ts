import type { JointEmbedding } from '../types.ts';

/**
 * One part of a query. A weight below zero means "without that"; only the ratio of weights matters.
 */
export type SearchTerm = { readonly weight: number } & (
  | { readonly text: string }
  /** A picture or caption that is stored. */
  | { readonly imageId: string }
  /** The bytes of a picture that need not be stored. */
  | { readonly image: Uint8Array }
  /** A vector of the space of the store, any length but zero; the caller has made sure of that. */
  | { readonly vector: JointEmbedding }
);

/** Words weigh as much as a picture; what is unwanted half as much, because it is often near what is wanted. */
export const DEFAULT_WEIGHTS = { text: 1, image: 1, minus: 0.5 } as const;
