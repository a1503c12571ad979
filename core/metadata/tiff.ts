/**
 * Directories of TIFF 6.0, the basis of EXIF and most camera raw files. This reads only requested tags: a file can make
 * a reader of all tags use gigabytes (docs/decisions/0012-reading-exif.md). An offset outside the bytes counts as
 * absent.
 */

export interface Tiff {
  readonly view: DataView;
  /** Offsets are relative to this position. */
  readonly start: number;
  readonly little: boolean;
  /** BigTIFF: counts and offsets have 8 bytes. */
  readonly big: boolean;
  /** Offset of the first directory. */
  readonly first: number;
}

export interface TiffEntry {
  readonly type: number;
  readonly count: number;
  /** Position of the first value in the bytes. */
  readonly at: number;
}

export interface TiffDirectory {
  /** The requested tags it has; the first of repeated ones. */
  readonly entries: ReadonlyMap<number, TiffEntry>;
  /** Offset of the following directory, 0 at the end. */
  readonly next: number;
}

const BIG_TIFF = 43;
/** Bytes per value, by type: BYTE, ASCII, SHORT, LONG, RATIONAL and their signed forms, FLOAT, DOUBLE, IFD; LONG8. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8];

/** The structure that begins at `start`, or null. */
export function openTiff(bytes: Uint8Array, start = 0): Tiff | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < start + 8) return null;
  const order = view.getUint16(start);
  if (order !== 0x4949 && order !== 0x4d4d) return null;
  const little = order === 0x4949;
  const big = view.getUint16(start + 2, little) === BIG_TIFF;
  if (big && view.byteLength < start + 16) return null;
  const first = big ? Number(view.getBigUint64(start + 8, little)) : view.getUint32(start + 4, little);
  return { view, start, little, big, first };
}

/** Reads the directory at `offset` in one pass, as far as it lies within the bytes. */
export function readDirectory(tiff: Tiff, offset: number, wanted: ReadonlySet<number>): TiffDirectory {
  const { view, start, little, big } = tiff;
  const entries = new Map<number, TiffEntry>();
  const end = view.byteLength;
  // Sizes of the number of entries, of an entry, and of a count or an offset.
  const [head, size, word] = big ? [8, 20, 8] : [2, 12, 4];
  const wordAt = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  if (start + offset + head > end) return { entries, next: 0 };
  const from = start + offset + head;
  const behind = from + size * (big ? wordAt(from - head) : view.getUint16(from - head, little));
  for (let at = from; at + size <= Math.min(behind, end); at += size) {
    const tag = view.getUint16(at, little);
    if (!wanted.has(tag) || entries.has(tag)) continue;
    const type = view.getUint16(at + 2, little);
    const count = wordAt(at + 4);
    const value = at + 4 + word;
    const isInline = count * (TYPE_BYTES[type] ?? 1) <= word;
    entries.set(tag, { type, count, at: isInline ? value : start + wordAt(value) });
  }
  return { entries, next: behind + word <= end ? wordAt(behind) : 0 };
}

/** An ASCII value up to its NUL, at most `limit` characters, as UTF-8 if valid; '' when it is not text. */
export function textOf({ view }: Tiff, entry: TiffEntry | undefined, limit = 128): string {
  if (entry === undefined || (entry.type !== 2 && entry.type !== 1 && entry.type !== 7)) return '';
  const length = Math.min(entry.count, limit, view.byteLength - entry.at);
  if (length <= 0) return '';
  const bytes = new Uint8Array(view.buffer, view.byteOffset + entry.at, length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trim();
}

/** The number at `index` of a value: whole numbers, fractions and floating ones. Null when there is none. */
export function numberOf({ view, little }: Tiff, entry: TiffEntry | undefined, index = 0): number | null {
  if (entry === undefined || index >= entry.count) return null;
  const size = TYPE_BYTES[entry.type] ?? 1;
  const at = entry.at + index * size;
  if (at + size > view.byteLength) return null;
  switch (entry.type) {
    case 1:
      return view.getUint8(at);
    case 3:
      return view.getUint16(at, little);
    case 4:
    case 13:
      return view.getUint32(at, little);
    case 5:
      return finite(view.getUint32(at, little) / view.getUint32(at + 4, little));
    case 16:
      return Number(view.getBigUint64(at, little));
    case 8:
      return view.getInt16(at, little);
    case 9:
      return view.getInt32(at, little);
    case 10:
      return finite(view.getInt32(at, little) / view.getInt32(at + 4, little));
    case 11:
      return finite(view.getFloat32(at, little));
    case 12:
      return finite(view.getFloat64(at, little));
    default:
      return null;
  }
}

const finite = (number: number) => (Number.isFinite(number) ? number : null);
