import { useEffect, useRef, useState } from 'preact/hooks';
import type { ImageItem } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { contentUrl, thumbnailUrl } from '../state/server-urls.ts';
import { IconButton } from './icon.tsx';
import { describe, smallVersion } from './tile.tsx';
import { isTyping } from './use-shortcut.ts';

const maxScale = 8;
/** Types that browsers can show; for others the server makes a preview at its maximum size. */
const shownByBrowsers = /^image\/(jpeg|png|webp|gif|avif)$/;
const previewEdge = 2048;

interface Viewport {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}
const whole: Viewport = { scale: 1, x: 0, y: 0 };

/** The picture fitted to the window. Wheel, pinch, double click, buttons and + - 0 zoom; dragging pans. */
export function ZoomablePicture({ image }: { image: ImageItem }) {
  const stage = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(whole);
  /** Ids of the current picture, and of one that the browser could not show. */
  const [shown, setShown] = useState('');
  const [failed, setFailed] = useState('');
  const isPreview = failed === image.id || !shownByBrowsers.test(image.contentType);
  useEffect(() => setView(whole), [image.id]);
  const zoom = (factor: number, at?: { x: number; y: number }) => setView((before) => zoomed(before, factor, at));
  useZoomGestures(stage, zoom, setView);

  useZoomKeys(zoom, () => setView(whole));
  return (
    <div class="stage" ref={stage}>
      <div
        class="stage-picture"
        style={{
          transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`,
          cursor: view.scale > 1 ? 'grab' : 'zoom-in',
        }}
      >
        <img class="stage-small" src={smallVersion(image, 512)} alt="" draggable={false} />
        <img
          key={image.id}
          class={shown === image.id ? 'shown' : ''}
          src={isPreview ? thumbnailUrl(image.id, previewEdge) : contentUrl(image.id)}
          alt={describe(image)}
          draggable={false}
          onLoad={() => setShown(image.id)}
          onError={() => setFailed(image.id)}
        />
      </div>
      {isPreview ? <p class="stage-note">{t('zoom.preview')}</p> : null}
      <div class="stage-tools">
        <IconButton
          icon="zoomOut"
          label={t('do.zoomOut')}
          hotkey="−"
          disabled={view.scale <= 1}
          onClick={() => zoom(1 / 1.6)}
        />
        <IconButton
          icon="zoomIn"
          label={t('do.zoomIn')}
          hotkey="+"
          disabled={view.scale >= maxScale}
          onClick={() => zoom(1.6)}
        />
      </div>
    </div>
  );
}

/** Zooms around the pointer, given relative to the centre of the stage. */
export function zoomed(view: Viewport, factor: number, at = { x: 0, y: 0 }): Viewport {
  const scale = Math.min(maxScale, Math.max(1, view.scale * factor));
  if (scale === 1) return whole;
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

function pointIn(stage: { current: HTMLElement | null }, event: { clientX: number; clientY: number }) {
  const box = stage.current!.getBoundingClientRect();
  return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
}

function useZoomGestures(
  stage: { current: HTMLElement | null },
  zoom: (factor: number, at: { x: number; y: number }) => void,
  setView: (update: (before: Viewport) => Viewport) => void,
): void {
  useEffect(() => {
    const element = stage.current!;
    const pointers = new Map<number, PointerEvent>();
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0025)), pointIn(stage, event));
    };
    const down = (event: PointerEvent) => {
      if ((event.target as Element).closest('button')) return;
      pointers.set(event.pointerId, event);
      element.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) zoom(distance(event, other) / Math.max(1, distance(before, other)), pointIn(stage, event));
      else {
        const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
        setView((view) => (view.scale > 1 ? { ...view, x: view.x + dx, y: view.y + dy } : view));
      }
      pointers.set(event.pointerId, event);
    };
    const up = (event: PointerEvent) => pointers.delete(event.pointerId);
    const twice = (event: MouseEvent) => {
      const point = pointIn(stage, event);
      if (!(event.target as Element).closest('button'))
        setView((view) => (view.scale > 1 ? whole : zoomed(view, 2.5, point)));
    };
    const listening = new AbortController();
    const { signal } = listening;
    element.addEventListener('dblclick', twice, { signal });
    element.addEventListener('wheel', wheel, { signal, passive: false });
    element.addEventListener('pointerdown', down, { signal });
    element.addEventListener('pointermove', move, { signal });
    element.addEventListener('pointerup', up, { signal });
    element.addEventListener('pointercancel', up, { signal });
    return () => listening.abort();
  }, []);
}

function distance(a: PointerEvent, b: PointerEvent): number {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function useZoomKeys(zoom: (factor: number) => void, reset: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey) return;
      if (event.key === '+' || event.key === '=') zoom(1.6);
      else if (event.key === '-') zoom(1 / 1.6);
      else if (event.key === '0') reset();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
