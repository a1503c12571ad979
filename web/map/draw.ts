import type { CollectionMap, MapItem } from '../state/map.ts';
import { type Point, type Size, toScreen, type View } from './geometry.ts';

export interface Drawing {
  readonly map: CollectionMap;
  readonly view: View;
  /** CSS pixels. */
  readonly size: Size;
  readonly lasso: readonly Point[] | null;
  readonly hovered: number | undefined;
  /** Ids of the pictures that fit the query; null when there is none. */
  readonly highlighted: ReadonlySet<string> | null;
  readonly chosen: ReadonlySet<string>;
  /** Called when a thumbnail has arrived. */
  readonly redraw: () => void;
}

/** With more in sight than this, points stand for pictures. */
const maxPictures = 220;
/** Thumbnails kept decoded. */
const keptPictures = 500;
/** Longer edge of a picture on the map when all is in sight and when zoomed in. CSS pixels. */
const smallest = 34;
const largest = 150;

const pictures = new Map<string, HTMLImageElement>();

/** Draws what is in sight: thumbnails where there is room for them, points elsewhere. */
export function drawMap(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { size, map, lasso, hovered } = drawing;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const colours = coloursOf(canvas);
  const visible = inSight(drawing);
  const edge = Math.min(
    largest,
    Math.max(smallest, Math.sqrt((size.width * size.height) / Math.max(1, visible.length)) * 0.55),
  );
  const asPictures = visible.length <= maxPictures;
  for (const index of visible) {
    const item = map.items[index]!;
    const at = screenOf(drawing, index);
    const picture = asPictures && item.kind === 'image' ? pictureOf(item, drawing.redraw) : undefined;
    if (picture) drawPicture(context, picture, at, edge, item, drawing, colours);
    else drawPoint(context, at, item, drawing, colours);
  }
  if (hovered !== undefined) drawHovered(context, hovered, drawing, colours);
  if (lasso) drawLasso(context, lasso, colours);
}

/** The item under a point of the screen, if one is near. */
export function nearestItem(map: CollectionMap, view: View, size: Size, at: Point): number | undefined {
  let best: number | undefined;
  let nearest = 24;
  for (let i = 0; i < map.items.length; i++) {
    const point = toScreen(view, size, { x: map.positions[i * 2]!, y: map.positions[i * 2 + 1]! });
    const distance = Math.hypot(point.x - at.x, point.y - at.y);
    if (distance < nearest) {
      nearest = distance;
      best = i;
    }
  }
  return best;
}

type Colours = Readonly<Record<'accent' | 'soft' | 'paper', string>>;

/** The page's own colours, so that the map follows light and dark. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const probe = (name: string) => {
    canvas.style.color = `var(${name})`;
    return getComputedStyle(canvas).color;
  };
  return { accent: probe('--accent'), soft: probe('--line-strong'), paper: probe('--paper') };
}

function screenOf({ map, view, size }: Drawing, index: number): Point {
  return toScreen(view, size, { x: map.positions[index * 2]!, y: map.positions[index * 2 + 1]! });
}

function inSight(drawing: Drawing): number[] {
  const { size, map } = drawing;
  const visible: number[] = [];
  for (let i = 0; i < map.items.length; i++) {
    const { x, y } = screenOf(drawing, i);
    if (x > -largest && x < size.width + largest && y > -largest && y < size.height + largest) visible.push(i);
  }
  return visible;
}

function pictureOf({ id }: MapItem, redraw: () => void): HTMLImageElement | undefined {
  let picture = pictures.get(id);
  if (!picture) {
    picture = new Image();
    picture.decoding = 'async';
    picture.onload = () => requestAnimationFrame(redraw);
    picture.src = new URL(`images/${id}/thumbnail?size=256`, document.baseURI).href;
  }
  // The one used last is the last to go.
  pictures.delete(id);
  pictures.set(id, picture);
  if (pictures.size > keptPictures) pictures.delete(pictures.keys().next().value!);
  return picture.complete && picture.naturalWidth > 0 ? picture : undefined;
}

function drawPicture(
  context: CanvasRenderingContext2D,
  picture: HTMLImageElement,
  at: Point,
  edge: number,
  item: MapItem,
  { chosen, highlighted }: Drawing,
  colours: Colours,
): void {
  const scale = edge / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  const [x, y] = [at.x - width / 2, at.y - height / 2];
  context.globalAlpha = highlighted && !highlighted.has(item.id) ? 0.25 : 1;
  context.drawImage(picture, x, y, width, height);
  context.globalAlpha = 1;
  if (!chosen.has(item.id)) return;
  context.lineWidth = 3;
  context.strokeStyle = colours.accent;
  context.strokeRect(x, y, width, height);
}

function drawPoint(
  context: CanvasRenderingContext2D,
  at: Point,
  item: MapItem,
  drawing: Drawing,
  colours: Colours,
): void {
  const { chosen, highlighted } = drawing;
  const stands = chosen.has(item.id) || (highlighted?.has(item.id) ?? chosen.size === 0);
  context.fillStyle = stands ? colours.accent : colours.soft;
  context.globalAlpha = stands ? 0.85 : 0.4;
  context.beginPath();
  context.arc(at.x, at.y, chosen.has(item.id) ? 4 : 2.8, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
}

/** The picture under the pointer, large enough to recognise, beside the pointer and within the canvas. */
function drawHovered(context: CanvasRenderingContext2D, index: number, drawing: Drawing, colours: Colours): void {
  const item = drawing.map.items[index];
  const picture = item?.kind === 'image' ? pictureOf(item, drawing.redraw) : undefined;
  if (!picture) return;
  const at = screenOf(drawing, index);
  const scale = 200 / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  const x = Math.min(drawing.size.width - width - 8, Math.max(8, at.x - width / 2));
  const y = Math.min(drawing.size.height - height - 8, Math.max(8, at.y - height / 2));
  context.fillStyle = colours.paper;
  context.fillRect(x - 4, y - 4, width + 8, height + 8);
  context.drawImage(picture, x, y, width, height);
}

function drawLasso(context: CanvasRenderingContext2D, lasso: readonly Point[], colours: Colours): void {
  context.beginPath();
  for (const { x, y } of lasso) context.lineTo(x, y);
  context.closePath();
  context.lineWidth = 1.5;
  context.strokeStyle = colours.accent;
  context.stroke();
  context.globalAlpha = 0.12;
  context.fillStyle = colours.accent;
  context.fill();
  context.globalAlpha = 1;
}
