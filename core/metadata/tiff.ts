/**
 * Directories of TIFF 6.0, which EXIF and most camera raw files are made of. Read by hand and only the tags that are
 * asked for: a reader that makes a value of every tag can be made to need gigabytes
 * (docs/decisions/0012-reading-exif.md). An offset that leads outside the bytes is as good as none.
 */

export interface Tiff {
  readonly view: DataView;
  /** Offsets count from here. */
  readonly start: number;
  readonly little: boolean;
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
  /** The asked-for tags that it has; of repeated ones the first. */
  readonly entries: ReadonlyMap<number, TiffEntry>;
  /** Offset of the following directory, 0 at the end. */
  readonly next: number;
}

const BIG_TIFF = 43;
/** Bytes a value, by type: BYTE, ASCII, SHORT, LONG, RATIONAL and their signed forms, FLOAT, DOUBLE, IFD. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

/** The structure that begins at `start`, or null. BigTIFF is none of them. */
export function openTiff(bytes: Uint8Array, start = 0): Tiff | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < start + 8) return null;
  const order = view.getUint16(start);
  if (order !== 0x4949 && order !== 0x4d4d) return null;
  const little = order === 0x4949;
  if (view.getUint16(start + 2, little) === BIG_TIFF) return null;
  return { view, start, little, first: view.getUint32(start + 4, little) };
}

/** Reads the directory at `offset` in one pass, as far as it lies within the bytes. */
export function readDirectory(tiff: Tiff, offset: number, wanted: ReadonlySet<number>): TiffDirectory {
  const { view, start, little } = tiff;
  const entries = new Map<number, TiffEntry>();
  const end = view.byteLength;
  if (start + offset + 2 > end) return { entries, next: 0 };
  const count = view.getUint16(start + offset, little);
  const behind = start + offset + 2 + count * 12;
  for (let at = start + offset + 2; at + 12 <= Math.min(behind, end); at += 12) {
    const tag = view.getUint16(at, little);
    if (!wanted.has(tag) || entries.has(tag)) continue;
    const type = view.getUint16(at + 2, little);
    const values = view.getUint32(at + 4, little);
    const inline = values * (TYPE_BYTES[type] ?? 1) <= 4;
    entries.set(tag, { type, count: values, at: inline ? at + 8 : start + view.getUint32(at + 8, little) });
  }
  return { entries, next: behind + 4 <= end ? view.getUint32(behind, little) : 0 };
}

/** An ASCII value up to its NUL, at most `limit` characters, UTF-8 where it is; '' when it is none. */
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
