import type { CollectionMap, MapItem } from '../state/map.ts';
import { type Point, type Size, toScreen, toWorld, type View } from './geometry.ts';
import { type Level, pickPictures } from './pick.ts';

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

/** About so many pictures stand on the map at the same time; more would only be smaller. */
const picturesInSight = 240;
/** Longer edge of a picture on the map, CSS pixels; it grows from the one to the other while one zooms in. */
const smallest = 40;
const largest = 300;
/** Thumbnails kept decoded. */
const keptPictures = 600;

const pictures = new Map<string, HTMLImageElement>();

/** Draws what is in sight: a point for every picture, and pictures where there is room for them. */
export function drawMap(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { size, lasso, hovered } = drawing;
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
  drawPoints(context, drawing, colours);
  // While the map is being arranged only points move: pictures would flicker.
  if (drawing.map.settled) drawPictures(context, drawing, colours);
  if (hovered !== undefined) drawHovered(context, hovered, drawing, colours);
  if (lasso) drawLasso(context, lasso, colours);
}

/** The item under a point of the screen: a picture that is drawn there, or a point near it. */
export function itemAt(shown: Seen, at: Point): number | undefined {
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

type Colours = Readonly<Record<'accent' | 'soft' | 'paper', string>>;

/** The page's own colours, so that the map follows light and dark. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const probe = (name: string) => {
    canvas.style.color = `var(${name})`;
    return getComputedStyle(canvas).color;
  };
  return { accent: probe('--accent'), soft: probe('--line-strong'), paper: probe('--raised') };
}

type Seen = Pick<Drawing, 'map' | 'view' | 'size' | 'highlighted'>;

const nothing: ReadonlySet<string> = new Set();

function pictureLevel({ map, view, size, highlighted }: Seen): Level {
  const edge = Math.max(smallest, Math.sqrt((size.width * size.height) / picturesInSight));
  return pickPictures(map, highlighted ?? nothing, view.scale, Math.round(edge / 8) * 8);
}

/** Far in, where all pictures have room, they stop growing. */
function growth(seen: Seen): number {
  return Math.min(1, largest / (pictureLevel(seen).edge * seen.view.scale));
}

function screenOf({ map, view, size }: Drawing, index: number): Point {
  return toScreen(view, size, { x: map.positions[index * 2]!, y: map.positions[index * 2 + 1]! });
}

function isInSight({ size }: Drawing, { x, y }: Point, margin: number): boolean {
  return x > -margin && x < size.width + margin && y > -margin && y < size.height + margin;
}

/** Circles, drawn one by one: a small drawing stamped for each took two to three times as long (`npm run bench -- map`). */
function drawPoints(context: CanvasRenderingContext2D, drawing: Drawing, colours: Colours): void {
  const { map, chosen, highlighted } = drawing;
  const plain = { colour: colours.accent, radius: 2.8, alpha: 0.8 };
  const faint = { colour: colours.soft, radius: 2.4, alpha: 0.4 };
  const marked = { colour: colours.accent, radius: 4.2, alpha: 1 };
  const isMarking = chosen.size > 0 || highlighted !== null;
  for (let i = 0; i < map.items.length; i++) {
    const at = screenOf(drawing, i);
    if (!isInSight(drawing, at, 6)) continue;
    const { id } = map.items[i]!;
    const dot = !isMarking ? plain : chosen.has(id) || highlighted?.has(id) ? marked : faint;
    context.globalAlpha = dot.alpha;
    context.fillStyle = dot.colour;
    context.beginPath();
    context.arc(at.x, at.y, dot.radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawPictures(context: CanvasRenderingContext2D, drawing: Drawing, colours: Colours): void {
  const { map, view, redraw } = drawing;
  const grow = growth(drawing) * view.scale;
  const { pictures: picked, edge } = pictureLevel(drawing);
  for (const { index, width, height } of picked) {
    const at = screenOf(drawing, index);
    if (!isInSight(drawing, at, largest / 2)) continue;
    const item = map.items[index]!;
    const picture = pictureOf(map, item, edge * grow, redraw);
    if (picture)
      drawPicture(context, picture, at, { width: width * grow, height: height * grow }, item, drawing, colours);
  }
}

function pictureOf(map: CollectionMap, item: MapItem, edge: number, redraw: () => void): HTMLImageElement | undefined {
  const url = map.thumbnail(item, edge * (devicePixelRatio || 1) > 150 ? 384 : 128);
  let picture = pictures.get(url);
  if (!picture) {
    picture = new Image();
    picture.decoding = 'async';
    picture.onload = () => requestAnimationFrame(redraw);
    picture.src = url;
  }
  // The one used last is the last to go.
  pictures.delete(url);
  pictures.set(url, picture);
  if (pictures.size > keptPictures) pictures.delete(pictures.keys().next().value!);
  return picture.complete && picture.naturalWidth > 0 ? picture : undefined;
}

function drawPicture(
  context: CanvasRenderingContext2D,
  picture: HTMLImageElement,
  at: Point,
  place: Size,
  item: MapItem,
  { chosen, highlighted }: Drawing,
  colours: Colours,
): void {
  // Not every item tells the size of its picture.
  const fit = Math.min(place.width / picture.naturalWidth, place.height / picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * fit, picture.naturalHeight * fit];
  const [x, y] = [at.x - width / 2, at.y - height / 2];
  const isChosen = chosen.has(item.id);
  const frame = isChosen ? 3 : 1.5;
  context.globalAlpha = highlighted && !highlighted.has(item.id) && !isChosen ? 0.22 : 1;
  context.fillStyle = isChosen ? colours.accent : colours.paper;
  context.beginPath();
  context.roundRect(x - frame, y - frame, width + 2 * frame, height + 2 * frame, 3);
  context.fill();
  context.drawImage(picture, x, y, width, height);
  context.globalAlpha = 1;
}

/** The picture under the pointer, large enough to recognise, beside the pointer and within the canvas. */
function drawHovered(context: CanvasRenderingContext2D, index: number, drawing: Drawing, colours: Colours): void {
  const { map, size, redraw } = drawing;
  const item = map.items[index];
  const picture = item?.kind === 'image' ? pictureOf(map, item, largest, redraw) : undefined;
  if (!picture) return;
  const at = screenOf(drawing, index);
  const scale = 220 / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
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
