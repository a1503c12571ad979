/** Geometry of the map: a square world from -1 to 1, seen through a window that pans and zooms. */

export interface Viewport {
  /** Centre of the window in world coordinates. */
  readonly x: number;
  readonly y: number;
  /** CSS pixels per world unit. */
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Half the extent of the map in the world, in either direction. */
export interface Extent {
  readonly x: number;
  readonly y: number;
}

/** The whole map, with a margin. */
export function wholeView({ width, height }: Size, extent: Extent = { x: 1, y: 1 }): Viewport {
  return { x: 0, y: 0, scale: Math.max(1, Math.min((width / extent.x) * 0.46, (height / extent.y) * 0.46)) };
}

export function extentOf(positions: Float32Array): Extent {
  const extent = { x: 0.2, y: 0.2 };
  for (let i = 0; i + 1 < positions.length; i += 2) {
    extent.x = Math.max(extent.x, Math.min(1, Math.abs(positions[i]!)));
    extent.y = Math.max(extent.y, Math.min(1, Math.abs(positions[i + 1]!)));
  }
  return extent;
}

export function toScreen(view: Viewport, size: Size, point: Point): Point {
  return {
    x: (point.x - view.x) * view.scale + size.width / 2,
    y: (point.y - view.y) * view.scale + size.height / 2,
  };
}

export function toWorld(view: Viewport, size: Size, point: Point): Point {
  return {
    x: (point.x - size.width / 2) / view.scale + view.x,
    y: (point.y - size.height / 2) / view.scale + view.y,
  };
}

/** Zooms by a factor and keeps the point `at` (on the screen) in place. */
export function zoomAt(view: Viewport, size: Size, factor: number, at: Point): Viewport {
  const least = wholeView(size).scale * 0.5;
  const scale = Math.min(least * 400, Math.max(least, view.scale * factor));
  const fixed = toWorld(view, size, at);
  return {
    scale,
    x: fixed.x - (at.x - size.width / 2) / scale,
    y: fixed.y - (at.y - size.height / 2) / scale,
  };
}

/** Even-odd rule: whether a point lies in the polygon. */
export function contains(polygon: readonly Point[], { x, y }: Point): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const a = polygon[i]!;
    const b = polygon[j]!;
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  }
  return inside;
}

/**
 * Rotates positions so that they spread most horizontally, where windows have room, then moves and scales them
 * uniformly to fill the world. Up to 2% outliers may lie outside.
 */
export function fitted(positions: Float32Array): Float32Array {
  const turned = rotated(positions, -mainDirection(positions));
  const spread = [0, 1].map((axis) => {
    const values = turned.filter((_, i) => i % 2 === axis).sort();
    const at = (share: number) => values[Math.round((values.length - 1) * share)] ?? 0;
    return { middle: (at(0.02) + at(0.98)) / 2, half: (at(0.98) - at(0.02)) / 2 };
  });
  const half = Math.max(...spread.map((one) => one.half)) || 1;
  return turned.map((value, i) => ((value - spread[i % 2]!.middle) / half) * 0.9);
}

/** Angle of the first principal axis: half the angle of the covariance's deviator. */
function mainDirection(positions: Float32Array): number {
  const count = positions.length / 2;
  const mean = [0, 1].map(
    (axis) => positions.reduce((sum, value, i) => (i % 2 === axis ? sum + value : sum), 0) / count,
  );
  let [xx, xy, yy] = [0, 0, 0];
  for (let i = 0; i < positions.length; i += 2) {
    const [x, y] = [positions[i]! - mean[0]!, positions[i + 1]! - mean[1]!];
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  return Math.atan2(2 * xy, xx - yy) / 2;
}

function rotated(positions: Float32Array, angle: number): Float32Array {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return positions.map((_, i) => {
    const [x, y] = i % 2 === 0 ? [positions[i]!, positions[i + 1]!] : [positions[i - 1]!, positions[i]!];
    return i % 2 === 0 ? x * cos - y * sin : x * sin + y * cos;
  });
}
