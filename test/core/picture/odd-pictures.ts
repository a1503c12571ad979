import { ASCII, BYTES, exifBlock, LONG, SHORT, type Tags } from '../metadata/exif-block.ts';

/** Files written by programs and cameras that libvips cannot read by itself, built sample by sample. */

export interface TiffForm {
  readonly width: number;
  readonly height: number;
  readonly photometric: number;
  readonly samples: number;
  readonly bits: number;
  /** TIFF's SampleFormat: 1 unsigned, 2 signed, 3 floating point, 5 and 6 complex. */
  readonly format: number;
  /** @default 1, none */
  readonly compression?: number;
}

function formTags(form: TiffForm, at: number, bytes: number): Tags {
  const times = (count: number, value: number) => SHORT(...new Array<number>(count).fill(value));
  const extra = form.photometric === 2 ? form.samples - 3 : 0;
  const tags: Tags = {
    256: LONG(form.width),
    257: LONG(form.height),
    258: times(form.samples, form.bits),
    259: SHORT(form.compression ?? 1),
    262: SHORT(form.photometric),
    273: LONG(at),
    277: SHORT(form.samples),
    278: LONG(form.height),
    279: LONG(bytes),
    284: SHORT(1),
    339: times(form.samples, form.format),
  };
  return extra > 0 ? { ...tags, 338: times(extra, 0) } : tags;
}

/** An uncompressed TIFF with one strip. */
export function tiffOf(form: TiffForm, data: Uint8Array): Buffer {
  const { length } = exifBlock({ main: formTags(form, 0xffff, data.length) });
  return Buffer.concat([exifBlock({ main: formTags(form, length, data.length) }), data]);
}

/** The same as BigTIFF, with one sample per pixel. */
export function bigTiffOf(form: TiffForm, data: Uint8Array): Buffer {
  const { width, height, bits, photometric, format } = form;
  const at = 16 + 8 + 10 * 20 + 8;
  const values = { 256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: at, 277: 1, 278: height };
  const entries = Object.entries({ ...values, 279: data.length, 339: format });
  const head = Buffer.alloc(at);
  head.write('II+\0\x08\0\0\0\x10', 'latin1');
  head.writeUInt32LE(entries.length, 16);
  for (const [i, [tag, value]] of entries.entries()) {
    const entry = 24 + i * 20;
    head.writeUInt16LE(Number(tag), entry);
    head.writeUInt16LE(4, entry + 2);
    head.writeUInt32LE(1, entry + 4);
    head.writeUInt32LE(value, entry + 12);
  }
  return Buffer.concat([head, data]);
}

/** Numbers as the bytes of a typed array, little endian. */
export function samplesOf(
  values: ArrayLike<number>,
  type: typeof Float32Array | typeof Float64Array | typeof Uint32Array | typeof Int32Array | typeof Uint8Array,
): Buffer {
  const array = type.from(values as never);
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

/**
 * A raw file of a 4,600 x 3,000 pixel sensor in a subdirectory of the first directory, which holds a thumbnail, as in
 * most cameras.
 */
export function rawOf(options: {
  make: string;
  jpegs: readonly Uint8Array[];
  more?: Tags;
  photo?: Tags;
  magic?: number;
  /** Instead of the directory of the sensor. */
  sensor?: Tags;
  /** Between the first eight bytes and the directories. */
  letters?: string;
}): Buffer {
  const { make, jpegs, more, photo, magic, letters } = options;
  const thumbnail = { width: 16, height: 10, photometric: 2, samples: 3, bits: 8, format: 1 };
  const sensor = options.sensor ?? { 256: LONG(4600), 257: LONG(3000), 262: SHORT(32_803), 259: SHORT(1) };
  const block = (at: number) =>
    exifBlock(
      {
        main: { ...formTags(thumbnail, at, 480), 271: ASCII(make), 272: ASCII(`${make} 1`), ...more },
        photo: photo ?? {},
        below: [sensor],
      },
      'little',
      magic,
      letters,
    );
  return Buffer.concat([block(block(0).length), Buffer.alloc(480, 128), Buffer.alloc(100, 7), ...jpegs]);
}

export const DNG_VERSION: Tags = { 50706: BYTES([1, 4, 0, 0]) };

/** A box of ISO/IEC 14496-12: size, type and content. */
export function boxOf(type: string, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** What an MP4 begins with, and room for its pictures, which nothing here decodes. */
export function film(): Buffer {
  const moov = boxOf('moov', boxOf('mvhd', Buffer.alloc(100)));
  return Buffer.concat([
    boxOf('ftyp', Buffer.from('mp42\0\0\0\x01mp42isom')),
    boxOf('mdat', Buffer.alloc(3000, 7)),
    moov,
  ]);
}
