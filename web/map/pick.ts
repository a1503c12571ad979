import type { CollectionMap, MapItem } from '../state/map.ts';

/** A picture's square on the map, in world units, centred on the item's position. */
export interface Placed {
  readonly index: number;
  readonly width: number;
  readonly height: number;
}

/** The pictures at one zoom level, and their longer edge in world units. */
export interface Level {
  readonly edge: number;
  readonly pictures: readonly Placed[];
}

/** Zoom factor between levels: pictures grow by up to this before there is room for more of them. */
const levelFactor = 1.5;
/** Margin around a picture, as a fraction of its edge. */
const air = 0.12;

/** Once nearly all pictures have room, the rest are hidden by their own duplicates. */
const nearlyAll = 0.98;
/** In world units. */
const largestEdge = 0.5;

type First = ReadonlySet<string>;

/** A map with one set of preferred items: the order in which pictures get room, and the levels computed so far. */
interface Known {
  readonly order: Uint32Array;
  readonly levels: Map<string, Level>;
}

const known = new WeakMap<CollectionMap, WeakMap<First, Known>>();

/**
 * Chooses the items shown as pictures at a scale (CSS pixels per world unit): as many as fit without overlap, about
 * `edge` CSS pixels large, or larger if all of them fit. Those in `first` take precedence. Depends only on the zoom, so
 * that panning changes nothing, and is computed once per level.
 */
export function pickPictures(map: CollectionMap, first: First, scale: number, edge: number): Level {
  let step = Math.floor(Math.log(scale) / Math.log(levelFactor));
  let level = levelOf(map, first, step, edge);
  while (level.pictures.length >= map.items.length * nearlyAll) {
    step -= 1;
    const larger = edge / levelFactor ** step > largestEdge ? undefined : levelOf(map, first, step, edge);
    if (larger === undefined || larger.pictures.length < level.pictures.length) break;
    level = larger;
  }
  return level;
}

function levelOf(map: CollectionMap, first: First, step: number, edge: number): Level {
  const { order, levels } = knownOf(map, first);
  const name = `${step} ${edge}`;
  const level = levels.get(name) ?? pick(map, order, edge / levelFactor ** step);
  levels.set(name, level);
  return level;
}

function knownOf(map: CollectionMap, first: First): Known {
  const ofMap = known.get(map) ?? new WeakMap<First, Known>();
  known.set(map, ofMap);
  const ofFirst = ofMap.get(first) ?? { order: orderOf(map.items, first), levels: new Map() };
  ofMap.set(first, ofFirst);
  return ofFirst;
}

/** Greedy; a grid with cells as wide as the minimum distance of two pictures keeps comparisons few. */
function pick({ items, positions }: CollectionMap, order: Uint32Array, edge: number): Level {
  const cells = new Map<number, Placed[]>();
  const pictures: Placed[] = [];
  const side = edge * (1 + air);
  for (const index of order) {
    const item = items[index]!;
    if (item.kind !== 'image') continue;
    const [x, y] = [positions[index * 2]!, positions[index * 2 + 1]!];
    const ratio = (item.width ?? 1) / (item.height ?? 1);
    const placed = { index, width: edge * Math.min(1, ratio), height: edge * Math.min(1, 1 / ratio) };
    const [column, row] = [Math.floor(x / side), Math.floor(y / side)];
    if (isCovered(placed, { x, y, column, row }, cells, positions, edge * air)) continue;
    pictures.push(placed);
    const key = cellOf(column, row);
    const cell = cells.get(key);
    if (cell) cell.push(placed);
    else cells.set(key, [placed]);
  }
  return { edge, pictures };
}

/** Encodes a cell as one number: strings would take most of the time for a level. */
const cellOf = (column: number, row: number) => column * 2 ** 22 + row;

function isCovered(
  { width, height }: Placed,
  at: { x: number; y: number; column: number; row: number },
  cells: ReadonlyMap<number, readonly Placed[]>,
  positions: Float32Array,
  gap: number,
): boolean {
  for (let column = at.column - 1; column <= at.column + 1; column++) {
    for (let row = at.row - 1; row <= at.row + 1; row++) {
      for (const other of cells.get(cellOf(column, row)) ?? []) {
        const dx = Math.abs(positions[other.index * 2]! - at.x);
        const dy = Math.abs(positions[other.index * 2 + 1]! - at.y);
        if (dx < (width + other.width) / 2 + gap && dy < (height + other.height) / 2 + gap) return true;
      }
    }
  }
  return false;
}

/** A fixed pseudo-random order (Knuth's multiplicative hash) that separates neighbours in the list. */
function orderOf(items: readonly MapItem[], first: First): Uint32Array {
  const rank = (index: number) =>
    (Math.imul(index + 1, 2654435761) >>> 0) + (first.has(items[index]!.id) ? 0 : 2 ** 32);
  const ranks = Float64Array.from(items, (_, i) => rank(i));
  return Uint32Array.from(items, (_, i) => i).sort((a, b) => ranks[a]! - ranks[b]!);
}
