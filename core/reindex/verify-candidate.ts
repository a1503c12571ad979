import { SightlineError } from '../errors.ts';
import type { CandidateIndex, Hit, StoredPoint, VectorStore } from '../ports.ts';
import type { JointEmbedding } from '../types.ts';
import { pluralise } from '../util/pluralise.ts';
import { dot } from '../util/vector-arithmetic.ts';

export interface VerifyOptions {
  /** Number of points to search for, 0 to 1000. */
  readonly sample: number;
  /** Share of the nearest pictures that both spaces must have in common on average, 0 to 1. */
  readonly minOverlap: number;
}

/** Result of the check before a switch. */
export interface Verification {
  readonly live: { readonly images: number; readonly captions: number };
  readonly built: { readonly images: number; readonly captions: number };
  /** Points that still differ; counted up to 1000. */
  readonly differences: number;
  readonly sampled: number;
  /** How many of the sampled points their own vector finds. */
  readonly foundThemselves: number;
  /** Average share of a picture's nearest pictures common to both spaces; null with fewer than two pictures. */
  readonly overlap: number | null;
}

/** Nearest pictures that are compared. */
const NEIGHBOURS = 10;
/** Minimum cosine to count as the same picture. */
const SAME = 0.999;
/** Maximum differences left for the last pass. */
const FEW = 100;

/**
 * Checks a space filled from the live one: it must have as many points, each point of a sample must be found by its own
 * vector, and pictures must have similar neighbours. Ids are hashes, so the first ones are a random sample.
 * @throws {precondition-failed} with what was expected and found
 */
export async function verifySpace(
  candidate: CandidateIndex,
  options: VerifyOptions,
  missing: number,
): Promise<Verification> {
  const { from, to } = candidate;
  const [differences, live, built] = await Promise.all([
    candidate.differences(null, 1000).then((ids) => ids.length),
    countsOf(from),
    countsOf(to),
  ]);
  const sample = options.sample === 0 ? [] : (await to.list({ filter: {}, limit: options.sample, order: 'id' })).items;
  const ids = sample.map(({ id }) => id);
  const [ours, theirs] = [await to.vectors(ids), await from.vectors(ids)];
  let [sampled, foundThemselves] = [0, 0];
  const overlaps: number[] = [];
  for (const point of sample) {
    const [here, there] = [ours.get(point.id), theirs.get(point.id)];
    if (here === undefined) continue;
    const found = await findsItself(candidate, point, here);
    if (found !== null) sampled++;
    if (found) foundThemselves++;
    if (there === undefined || point.payload.kind !== 'image') continue;
    const share = overlapOf(await neighbours(from, point.id, there), await neighbours(to, point.id, here));
    if (share !== null) overlaps.push(share);
  }
  const overlap = overlaps.length === 0 ? null : overlaps.reduce((sum, share) => sum + share, 0) / overlaps.length;
  const found = { live, built, differences, sampled, foundThemselves, overlap };
  assertGood(found, options, missing);
  return found;
}

async function countsOf(store: VectorStore): Promise<{ images: number; captions: number }> {
  const [images, captions] = await Promise.all([store.count({ kind: 'image' }), store.count({ kind: 'caption' })]);
  return { images, captions };
}

/**
 * Whether a point is found by its own vector. A copy also counts, even with other bytes, if the live space considers it
 * the same. Null when the point was deleted meanwhile.
 */
async function findsItself(
  { from, to }: CandidateIndex,
  { id }: StoredPoint,
  vector: JointEmbedding,
): Promise<boolean | null> {
  const { items } = await to.query({ vector, filter: {}, limit: NEIGHBOURS });
  const [first] = items;
  if (first === undefined || items.some((hit) => hit.id === id)) return first !== undefined;
  const known = await from.vectors([id, first.id]);
  const [own, other] = [known.get(id), known.get(first.id)];
  return own === undefined || other === undefined ? null : dot(own, other) > SAME;
}

async function neighbours(store: VectorStore, id: string, vector: JointEmbedding): Promise<readonly Hit[]> {
  return (await store.query({ vector, filter: { kind: 'image' }, limit: NEIGHBOURS, exclude: [id] })).items;
}

function overlapOf(a: readonly Hit[], b: readonly Hit[]): number | null {
  const others = new Set(b.map(({ id }) => id));
  const size = Math.min(a.length, b.length);
  return size === 0 ? null : a.filter(({ id }) => others.has(id)).length / size;
}

function assertGood(found: Verification, { minOverlap }: VerifyOptions, missing: number): void {
  const { live, built, differences, sampled, foundThemselves, overlap } = found;
  const refuse = (expected: string, got: string) => {
    const message = `the new space did not pass the check and was not switched to: expected ${expected}, got ${got}`;
    throw new SightlineError('precondition-failed', message, { details: { expected, got } });
  };
  if (differences > FEW + missing) refuse(`at most ${FEW} differences to the live space`, `${differences}`);
  const lost = live.images + live.captions - built.images - built.captions;
  if (lost > missing + differences) {
    refuse(
      `${pluralise(live.images, 'picture')} and ${pluralise(live.captions, 'caption')}`,
      `${built.images} and ${built.captions}`,
    );
  }
  if (foundThemselves < sampled)
    refuse(`each of ${pluralise(sampled, 'point')} found by its own vector`, `${foundThemselves}`);
  if (overlap !== null && overlap < minOverlap) {
    refuse(
      `${minOverlap} or more of the nearest pictures in common with the live space (--min-overlap)`,
      overlap.toFixed(2),
    );
  }
}
