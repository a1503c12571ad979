import { SightlineError } from '../errors.ts';
import type { Embedding } from '../types.ts';

/** Dot product of two vectors of the same length, summed in float64; the cosine when both have unit length. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Euclidean length. */
export function norm(a: Float32Array): number {
  return Math.sqrt(dot(a, a));
}

/**
 * A new vector of unit length with the direction of `a`.
 * @throws {invalid-input} when it has no direction (zero or not finite)
 */
export function normalise<S extends string>(a: Embedding<S>): Embedding<S> {
  const length = norm(a);
  if (!Number.isFinite(length) || length < 1e-12) {
    throw new SightlineError('invalid-input', 'the vectors cancel each other out: their sum has no direction');
  }
  return a.map((x) => x / length) as Embedding<S>;
}

/**
 * The unit vector along `sum(weight * vector)`. Weights may be negative ("like this, but without that").
 * @throws {invalid-input} when the sum is zero
 */
export function mix<S extends string>(terms: readonly { vector: Embedding<S>; weight: number }[]): Embedding<S> {
  const first = terms[0];
  if (first === undefined) throw new SightlineError('invalid-input', 'expected at least one vector to mix, got none');
  const sum = new Float32Array(first.vector.length) as Embedding<S>;
  for (const { vector, weight } of terms) {
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * vector[i]!;
  }
  return normalise(sum);
}
