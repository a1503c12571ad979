/** Eigenvectors of covariance matrices, for whitening. */

export interface EigenPairs {
  /** Largest first. */
  readonly values: Float64Array;
  /** Row i is the unit eigenvector of values[i]: [n, n]. */
  readonly vectors: Float64Array;
}

/**
 * All eigenpairs of a symmetric matrix [n, n]: Householder reduction to tridiagonal form, then implicit QL (Golub and
 * Van Loan, "Matrix Computations", 4th edition, sections 8.3.1 and 8.3.3). About 10 n^3 operations, all along rows.
 */
export function symmetricEigen(matrix: Float64Array, n: number): EigenPairs {
  const { diagonal, beside, basis } = tridiagonalise(matrix, n);
  implicitQl(diagonal, beside, basis, n);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => diagonal[j]! - diagonal[i]!);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) vectors.set(basis.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => diagonal[i]!), vectors };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** beside[i] couples i and i + 1. */
  readonly beside: Float64Array;
  /** Rows are the vectors of the basis in which the matrix is tridiagonal. */
  readonly basis: Float64Array;
}

/** A <- H A H for one Householder reflection H = I - v v^T (v of length sqrt 2) after the other. */
function tridiagonalise(matrix: Float64Array, n: number): Tridiagonal {
  const a = matrix.slice();
  const reflections: Float64Array[] = [];
  const beside = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    const v = reflection(a.subarray(k * n, (k + 1) * n), k + 1);
    reflections.push(v);
    // p = A v, then A <- A - v w^T - w v^T with w = p - (p.v / 2) v, for |v|^2 = 2.
    const p = new Float64Array(n);
    for (let i = k; i < n; i++) {
      let sum = 0;
      for (let j = k + 1, at = i * n + k + 1; j < n; j++, at++) sum += a[at]! * v[j]!;
      p[i] = sum;
    }
    let along = 0;
    for (let j = k + 1; j < n; j++) along += p[j]! * v[j]!;
    for (let j = k + 1; j < n; j++) p[j]! -= (along / 2) * v[j]!;
    for (let i = k; i < n; i++) {
      const [vi, pi] = [v[i]!, p[i]!];
      for (let j = k, at = i * n + k; j < n; j++, at++) a[at]! -= vi * p[j]! + pi * v[j]!;
    }
  }
  for (let i = 0; i + 1 < n; i++) beside[i] = a[i * n + i + 1]!;
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  // Rows of (H_1 H_2 ...)^T, built from the last reflection backwards, so that the leading rows stay sparse.
  for (let k = reflections.length - 1; k >= 0; k--) reflectRows(basis, reflections[k]!, k + 1, n);
  return { diagonal, beside, basis };
}

/** The vector v, with |v|^2 = 2 or 0, whose reflection I - v v^T maps row[first...] to its first axis. */
function reflection(row: Float64Array, first: number): Float64Array {
  const v = new Float64Array(row.length);
  let squares = 0;
  for (let j = first; j < row.length; j++) {
    v[j] = row[j]!;
    squares += row[j]! ** 2;
  }
  const head = row[first]!;
  if (squares - head * head < 1e-300) return v.fill(0);
  v[first] = head + Math.sign(head || 1) * Math.sqrt(squares);
  const scale = Math.sqrt(2 / (squares - head * head + v[first]! ** 2));
  for (let j = first; j < row.length; j++) v[j]! *= scale;
  return v;
}

/** Maps every row x of the trailing block to x - (x.v) v. */
function reflectRows(basis: Float64Array, v: Float64Array, first: number, n: number): void {
  for (let i = first; i < n; i++) {
    const at = i * n;
    let along = 0;
    for (let j = first; j < n; j++) along += basis[at + j]! * v[j]!;
    for (let j = first; j < n; j++) basis[at + j]! -= along * v[j]!;
  }
}

/** Diagonalises the tridiagonal matrix and turns the rows of `basis` into eigenvectors, in place. */
function implicitQl(d: Float64Array, e: Float64Array, basis: Float64Array, n: number): void {
  for (let l = 0; l < n; l++) {
    for (let round = 0; ; round++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
      if (m === l) break;
      if (round === 60) throw new Error('expected the QL iteration to end');
      // Wilkinson's shift, then one sweep of Givens rotations from m up to l.
      let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      g = d[m]! - d[l]! + e[l]! / (g + Math.sign(g || 1) * Math.hypot(g, 1));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1]! - p;
        const turned = (d[i]! - g) * s + 2 * c * b;
        p = s * turned;
        d[i + 1] = g + p;
        g = c * turned - b;
        turnRows(basis, i, c, s, n);
      }
      if (i >= l) continue;
      d[l]! -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
}

function turnRows(basis: Float64Array, i: number, c: number, s: number, n: number): void {
  const lower = basis.subarray(i * n, (i + 1) * n);
  const upper = basis.subarray((i + 1) * n, (i + 2) * n);
  for (let k = 0; k < n; k++) {
    const [x, y] = [lower[k]!, upper[k]!];
    upper[k] = s * x + c * y;
    lower[k] = c * x - s * y;
  }
}
