import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { nameOf } from '../format.ts';
import { type Colours, coloursOf, type Drawing, drawMap, itemAt } from '../map/draw.ts';
import {
  contains,
  extentOf,
  type Point,
  type Size,
  toScreen,
  toWorld,
  type View,
  wholeView,
  zoomAt,
} from '../map/geometry.ts';
import { usePointer } from '../map/pointer.ts';
import { type CollectionMap, map } from '../state/map.ts';
import { hidden } from '../state/results.ts';
import { selected } from '../state/selection.ts';
import { theme } from '../state/session.ts';
import { Icon } from './icon.tsx';

interface MapCanvasProps {
  /** Ids of the pictures that stand out; null when all do. */
  readonly highlighted: ReadonlySet<string> | null;
  readonly open: (id: string) => void;
  /** What becomes of pictures that are drawn around; selected on the page when absent. */
  readonly select?: (ids: ReadonlySet<string>) => void;
  readonly children: ComponentChildren;
}

/** The map itself, with its gestures and keys. */
export function MapCanvas({ highlighted, open, select = addToSelection, children }: MapCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const shown = useShownMap(size.height > size.width);
  const [view, setView] = useState<View | null>(null);
  const [lasso, setLasso] = useState<readonly Point[] | null>(null);
  const [lassoMode, setLassoMode] = useState(false);
  const [hovered, setHovered] = useState<number | undefined>();
  useSize(canvas, setSize);
  const whole = wholeView(size, shown ? extentOf(shown.positions) : undefined);
  // Until somebody moves it, all of the map is in sight, also while it grows.
  const seen = view ?? whole;
  const change = (to: (before: View) => View) => setView((before) => to(before ?? whole));
  const redraw = useRedraw(canvas, () =>
    shown && size.width > 0
      ? { map: shown, view: seen, size, lasso, hovered, highlighted, chosen: selected.value }
      : undefined,
  );
  useLayoutEffect(redraw);

  const at = (point: Point) => (shown ? itemAt({ map: shown, view: seen, size, highlighted }, point) : undefined);
  const middle = { x: size.width / 2, y: size.height / 2 };
  const zoom = (factor: number, point = middle) => change((before) => zoomAt(before, size, factor, point));
  const openAt = (point: Point) => {
    const item = shown?.items[at(point) ?? -1];
    if (item?.kind === 'image') open(item.id);
  };
  const choose = (polygon: readonly Point[]) => {
    const inside =
      shown &&
      within(
        shown,
        polygon.map((point) => toWorld(seen, size, point)),
      );
    if (inside && inside.size > 0) select(inside);
  };
  usePointer(canvas, {
    lassoMode,
    pan: (dx, dy) =>
      change((before) => ({ ...before, x: before.x - dx / before.scale, y: before.y - dy / before.scale })),
    zoom,
    hover: (point) => setHovered(point && at(point)),
    tap: openAt,
    lasso: setLasso,
    enclose: (polygon) => {
      choose(polygon);
      setLasso(null);
      setLassoMode(false);
    },
  });
  const selectInSight = () => {
    const corners = [
      { x: 0, y: 0 },
      { x: size.width, y: 0 },
      { x: size.width, y: size.height },
      { x: 0, y: size.height },
    ];
    choose(corners);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter') openAt(nearestTo(middle, shown, seen, size));
    else if (event.key === 's') selectInSight();
    else if (event.key === '0') setView(null);
    else {
      const moved = keyChange(event.key, seen, size);
      if (!moved) return;
      setView(moved);
    }
    event.preventDefault();
  };
  const label = hovered === undefined ? '' : nameOf(shown?.items[hovered]?.label ?? '');
  return (
    <div class="map-stage">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        class={lassoMode ? 'lasso' : hovered === undefined ? '' : 'over'}
        aria-label={
          'Map of the collection. Arrow keys move it, plus and minus zoom, zero shows all of it, ' +
          'Enter opens the picture in the middle, S selects what is in sight.'
        }
        onKeyDown={onKeyDown}
      />
      {children}
      {label === '' ? null : <p class="map-label">{label}</p>}
      <div class="stage-tools">
        <Tool
          icon="lasso"
          label="Lasso"
          title="Draw around pictures to select them (Shift)"
          pressed={lassoMode}
          act={() => setLassoMode(!lassoMode)}
        />
        <Tool icon="select" label="Select what is in sight" title="Select what is in sight (S)" act={selectInSight} />
        <Tool icon="zoomOut" label="Zoom out" title="Zoom out (−)" act={() => zoom(1 / 1.6)} />
        <Tool icon="zoomIn" label="Zoom in" title="Zoom in (+)" act={() => zoom(1.6)} />
        <Tool icon="fit" label="Show all" title="Show all (0)" act={() => setView(null)} />
      </div>
    </div>
  );
}

interface ToolProps {
  readonly icon: 'lasso' | 'select' | 'zoomOut' | 'zoomIn' | 'fit';
  readonly label: string;
  readonly title: string;
  readonly pressed?: boolean;
  readonly act: () => void;
}

function Tool({ icon, label, title, pressed, act }: ToolProps) {
  return (
    <button type="button" class="icon-button" aria-pressed={pressed} aria-label={label} title={title} onClick={act}>
      <Icon name={icon} />
    </button>
  );
}

/** The map without pictures that were deleted on this page; its longer side upright where the window's is. */
function useShownMap(upright: boolean): CollectionMap | null {
  const whole = map.value;
  const away = hidden.value;
  return useMemo(() => {
    const shown = whole && away.size > 0 ? withoutHidden(whole, away) : whole;
    return shown && upright ? { ...shown, positions: upended(shown.positions) } : shown;
  }, [whole, away, upright]);
}

/** A quarter turn. */
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

function addToSelection(ids: ReadonlySet<string>): void {
  selected.value = new Set([...selected.value, ...ids]);
}

/** Ids of the pictures in a polygon of the world. */
function within(shown: CollectionMap, polygon: readonly Point[]): ReadonlySet<string> {
  const inside = shown.items.filter(
    ({ kind }, i) =>
      kind === 'image' && contains(polygon, { x: shown.positions[i * 2]!, y: shown.positions[i * 2 + 1]! }),
  );
  return new Set(inside.map(({ id }) => id));
}

/** Where on the screen the picture nearest to a point is; the point itself when there is none. */
function nearestTo(point: Point, shown: CollectionMap | null, view: View, size: Size): Point {
  let best = point;
  let nearest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < (shown?.items.length ?? 0); i++) {
    const at = toScreen(view, size, { x: shown!.positions[i * 2]!, y: shown!.positions[i * 2 + 1]! });
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (distance < nearest) [nearest, best] = [distance, at];
  }
  return best;
}

function keyChange(key: string, view: View, size: Size): View | undefined {
  const step = 60 / view.scale;
  const middle = { x: size.width / 2, y: size.height / 2 };
  switch (key) {
    case 'ArrowLeft':
      return { ...view, x: view.x - step };
    case 'ArrowRight':
      return { ...view, x: view.x + step };
    case 'ArrowUp':
      return { ...view, y: view.y - step };
    case 'ArrowDown':
      return { ...view, y: view.y + step };
    case '+':
    case '=':
      return zoomAt(view, size, 1.4, middle);
    case '-':
      return zoomAt(view, size, 1 / 1.4, middle);
    default:
      return undefined;
  }
}

/** A view that did not change for so long is at rest. */
const restMs = 150;

/**
 * Draws in the next frame what `describe` says then, once, however often and by whom it was asked for; the same function
 * always. A view that changes is drawn quickly, and finely once it rests.
 */
function useRedraw(
  canvas: { current: HTMLCanvasElement | null },
  describe: () => Omit<Drawing, 'redraw' | 'moving' | 'colours'> | undefined,
): () => void {
  const latest = useRef(describe);
  latest.current = describe;
  const [{ redraw, recolour, stop }] = useState(() => createRedraw(canvas, latest));
  useEffect(() => stop, []);
  useEffect(() => theme.subscribe(recolour), []);
  useEffect(() => {
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', recolour);
    return () => scheme.removeEventListener('change', recolour);
  }, []);
  return redraw;
}

function createRedraw(
  canvas: { current: HTMLCanvasElement | null },
  latest: { readonly current: () => Omit<Drawing, 'redraw' | 'moving' | 'colours'> | undefined },
) {
  let frame = 0;
  let rest: ReturnType<typeof setTimeout> | undefined;
  let drawn: View | undefined;
  let colours: Colours | undefined;
  const redraw = () => {
    frame ||= requestAnimationFrame(draw);
  };
  const draw = () => {
    frame = 0;
    const drawing = latest.current();
    if (!canvas.current || !drawing) return;
    if (drawn && !isSameView(drawn, drawing.view)) {
      clearTimeout(rest);
      rest = setTimeout(() => {
        rest = undefined;
        redraw();
      }, restMs);
    }
    drawn = drawing.view;
    colours ??= coloursOf(canvas.current);
    drawMap(canvas.current, { ...drawing, colours, moving: rest !== undefined, redraw });
  };
  return {
    redraw,
    recolour: () => {
      colours = undefined;
      redraw();
    },
    stop: () => {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
    },
  };
}

function isSameView(a: View, b: View): boolean {
  return a.x === b.x && a.y === b.y && a.scale === b.scale;
}

function useSize(canvas: { current: HTMLCanvasElement | null }, setSize: (size: Size) => void): void {
  useLayoutEffect(() => {
    const element = canvas.current!;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
}
