import { UMAP } from 'umap-js';

/** Unit vectors as signed bytes, `dimension` components each, concatenated. */
export interface Vectors {
  readonly bytes: Int8Array;
  readonly dimension: number;
}

/** x and y of each vector, interleaved. */
export type Positions = Float32Array;

const neighbours = 15;

/**
 * Reproducible numbers in [0, 1), so that a collection always gets the same map (mulberry32, Tommy Ettinger, public
 * domain).
 */
function repeatable(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Arranges vectors in the plane so that near ones stay near (UMAP, McInnes et al. 2018). Reports intermediate positions
 * and progress (0 to 1); takes seconds for thousands of vectors.
 */
export function arrange(vectors: Vectors, onProgress: (positions: Positions, share: number) => void): Positions {
  const rows = rowsOf(vectors);
  if (rows.length < 4) return circle(rows.length);
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(neighbours, rows.length - 1),
    minDist: 0.15,
    distanceFn: unitDistance,
    random: repeatable(),
  });
  onProgress(circle(rows.length), 0);
  const epochs = umap.initializeFit(rows);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    if (epoch % 10 === 0) onProgress(flat(umap.getEmbedding()), epoch / epochs);
  }
  return flat(umap.getEmbedding());
}

/**
 * Adds vectors without a position (NaN) to an existing map, next to their nearest neighbours, so that a familiar map
 * does not change when a few pictures are added.
 */
export function placeNew({ bytes, dimension }: Vectors, positions: Positions): Positions {
  const count = positions.length / 2;
  const known = Array.from({ length: count }, (_, i) => i).filter((i) => !Number.isNaN(positions[i * 2]!));
  const placed = positions.slice();
  for (let i = 0; i < count; i++) {
    if (!Number.isNaN(positions[i * 2]!)) continue;
    const nearest = known
      .map((other) => ({ other, score: dot(bytes, dimension, i, other) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 3);
    for (const axis of [0, 1]) {
      const sum = nearest.reduce((total, { other }) => total + positions[other * 2 + axis]!, 0);
      placed[i * 2 + axis] = nearest.length === 0 ? 0 : sum / nearest.length;
    }
  }
  return placed;
}

function dot(bytes: Int8Array, dimension: number, a: number, b: number): number {
  let sum = 0;
  for (let j = 0; j < dimension; j++) sum += bytes[a * dimension + j]! * bytes[b * dimension + j]!;
  return sum;
}

/** Cosine distance between vectors of unit length, up to rounding. */
function unitDistance(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return Math.max(0, 1 - sum);
}

function rowsOf({ bytes, dimension }: Vectors): number[][] {
  return Array.from({ length: bytes.length / dimension }, (_, i) => {
    const row = Array.from(bytes.subarray(i * dimension, (i + 1) * dimension));
    const length = Math.hypot(...row) || 1;
    return row.map((value) => value / length);
  });
}

function circle(count: number): Positions {
  return Float32Array.from({ length: count * 2 }, (_, i) => {
    const angle = (Math.floor(i / 2) / Math.max(1, count)) * 2 * Math.PI;
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}

function flat(rows: readonly (readonly number[])[]): Positions {
  return Float32Array.from(rows.flat());
}
