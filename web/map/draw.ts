import type { CollectionMap, MapItem } from '../state/map.ts';
import { type Point, type Size, toScreen, toWorld, type Viewport } from './geometry.ts';
import { type Level, pickPictures } from './pick.ts';
import { type Thumbnails, thumbnailsOfDrawing } from './thumbnails.ts';

export interface Drawing {
  readonly map: CollectionMap;
  readonly view: Viewport;
  /** CSS pixels. */
  readonly size: Size;
  readonly lasso: readonly Point[] | null;
  readonly hovered: number | undefined;
  /** Ids of the pictures that match the query; null if there is no query. */
  readonly highlighted: ReadonlySet<string> | null;
  readonly chosen: ReadonlySet<string>;
  readonly colours: Colours;
  /** While the map moves or zooms it is drawn quickly; fine detail and overlays wait until it rests. */
  readonly moving: boolean;
  /** Called when a thumbnail has loaded. */
  readonly redraw: () => void;
}

/** Approximate maximum of pictures on the map at once; more would only be smaller. */
const picturesInSight = 240;
/** Longer edge of a picture on the map in CSS pixels; grows from the first to the second while zooming in. */
const smallest = 40;
const largest = 300;
/** Above this many visible points, their shape cannot be made out. */
const manyPoints = 4000;
/** Thumbnail sizes to request (longer edge). */
const thumbnailSizes = [128, 256, 384] as const;

/** Draws what is visible: a point for each picture, and thumbnails where there is room. */
export function drawMap(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { size, lasso, hovered, moving, redraw } = drawing;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const thumbnails = thumbnailsOfDrawing();
  drawPoints(context, drawing);
  // Only points are drawn while the map is being arranged: thumbnails would flicker.
  if (drawing.map.settled) drawPictures(context, drawing, thumbnails);
  if (hovered !== undefined && !moving) drawHovered(context, hovered, drawing, thumbnails);
  if (lasso) drawLasso(context, lasso, drawing.colours);
  thumbnails.fetch(moving, redraw);
}

/** The item at a point on the screen: the thumbnail drawn there, or a point near it. */
export function itemAt(shown: Scene, at: Point): number | undefined {
  const { map, view, size } = shown;
  if (map.settled) {
    const world = toWorld(view, size, at);
    const grow = growth(shown);
    const under = pictureLevel(shown).pictures.findLast(({ index, width, height }) => {
      const dx = Math.abs(map.positions[index * 2]! - world.x);
      const dy = Math.abs(map.positions[index * 2 + 1]! - world.y);
      return dx < (width * grow) / 2 && dy < (height * grow) / 2;
    });
    if (under) return under.index;
  }
  let best: number | undefined;
  let nearest = 16;
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

export type Colours = Readonly<Record<'accent' | 'soft' | 'paper', string>>;

/** The page's current colours, so that the map follows light and dark mode. Forces a style calculation. */
export function coloursOf(canvas: HTMLCanvasElement): Colours {
  const probe = (name: string) => {
    canvas.style.color = `var(${name})`;
    return getComputedStyle(canvas).color;
  };
  return { accent: probe('--accent'), soft: probe('--line-strong'), paper: probe('--raised') };
}

/** The state of a drawing that determines where its pictures are. */
export type Scene = Pick<Drawing, 'map' | 'view' | 'size' | 'highlighted'>;

const nothing: ReadonlySet<string> = new Set();

function pictureLevel({ map, view, size, highlighted }: Scene): Level {
  const edge = Math.max(smallest, Math.sqrt((size.width * size.height) / picturesInSight));
  return pickPictures(map, highlighted ?? nothing, view.scale, Math.round(edge / 8) * 8);
}

/** Once all pictures have room, they stop growing. */
function growth(seen: Scene): number {
  return Math.min(1, largest / (pictureLevel(seen).edge * seen.view.scale));
}

function screenOf({ map, view, size }: Drawing, index: number): Point {
  return toScreen(view, size, { x: map.positions[index * 2]!, y: map.positions[index * 2 + 1]! });
}

function isInSight({ size }: Drawing, { x, y }: Point, margin: number): boolean {
  return x > -margin && x < size.width + margin && y > -margin && y < size.height + margin;
}

/**
 * Draws circles one by one, or squares of the same size if those will do: they take a fifth of the time. Stamping a
 * small image per point takes twice as long as circles (`npm run bench -- map`).
 */
function drawPoints(context: CanvasRenderingContext2D, drawing: Drawing): void {
  const { map, chosen, highlighted, moving, colours } = drawing;
  const plain = { colour: colours.accent, radius: 2.8, alpha: 0.8 };
  const faint = { colour: colours.soft, radius: 2.4, alpha: 0.4 };
  const marked = { colour: colours.accent, radius: 4.2, alpha: 1 };
  const isMarking = chosen.size > 0 || highlighted !== null;
  const points = map.items
    .map((item, index) => ({ item, at: screenOf(drawing, index) }))
    .filter(({ at }) => isInSight(drawing, at, 6));
  const drawPoint = moving || points.length > manyPoints ? drawSquare : drawCircle;
  for (const { item, at } of points) {
    const dot = !isMarking ? plain : chosen.has(item.id) || highlighted?.has(item.id) ? marked : faint;
    context.globalAlpha = dot.alpha;
    context.fillStyle = dot.colour;
    drawPoint(context, at, dot.radius);
  }
  context.globalAlpha = 1;
}

function drawCircle(context: CanvasRenderingContext2D, { x, y }: Point, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** A square with the same area as the circle. */
function drawSquare(context: CanvasRenderingContext2D, { x, y }: Point, radius: number): void {
  const side = radius * Math.sqrt(Math.PI);
  context.fillRect(x - side / 2, y - side / 2, side, side);
}

function drawPictures(context: CanvasRenderingContext2D, drawing: Drawing, thumbnails: Thumbnails): void {
  const { map, view } = drawing;
  const grow = growth(drawing) * view.scale;
  const { pictures: picked, edge } = pictureLevel(drawing);
  for (const { index, width, height } of picked) {
    const at = screenOf(drawing, index);
    if (!isInSight(drawing, at, largest / 2)) continue;
    const item = map.items[index]!;
    const picture = thumbnails.get(addressOf(map, item, edge * grow));
    if (picture) drawPicture(context, picture, at, { width: width * grow, height: height * grow }, item, drawing);
  }
}

function addressOf(map: CollectionMap, item: MapItem, edge: number): string {
  const wanted = edge * (devicePixelRatio || 1) * 0.85;
  return map.thumbnail(item, thumbnailSizes.find((size) => size >= wanted) ?? thumbnailSizes.at(-1)!);
}

function drawPicture(
  context: CanvasRenderingContext2D,
  picture: ImageBitmap,
  at: Point,
  room: Size,
  item: MapItem,
  { chosen, highlighted, moving, colours }: Drawing,
): void {
  // Some items have no known picture size.
  const fit = Math.min(room.width / picture.width, room.height / picture.height);
  const [width, height] = [picture.width * fit, picture.height * fit];
  const [x, y] = [at.x - width / 2, at.y - height / 2];
  const isChosen = chosen.has(item.id);
  const frame = isChosen ? 3 : 1.5;
  context.fillStyle = isChosen ? colours.accent : colours.paper;
  const around = [x - frame, y - frame, width + 2 * frame, height + 2 * frame] as const;
  if (moving) context.fillRect(...around);
  else {
    context.beginPath();
    context.roundRect(...around, 3);
    context.fill();
  }
  context.globalAlpha = highlighted && !highlighted.has(item.id) && !isChosen ? 0.3 : 1;
  context.drawImage(picture, x, y, width, height);
  context.globalAlpha = 1;
}

/** Draws the hovered picture large enough to recognise, next to the pointer and inside the canvas. */
function drawHovered(context: CanvasRenderingContext2D, index: number, drawing: Drawing, thumbnails: Thumbnails): void {
  const { map, size, colours } = drawing;
  const item = map.items[index];
  const picture = item?.kind === 'image' ? thumbnails.get(addressOf(map, item, largest)) : undefined;
  if (!picture) return;
  const at = screenOf(drawing, index);
  const scale = 220 / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const x = Math.min(size.width - width - 10, Math.max(10, at.x - width / 2));
  const y = Math.min(size.height - height - 10, Math.max(10, at.y - height / 2));
  context.save();
  context.shadowColor = 'rgb(0 0 0 / 0.35)';
  context.shadowBlur = 24;
  context.fillStyle = colours.paper;
  context.beginPath();
  context.roundRect(x - 4, y - 4, width + 8, height + 8, 6);
  context.fill();
  context.restore();
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
