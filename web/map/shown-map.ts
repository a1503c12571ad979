import type { CollectionMap } from '../state/map.ts';
import { contains, type Point, type Size, toScreen, type Viewport } from './geometry.ts';

/** The map without pictures deleted on this page, rotated so that its longer side follows the window's. */
export function shownMap(whole: CollectionMap, away: ReadonlySet<string>, upright: boolean): CollectionMap {
  const shown = away.size > 0 ? withoutHidden(whole, away) : whole;
  return upright ? { ...shown, positions: upended(shown.positions) } : shown;
}

/** Rotates by 90 degrees. */
function upended(positions: Float32Array): Float32Array {
  return positions.map((_, i) => (i % 2 === 0 ? -positions[i + 1]! : positions[i - 1]!));
}

function withoutHidden(whole: CollectionMap, away: ReadonlySet<string>): CollectionMap {
  const kept = whole.items.map((_, i) => i).filter((i) => !away.has(whole.items[i]!.id));
  return {
    ...whole,
    items: kept.map((i) => whole.items[i]!),
    positions: Float32Array.from(kept.flatMap((i) => [whole.positions[i * 2]!, whole.positions[i * 2 + 1]!])),
  };
}

/** Ids of the pictures inside a polygon in world coordinates. */
export function idsWithin(shown: CollectionMap, polygon: readonly Point[]): ReadonlySet<string> {
  const inside = shown.items.filter(
    ({ kind }, i) =>
      kind === 'image' && contains(polygon, { x: shown.positions[i * 2]!, y: shown.positions[i * 2 + 1]! }),
  );
  return new Set(inside.map(({ id }) => id));
}

/** Screen position of the picture nearest to a point; the point itself if there is none. */
export function nearestTo(point: Point, shown: CollectionMap, view: Viewport, size: Size): Point {
  let best = point;
  let nearest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < shown.items.length; i++) {
    const at = toScreen(view, size, { x: shown.positions[i * 2]!, y: shown.positions[i * 2 + 1]! });
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (distance < nearest) [nearest, best] = [distance, at];
  }
  return best;
}
