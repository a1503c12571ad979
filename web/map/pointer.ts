import { useEffect, useRef } from 'preact/hooks';
import type { Point } from './geometry.ts';

/** Gesture callbacks; points are CSS pixels from the canvas's corner. */
export interface PointerActions {
  readonly lassoMode: boolean;
  readonly pan: (dx: number, dy: number) => void;
  readonly zoom: (factor: number, at: Point) => void;
  readonly hover: (at: Point | undefined) => void;
  readonly tap: (at: Point) => void;
  readonly lasso: (polygon: readonly Point[] | null) => void;
  readonly enclose: (polygon: readonly Point[]) => void;
}

/** A press that never moves farther than this from its start is a tap. CSS pixels. */
const tapSlack = 5;

/** Panning, zooming, hovering, tapping and drawing a lasso on a canvas, by mouse, pen or touch. */
export function usePointer(canvas: { current: HTMLCanvasElement | null }, actions: PointerActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const element = canvas.current!;
    const down = new Map<number, Point>();
    let start: Point | undefined;
    let polygon: Point[] | undefined;
    let farthest = 0;
    const at = (event: MouseEvent) => pointIn(element, event);
    const listeners = {
      pointerdown: (event: PointerEvent) => {
        element.setPointerCapture(event.pointerId);
        start = at(event);
        farthest = 0;
        down.set(event.pointerId, start);
        polygon = event.shiftKey || latest.current.lassoMode ? [start] : undefined;
      },
      pointermove: (event: PointerEvent) => {
        const here = at(event);
        const before = down.get(event.pointerId);
        if (!before) return latest.current.hover(here);
        if (start) farthest = Math.max(farthest, distance(start, here));
        const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
        if (other) latest.current.zoom(distance(here, other) / Math.max(1, distance(before, other)), here);
        else if (polygon) {
          polygon = [...polygon, here];
          latest.current.lasso(polygon);
        } else latest.current.pan(here.x - before.x, here.y - before.y);
        down.set(event.pointerId, here);
      },
      pointerup: (event: PointerEvent) => {
        const here = at(event);
        const isTap = down.size === 1 && farthest < tapSlack;
        down.delete(event.pointerId);
        if (polygon && !isTap) latest.current.enclose(polygon);
        else if (isTap) latest.current.tap(here);
        if (polygon) latest.current.lasso(null);
        polygon = undefined;
      },
      pointercancel: (event: PointerEvent) => {
        down.delete(event.pointerId);
        polygon = undefined;
        latest.current.lasso(null);
      },
      pointerleave: () => latest.current.hover(undefined),
      wheel: (event: WheelEvent) => {
        event.preventDefault();
        latest.current.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), at(event));
      },
    };
    const listening = new AbortController();
    const options = { passive: false, signal: listening.signal };
    for (const [name, listener] of Object.entries(listeners)) {
      element.addEventListener(name, listener as EventListener, options);
    }
    return () => listening.abort();
  }, []);
}

function pointIn(element: Element, event: MouseEvent): Point {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
