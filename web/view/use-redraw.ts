import { useEffect, useRef, useState } from 'preact/hooks';
import { type Colours, coloursOf, type Drawing, drawMap } from '../map/draw.ts';
import type { Viewport } from '../map/geometry.ts';
import { theme } from '../state/theme.ts';

/** A view that has not changed for this long is at rest. */
const restMs = 150;

/**
 * Schedules one drawing for the next frame with the state that `describe` returns then, however often it is called; the
 * function is stable. A changing view is drawn quickly, and in full quality once it rests.
 */
export function useRedraw(
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
  let drawn: Viewport | undefined;
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

function isSameView(a: Viewport, b: Viewport): boolean {
  return a.x === b.x && a.y === b.y && a.scale === b.scale;
}
