import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { nameOf } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { itemAt, type Scene } from '../map/draw.ts';
import { extentOf, type Point, type Size, toWorld, type Viewport, wholeView, zoomAt } from '../map/geometry.ts';
import { usePointer } from '../map/pointer.ts';
import { idsWithin, nearestTo, shownMap } from '../map/shown-map.ts';
import { type CollectionMap, map } from '../state/map.ts';
import { hidden } from '../state/results.ts';
import { selected } from '../state/selection.ts';
import { IconButton } from './icon.tsx';
import { useRedraw } from './use-redraw.ts';

interface MapCanvasProps {
  /** Ids of the highlighted pictures; null highlights all. */
  readonly highlighted: ReadonlySet<string> | null;
  readonly open: (id: string) => void;
  /** Called with lassoed pictures; they are selected on the page if absent. */
  readonly select?: (ids: ReadonlySet<string>) => void;
  readonly children: ComponentChildren;
}

const zoomStep = 1.6;

/** The map, with its gestures and keys. */
export function MapCanvas({ highlighted, open, select = addToSelection, children }: MapCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(canvas);
  const shown = useShownMap(size.height > size.width);
  const { view, change, showAll } = useViewport(size, shown);
  const lasso = useLasso();
  const [hovered, setHovered] = useState<number | undefined>();
  const scene = shown && size.width > 0 ? { map: shown, view, size, highlighted } : undefined;
  const redraw = useRedraw(canvas, () => scene && { ...scene, lasso: lasso.polygon, hovered, chosen: selected.value });
  useLayoutEffect(redraw);

  const zoom = (factor: number, point = middleOf(size)) => change((before) => zoomAt(before, size, factor, point));
  const openAt = (point: Point) => {
    const item = scene?.map.items[itemAt(scene, point) ?? -1];
    if (item?.kind === 'image') open(item.id);
  };
  const choose = (polygon: readonly Point[]) => {
    const ids = scene && enclosed(scene, polygon);
    if (ids && ids.size > 0) select(ids);
  };
  const selectInSight = () => choose(cornersOf(size));
  usePointer(canvas, {
    lassoMode: lasso.isOn,
    pan: (dx, dy) => change((before) => panned(before, dx, dy)),
    zoom,
    hover: (point) => setHovered(point && scene && itemAt(scene, point)),
    tap: openAt,
    lasso: lasso.draw,
    enclose: (polygon) => {
      choose(polygon);
      lasso.end();
    },
  });
  const keys: KeyActions = {
    Enter: () => scene && openAt(nearestTo(middleOf(size), scene.map, view, size)),
    s: selectInSight,
    '0': showAll,
  };
  return (
    <div class="map-stage">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        class={lasso.isOn ? 'lasso' : hovered === undefined ? '' : 'over'}
        aria-label={t('map.canvas')}
        onKeyDown={(event) => onKey(event, keys, (key) => change((before) => viewAfterKey(key, before, size)))}
      />
      {children}
      <HoveredName label={hovered === undefined ? undefined : shown?.items[hovered]?.label} />
      <StageTools lasso={lasso} zoom={zoom} selectInSight={selectInSight} showAll={showAll} />
    </div>
  );
}

interface StageToolsProps {
  readonly lasso: ReturnType<typeof useLasso>;
  readonly zoom: (factor: number) => void;
  readonly selectInSight: () => void;
  readonly showAll: () => void;
}

function StageTools({ lasso, zoom, selectInSight, showAll }: StageToolsProps) {
  return (
    <div class="stage-tools">
      <IconButton
        icon="lasso"
        aria-pressed={lasso.isOn}
        label={t('map.lasso')}
        title={t('map.lassoTitle')}
        onClick={lasso.toggle}
      />
      <IconButton icon="select" label={t('map.select')} hotkey="S" onClick={selectInSight} />
      <IconButton icon="zoomOut" label={t('do.zoomOut')} hotkey="−" onClick={() => zoom(1 / zoomStep)} />
      <IconButton icon="zoomIn" label={t('do.zoomIn')} hotkey="+" onClick={() => zoom(zoomStep)} />
      <IconButton icon="fit" label={t('map.showAll')} hotkey="0" onClick={showAll} />
    </div>
  );
}

function HoveredName({ label = '' }: { label?: string }) {
  return label === '' ? null : <p class="map-label">{nameOf(label)}</p>;
}

function useShownMap(upright: boolean): CollectionMap | null {
  const whole = map.value;
  const away = hidden.value;
  return useMemo(() => whole && shownMap(whole, away, upright), [whole, away, upright]);
}

/** The visible part of the map: all of it, even as it grows, until the user moves it. */
function useViewport(size: Size, shown: CollectionMap | null) {
  const [view, setView] = useState<Viewport | null>(null);
  const whole = wholeView(size, shown ? extentOf(shown.positions) : undefined);
  return {
    view: view ?? whole,
    change: (to: (before: Viewport) => Viewport) => setView((before) => to(before ?? whole)),
    showAll: () => setView(null),
  };
}

/** The lasso being drawn, and whether a press starts one instead of moving the map. */
function useLasso() {
  const [polygon, draw] = useState<readonly Point[] | null>(null);
  const [isOn, setIsOn] = useState(false);
  const end = () => {
    draw(null);
    setIsOn(false);
  };
  return { polygon, draw, isOn, toggle: () => setIsOn(!isOn), end };
}

function middleOf({ width, height }: Size): Point {
  return { x: width / 2, y: height / 2 };
}

function cornersOf({ width, height }: Size): Point[] {
  return [
    { x: 0, y: 0 },
    { x: width, y: 0 },
    { x: width, y: height },
    { x: 0, y: height },
  ];
}

function addToSelection(ids: ReadonlySet<string>): void {
  selected.value = new Set([...selected.value, ...ids]);
}

/** Ids of the pictures inside a polygon on the screen. */
function enclosed({ map, view, size }: Scene, polygon: readonly Point[]): ReadonlySet<string> {
  const inWorld = polygon.map((point) => toWorld(view, size, point));
  return idsWithin(map, inWorld);
}

function panned(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
}

type KeyActions = Readonly<Record<'Enter' | 's' | '0', () => void>>;

function onKey(event: KeyboardEvent, actions: KeyActions, move: (key: string) => void): void {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key in actions) actions[key as keyof KeyActions]();
  else if (movingKeys.test(key)) move(key);
  else return;
  event.preventDefault();
}

const movingKeys = /^(Arrow(Left|Right|Up|Down)|[-+=])$/;
const keyStepPx = 60;

function viewAfterKey(key: string, view: Viewport, size: Size): Viewport {
  switch (key) {
    case 'ArrowLeft':
      return panned(view, keyStepPx, 0);
    case 'ArrowRight':
      return panned(view, -keyStepPx, 0);
    case 'ArrowUp':
      return panned(view, 0, keyStepPx);
    case 'ArrowDown':
      return panned(view, 0, -keyStepPx);
    case '-':
      return zoomAt(view, size, 1 / 1.4, middleOf(size));
    default:
      return zoomAt(view, size, 1.4, middleOf(size));
  }
}

function useSize(canvas: { current: HTMLCanvasElement | null }): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = canvas.current!;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
