/** TIFF structures built tag by tag, for tests of their readers. */

export interface Value {
  /** TIFF's type numbers. */
  readonly type: number;
  readonly values: readonly number[];
}

export type Tags = Readonly<Record<number, Value>>;

export const ASCII = (text: string): Value => ({ type: 2, values: [...Buffer.from(`${text}\0`)] });
export const BYTES = (bytes: Iterable<number>): Value => ({ type: 1, values: [...bytes] });
export const SHORT = (...values: number[]): Value => ({ type: 3, values });
export const LONG = (...values: number[]): Value => ({ type: 4, values });
/** Numerators and denominators. */
export const RATIONALS = (...values: [number, number][]): Value => ({ type: 5, values: values.flat() });

/** Bytes per number, and numbers per value. */
const TYPES: Readonly<Record<number, readonly [number, number]>> = {
  1: [1, 1],
  2: [1, 1],
  3: [2, 1],
  4: [4, 1],
  5: [4, 2],
  8: [2, 1],
};

/**
 * A TIFF structure with a chain of directories. `photo` and `gps` become the directories that EXIF references from the
 * first; `below` those in its SubIFDs tag.
 */
export function exifBlock(
  parts: { main?: Tags; photo?: Tags; gps?: Tags; below?: readonly Tags[] },
  order: 'little' | 'big' = 'little',
  magic = 42,
  letters = '',
): Buffer {
  const { photo, gps, below = [] } = parts;
  const inner = [photo, gps, ...below].filter((tags) => tags !== undefined);
  const pointers: Record<number, Value> = {};
  const main = () => ({ ...parts.main, ...pointers });
  const place = (tags: Tags | undefined) => LONG(tags === undefined ? 0 : 0xffff);
  if (photo !== undefined) pointers[0x8769] = place(photo);
  if (gps !== undefined) pointers[0x8825] = place(gps);
  if (below.length > 0) pointers[0x014a] = LONG(...below.map(() => 0xffff));
  const start = 8 + letters.length;
  let end = start + sizeOf(main());
  const offsets = new Map<Tags, number>();
  for (const tags of inner) {
    offsets.set(tags, end);
    end += sizeOf(tags);
  }
  if (photo !== undefined) pointers[0x8769] = LONG(offsets.get(photo)!);
  if (gps !== undefined) pointers[0x8825] = LONG(offsets.get(gps)!);
  if (below.length > 0) pointers[0x014a] = LONG(...below.map((tags) => offsets.get(tags)!));

  const block = Buffer.alloc(end);
  const writer = writerOf(block, order);
  block.write(order === 'little' ? 'II' : 'MM', 'latin1');
  writer.number(2, 2, magic);
  writer.number(4, 4, start);
  block.write(letters, 8, 'latin1');
  writeDirectory(writer, start, main());
  for (const tags of inner) writeDirectory(writer, offsets.get(tags)!, tags);
  return block;
}

function bytesOf({ type, values }: Value): number {
  return TYPES[type]![0] * values.length;
}

function sizeOf(tags: Tags): number {
  const outside = Object.values(tags).filter((value) => bytesOf(value) > 4);
  return (
    6 + Object.keys(tags).length * 12 + outside.reduce((sum, value) => sum + bytesOf(value) + (bytesOf(value) % 2), 0)
  );
}

function writerOf(block: Buffer, order: 'little' | 'big') {
  return {
    number(at: number, bytes: number, value: number) {
      const unsigned = value < 0 ? value + 2 ** (bytes * 8) : value;
      if (order === 'little') block.writeUIntLE(unsigned, at, bytes);
      else block.writeUIntBE(unsigned, at, bytes);
    },
  };
}

function writeDirectory(writer: ReturnType<typeof writerOf>, start: number, tags: Tags): void {
  const names = Object.keys(tags).map(Number);
  let outside = start + 6 + names.length * 12;
  writer.number(start, 2, names.length);
  for (const [i, name] of names.entries()) {
    const value = tags[name]!;
    const [bytes, numbers] = TYPES[value.type]!;
    const at = start + 2 + i * 12;
    writer.number(at, 2, name);
    writer.number(at + 2, 2, value.type);
    writer.number(at + 4, 4, value.values.length / numbers);
    let to = at + 8;
    if (bytesOf(value) > 4) {
      writer.number(to, 4, outside);
      to = outside;
      outside += bytesOf(value) + (bytesOf(value) % 2);
    }
    for (const [n, number] of value.values.entries()) writer.number(to + n * bytes, bytes, number);
  }
}
