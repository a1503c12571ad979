import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { countOf, nameOf } from '../format.ts';
import { drawMap, nearestItem } from '../map/draw.ts';
import { contains, type Point, type Size, toWorld, type View, wholeView, zoomAt } from '../map/geometry.ts';
import { usePointer } from '../map/pointer.ts';
import { loadMap, map, mapFault, mapProgress, maxPoints } from '../state/map.ts';
import { openPhoto } from '../state/navigation.ts';
import { results } from '../state/results.ts';
import { selected } from '../state/selection.ts';
import { theme } from '../state/session.ts';
import { Trouble } from './failures.tsx';
import { Icon } from './icon.tsx';

/** The collection as a plane on which alike pictures lie together. */
export function MapView() {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    void loadMap(controller.signal, turn > 0);
    return () => controller.abort();
  }, [turn]);
  const progress = mapProgress.value;
  const count = map.value?.items.length ?? 0;
  return (
    <div class="map-view">
      <header class="toolbar">
        <h1 class="toolbar-title">
          Map <small>{count > 0 ? countOf(count, 'picture') : ''}</small>
        </h1>
        <p class="hint map-hint">Alike pictures lie together. Drag with Shift, or with the lasso, to select.</p>
        <div class="toolbar-actions">
          <button
            type="button"
            class="button button-quiet"
            disabled={progress !== null}
            onClick={() => setTurn(turn + 1)}
          >
            <Icon name="retry" />
            <span>Arrange again</span>
          </button>
        </div>
      </header>
      {mapFault.value ? <Trouble fault={mapFault.value} again={() => setTurn(turn + 1)} /> : null}
      {progress ? (
        <div class="map-progress">
          <progress max={1} value={progress.share || undefined} aria-label={progress.what} />
        </div>
      ) : null}
      {map.value && count === 0 ? <p class="empty">No pictures yet.</p> : <MapCanvas />}
      {count >= maxPoints ? <p class="hint">Only the first {countOf(maxPoints, 'picture')} are shown.</p> : null}
    </div>
  );
}

function MapCanvas() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const [lasso, setLasso] = useState<readonly Point[] | null>(null);
  const [lassoMode, setLassoMode] = useState(false);
  const [hovered, setHovered] = useState<number | undefined>();
  const redraw = useRef(() => {});
  useSize(canvas, setSize, setView);
  const found = results.value && results.value.query.text !== '' ? results.value.items : null;
  const highlighted = found ? new Set(found.map(({ id }) => id)) : null;

  redraw.current = () => {
    if (!canvas.current || !map.value || size.width === 0) return;
    const chosen = selected.value;
    drawMap(canvas.current, {
      map: map.value,
      view,
      size,
      lasso,
      hovered,
      highlighted,
      chosen,
      redraw: redraw.current,
    });
  };
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => redraw.current());
    return () => cancelAnimationFrame(frame);
  }, [map.value, view, size, lasso, hovered, selected.value, theme.value, results.value]);

  const zoom = (factor: number, at = { x: size.width / 2, y: size.height / 2 }) => {
    setView((before) => zoomAt(before, size, factor, at));
  };
  usePointer(canvas, {
    lassoMode,
    pan: (dx, dy) =>
      setView((before) => ({ ...before, x: before.x - dx / before.scale, y: before.y - dy / before.scale })),
    zoom,
    hover: (at) => setHovered(at && map.value ? nearestItem(map.value, view, size, at) : undefined),
    tap: (at) => {
      const index = map.value ? nearestItem(map.value, view, size, at) : undefined;
      if (index !== undefined && map.value?.items[index]?.kind === 'image') openPhoto(map.value.items[index].id);
    },
    lasso: setLasso,
    enclose: (polygon) => {
      selectWithin(polygon.map((point) => toWorld(view, size, point)));
      setLasso(null);
      setLassoMode(false);
    },
  });
  const label = hovered === undefined ? '' : nameOf(map.value?.items[hovered]?.label ?? '');
  return (
    <div class="map-stage">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label="Map of the collection. Arrow keys move it, plus and minus zoom, zero shows all of it."
        onKeyDown={(event) => {
          const change = keyChange(event.key, view, size);
          if (!change) return;
          event.preventDefault();
          setView(change);
        }}
      />
      {label === '' ? null : <p class="map-label">{label}</p>}
      <div class="stage-tools">
        <button
          type="button"
          class="icon-button"
          aria-pressed={lassoMode}
          aria-label="Lasso"
          title="Draw around pictures to select them (Shift)"
          onClick={() => setLassoMode(!lassoMode)}
        >
          <Icon name="select" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Zoom out"
          title="Zoom out (−)"
          onClick={() => zoom(1 / 1.6)}
        >
          <Icon name="zoomOut" />
        </button>
        <button type="button" class="icon-button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(1.6)}>
          <Icon name="zoomIn" />
        </button>
      </div>
    </div>
  );
}

function selectWithin(polygon: readonly Point[]): void {
  const shown = map.value;
  if (!shown || polygon.length < 3) return;
  const inside = shown.items.filter(
    ({ kind }, i) =>
      kind === 'image' && contains(polygon, { x: shown.positions[i * 2]!, y: shown.positions[i * 2 + 1]! }),
  );
  selected.value = new Set([...selected.value, ...inside.map(({ id }) => id)]);
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
    case '0':
      return wholeView(size);
    default:
      return undefined;
  }
}

function useSize(
  canvas: { current: HTMLCanvasElement | null },
  setSize: (size: Size) => void,
  setView: (view: (before: View) => View) => void,
): void {
  useLayoutEffect(() => {
    const element = canvas.current!;
    let isFirst = true;
    const measure = () => {
      const size = { width: element.clientWidth, height: element.clientHeight };
      setSize(size);
      if (isFirst) setView(() => wholeView(size));
      isFirst = false;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
}
