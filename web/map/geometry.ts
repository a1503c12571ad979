/** Geometry of the map: what is drawn is a square world from -1 to 1, seen through a window that moves and zooms. */

export interface View {
  /** Middle of the window in the world. */
  readonly x: number;
  readonly y: number;
  /** CSS pixels a unit of the world. */
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

/** The whole world with a margin. */
export function wholeView({ width, height }: Size): View {
  return { x: 0, y: 0, scale: Math.max(1, Math.min(width, height) * 0.46) };
}

export function toScreen(view: View, size: Size, point: Point): Point {
  return {
    x: (point.x - view.x) * view.scale + size.width / 2,
    y: (point.y - view.y) * view.scale + size.height / 2,
  };
}

export function toWorld(view: View, size: Size, point: Point): Point {
  return {
    x: (point.x - size.width / 2) / view.scale + view.x,
    y: (point.y - size.height / 2) / view.scale + view.y,
  };
}

/** Zooms by a factor so that what is under `at` (on the screen) stays there. */
export function zoomAt(view: View, size: Size, factor: number, at: Point): View {
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

/** Positions moved and scaled alike in both directions so that they fill the world; outliers beyond 2% may stick out. */
export function fitted(positions: Float32Array): Float32Array {
  const spread = [0, 1].map((axis) => {
    const values = positions.filter((_, i) => i % 2 === axis).sort();
    const at = (share: number) => values[Math.round((values.length - 1) * share)] ?? 0;
    return { middle: (at(0.02) + at(0.98)) / 2, half: (at(0.98) - at(0.02)) / 2 };
  });
  const half = Math.max(...spread.map((one) => one.half)) || 1;
  return positions.map((value, i) => ((value - spread[i % 2]!.middle) / half) * 0.9);
}
