import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import { contentTypeOf } from '../../../core/picture/format.ts';
import { readHeader } from '../../../core/picture/header.ts';
import { squashed } from '../../support/squashed.ts';
import { ASCII, exifBlock, SHORT } from '../metadata/exif-block.ts';
import { bigTiffOf, boxOf, DNG_VERSION, film, rawOf, samplesOf, tiffOf } from './odd-pictures.ts';

const SIZE = 48;
const HOW = squashed(SIZE);
const [WIDTH, HEIGHT] = [60, 40];
/** Red increases to the right, green downwards; blue is constant. */
const RGB = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
  return [Math.round((x * 255) / (WIDTH - 1)), Math.round((y * 255) / (HEIGHT - 1)), 90][i % 3]!;
});
const GREY = RGB.filter((_, i) => i % 3 === 0);
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/heic/${name}`, import.meta.url));
const photo = () => sharp(RGB, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

async function pixelsOf(bytes: Uint8Array): Promise<Uint8Array> {
  return (await decodeImage(bytes, HOW, DEFAULT_LIMITS)).pixels.data;
}

function distance(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

/** Decoded and as a thumbnail, it matches the intended picture, within `tolerance` of 255 on average. */
async function shows(bytes: Uint8Array, meant: Uint8Array, tolerance: number, what: string): Promise<void> {
  const expected = await pixelsOf(meant);
  assert.ok(distance(await pixelsOf(bytes), expected) <= tolerance, what);
  const small = await thumbnail(bytes, SIZE, { limits: DEFAULT_LIMITS, quality: 100 });
  assert.ok(distance(await pixelsOf(small.bytes), expected) <= tolerance + 6, `${what}, thumbnail`);
}

async function refuses(bytes: Uint8Array, reason: string, message: RegExp, what: string): Promise<void> {
  const expected = { message, details: { reason } };
  await assert.rejects(decodeImage(bytes, HOW, DEFAULT_LIMITS), expected, what);
  await assert.rejects(thumbnail(bytes, 99, { limits: DEFAULT_LIMITS }), expected, `${what}, thumbnail`);
}

const form = { width: WIDTH, height: HEIGHT, photometric: 2, samples: 3, bits: 32, format: 3 };
const grey = { ...form, photometric: 1, samples: 1 };

describe('TIFF of unusual samples', () => {
  it('is scaled to what its numbers stand for', async () => {
    const meant = await photo().png().toBuffer();
    const plain = await sharp(GREY, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
      .png()
      .toBuffer();
    const part = (of: Uint8Array, scale: number) => Float64Array.from(of, (value) => value * scale);
    const cases: [string, Buffer, Buffer][] = [
      ['floating, 0 to 1', tiffOf(form, samplesOf(part(RGB, 1 / 255), Float32Array)), meant],
      ['floating, 0 to 255', tiffOf(form, samplesOf(RGB, Float32Array)), meant],
      ['floating, 0 to 65,535', tiffOf(form, samplesOf(part(RGB, 257), Float32Array)), meant],
      ['floating grey', tiffOf(grey, samplesOf(part(GREY, 1 / 255), Float32Array)), plain],
      [
        'a measurement',
        tiffOf(
          grey,
          samplesOf(
            part(GREY, 13).map((v) => v - 1000),
            Float32Array,
          ),
        ),
        plain,
      ],
      ['32 bits', tiffOf({ ...form, format: 1 }, samplesOf(part(RGB, 2 ** 24), Uint32Array)), meant],
      ['32 bits, grey', tiffOf({ ...grey, format: 1 }, samplesOf(part(GREY, 2 ** 24), Uint32Array)), plain],
      ['signed', tiffOf({ ...grey, format: 2 }, samplesOf(part(GREY, 16), Int32Array)), plain],
    ];
    for (const [what, bytes, expected] of cases) await shows(bytes, expected, 2, what);
  });

  it('keeps its colours when some highlights are brighter than white, and where a value is no number', async () => {
    const bright = Float32Array.from(RGB, (value) => value / 255);
    bright[0] = 3.5;
    bright[1] = Number.NaN;
    await shows(tiffOf(form, samplesOf(bright, Float32Array)), await photo().png().toBuffer(), 2, 'highlights');
  });

  it('with bands beyond its colours is drawn without them', async () => {
    const five = Uint8Array.from({ length: WIDTH * HEIGHT * 5 }, (_, i) =>
      i % 5 < 3 ? RGB[Math.floor(i / 5) * 3 + (i % 5)]! : 7,
    );
    const bytes = tiffOf({ ...form, samples: 5, bits: 8, format: 1 }, five);
    await shows(bytes, await photo().png().toBuffer(), 2, 'five bands');
  });

  it('is refused by what it is where no rule says how it looks', async () => {
    const bytes = Buffer.alloc(WIDTH * HEIGHT * 5, 100);
    const eight = { ...form, bits: 8, format: 1 };
    const expected = 'unsupported-format';
    await refuses(tiffOf({ ...eight, photometric: 8 }, bytes), expected, /CIELAB/, 'CIELAB');
    await refuses(tiffOf({ ...eight, photometric: 6 }, bytes), expected, /YCbCr/, 'YCbCr');
    await refuses(tiffOf({ ...eight, photometric: 5, samples: 5 }, bytes), expected, /5 inks/, 'inks');
    await refuses(tiffOf({ ...eight, photometric: 1, samples: 5 }, bytes), expected, /5 bands/, 'bands');
    await refuses(tiffOf({ ...grey, bits: 64 }, Buffer.alloc(WIDTH * HEIGHT * 8)), expected, /64 bits/, '64 bits');
    await refuses(tiffOf({ ...grey, format: 6 }, bytes), expected, /complex/, 'complex');
    await refuses(tiffOf({ ...grey, bits: 16 }, bytes), expected, /floating-point samples of 16/, 'half floats');
    for (const bits of [10, 12, 14, 24]) {
      await refuses(tiffOf({ ...grey, bits, format: 1 }, bytes), expected, new RegExp(`${bits} bits`), `${bits} bits`);
    }
    for (const photometric of [4, 32_844, 32_845]) {
      const bytes = Buffer.alloc(WIDTH * HEIGHT * 2);
      await refuses(tiffOf({ ...grey, bits: 16, format: 1, photometric }, bytes), expected, /kind/, `${photometric}`);
    }
    const big = { ...grey, bits: 8, format: 1 };
    await decodeImage(bigTiffOf(big, GREY), HOW, DEFAULT_LIMITS);
    await refuses(bigTiffOf({ ...big, photometric: 8 }, GREY), expected, /CIELAB/, 'CIELAB as BigTIFF');
    // A compression that this build of libvips lacks.
    await refuses(tiffOf({ ...grey, bits: 8, format: 1, compression: 50_000 }, bytes), expected, /ZSTD/i, 'zstd');
  });
});

describe('animations', () => {
  const rgba = (alpha: number) =>
    Uint8Array.from({ length: WIDTH * HEIGHT * 4 }, (_, i) =>
      i % 4 === 3 ? alpha : RGB[Math.floor(i / 4) * 3 + (i % 4)]!,
    );
  const frames = (first: Uint8Array) =>
    sharp(Buffer.concat([first, rgba(255)]), {
      raw: { width: WIDTH, height: HEIGHT * 2, channels: 4, pageHeight: HEIGHT },
    });

  it('are shown by the first frame that shows something', async () => {
    const meant = await photo().png().toBuffer();
    for (const format of ['webp', 'gif'] as const) {
      const bytes = await frames(rgba(0)).toFormat(format, { lossless: true }).toBuffer();
      assert.equal((await sharp(bytes).metadata()).pages, 2);
      await shows(bytes, meant, 6, format);
      const white = Uint8Array.from(rgba(255), (_, i) => (i % 4 === 3 ? 255 : 250));
      const opaque = await frames(white).toFormat(format, { lossless: true }).toBuffer();
      assert.ok(
        (await pixelsOf(opaque)).every((value) => value > 240),
        `${format}: the first frame`,
      );
    }
  });

  it('of AVIF are shown by their first frame, too', async () => {
    const bytes = fixture('animation.avif');
    assert.equal(bytes.toString('latin1', 8, 12), 'avis', 'the brand of sequences');
    const sample = (name: string) => readFileSync(new URL(`../../../examples/photos/${name}.jpg`, import.meta.url));
    await shows(bytes, sample('coffee'), 8, 'the first frame');
    assert.ok(distance(await pixelsOf(bytes), await pixelsOf(sample('rocket'))) > 40, 'the second frame');
  });
});

describe('motion photos', () => {
  it('are shown by their still, whatever follows it', async () => {
    const xmp =
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
      '<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideo="1" ' +
      `GCamera:MicroVideoOffset="${film().length}"/></rdf:RDF></x:xmpmeta>`;
    const stills: [string, Buffer][] = [
      ['JPEG', await photo().withXmp(xmp).jpeg({ quality: 95 }).toBuffer()],
      ['HEIC', fixture('photo.heic')],
      ['AVIF', await photo().avif({ quality: 90, effort: 1 }).toBuffer()],
    ];
    const samsung = Buffer.concat([Buffer.from('\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data', 'latin1'), film()]);
    const inBox = boxOf('mpvd', film());
    for (const [format, still] of stills) {
      for (const [i, rest] of [film(), film().subarray(0, 900), inBox, inBox.subarray(0, 900), samsung].entries()) {
        await shows(Buffer.concat([still, rest]), still, 0, `${format}, ${i}`);
      }
    }
  });
});

describe('files without their last bytes', () => {
  it('are read as long as no pixel is missing', async () => {
    for (const progressive of [false, true]) {
      const jpeg = await photo().jpeg({ progressive, quality: 95 }).toBuffer();
      await shows(jpeg.subarray(0, -2), jpeg, 0, 'JPEG without its end');
      await refuses(jpeg.subarray(0, -3), 'truncated', /ends before/, 'JPEG with a byte less');
      const png = await photo().png({ progressive }).toBuffer();
      for (const missing of [1, 4, 12]) await shows(png.subarray(0, -missing), png, 0, `PNG without ${missing}`);
      await refuses(png.subarray(0, -20), 'truncated', /ends before/, 'PNG with a part of its data');
    }
  });

  it('are drawn as far as they go where that is asked for', async () => {
    const limits = { ...DEFAULT_LIMITS, damaged: 'draw' } as const;
    for (const format of ['jpeg', 'png'] as const) {
      const whole = await photo().resize(600).toFormat(format).toBuffer();
      const cut = whole.subarray(0, Math.floor(whole.length * 0.8));
      await refuses(cut, 'truncated', /ends before/, format);
      const { pixels, picture } = await decodeImage(cut, HOW, limits);
      assert.equal(picture.width, 600);
      const half = (data: Uint8Array) => data.subarray(0, data.length / 2);
      assert.ok(distance(half(pixels.data), half(await pixelsOf(whole))) < 2, format);
      assert.equal((await thumbnail(cut, 60, { limits })).width, 60);
      await assert.rejects(decodeImage(whole.subarray(0, 10), HOW, limits), { code: 'unreadable-image' });
    }
    // The intact part is read as usual, and an unreadable file does not become a black picture.
    const avif = await photo().avif({ quality: 90, effort: 1 }).toBuffer();
    avif.write('avis', 8, 'latin1');
    assert.ok(distance((await decodeImage(avif, HOW, limits)).pixels.data, await pixelsOf(avif)) < 1);
    const tiff = { width: WIDTH, height: HEIGHT, photometric: 1, samples: 1, bits: 8, format: 1, compression: 50_000 };
    await assert.rejects(decodeImage(tiffOf(tiff, GREY), HOW, limits), { message: /compression by ZSTD/ });
  });
});

describe('camera raw', () => {
  const preview = (width: number) => photo().resize(width).jpeg({ quality: 95 }).toBuffer();

  it('is shown by its largest JPEG, told by what it is and as large as the sensor', async () => {
    const [small, large] = [await preview(450), await preview(900)];
    const taken = { 36867: ASCII('2019:07:05 12:00:00'), 36881: ASCII('+02:00') };
    // Its sensor's size is in tags of its own.
    const borders = { 4: SHORT(8), 5: SHORT(10), 6: SHORT(3008), 7: SHORT(4530) };
    const panasonic = { make: 'Panasonic', magic: 0x55, more: borders, sensor: {} };
    const leaf = rawOf({ make: 'Leaf', jpegs: [large], photo: taken, letters: 'IIIICwaR', sensor: {} });
    const raws: [string, Buffer, [number, number]][] = [
      ['image/x-nikon-nef', rawOf({ make: 'NIKON', jpegs: [small, large], photo: taken }), [4600, 3000]],
      ['image/x-sony-arw', rawOf({ make: 'SONY', jpegs: [large, small], photo: taken }), [4600, 3000]],
      ['image/x-adobe-dng', rawOf({ make: 'Leica', jpegs: [large], photo: taken, more: DNG_VERSION }), [4600, 3000]],
      ['image/x-panasonic-rw2', rawOf({ ...panasonic, jpegs: [large], photo: taken }), [4520, 3000]],
      ['image/x-olympus-orf', rawOf({ make: 'OLYMPUS', jpegs: [large], photo: taken, magic: 0x4f52 }), [4600, 3000]],
      ['image/x-dcraw', leaf, [900, 600]],
    ];
    for (const [contentType, bytes, [width, height]] of raws) {
      // Folders serve it with this type, of which they read only the beginning.
      assert.equal(contentTypeOf(bytes.subarray(0, 4096)), contentType);
      const picture = (await readHeader(bytes, DEFAULT_LIMITS)).picture;
      assert.deepEqual(
        [picture.contentType, picture.width, picture.height, picture.takenAt],
        [contentType, width, height, '2019-07-05T12:00:00.000+02:00'],
      );
      await shows(bytes, large, 2, contentType);
    }
  });

  it('of Fujifilm and Canon is found in its own container', async () => {
    const large = await preview(900);
    const raf = Buffer.concat([Buffer.from('FUJIFILMCCD-RAW 0201'.padEnd(148, '\0')), large, Buffer.alloc(999, 3)]);
    await shows(raf, large, 2, 'RAF');
    assert.equal((await readHeader(raf, DEFAULT_LIMITS)).picture.contentType, 'image/x-fujifilm-raf');
    const canon = boxOf(
      'moov',
      boxOf('CMT1', exifBlock({ main: { 271: ASCII('Canon'), 272: ASCII('Canon EOS R5'), 274: SHORT(8) } })),
      boxOf('CMT2', exifBlock({ main: { 36867: ASCII('2019:07:05 12:00:00') } })),
    );
    const cr3 = Buffer.concat([boxOf('ftyp', Buffer.from('crx \0\0\0\x01crx isom')), canon, boxOf('mdat', large)]);
    const picture = (await readHeader(cr3, DEFAULT_LIMITS)).picture;
    assert.deepEqual(
      [picture.contentType, picture.width, picture.height, picture.takenAt],
      ['image/x-canon-cr3', 600, 900, '2019-07-05T12:00:00.000'],
    );
    await shows(cr3, await sharp(large).rotate(270).png().toBuffer(), 3, 'CR3, turned as it says');
  });

  it('is refused by its name when it has only a thumbnail, and read as TIFF when it is none', async () => {
    const thumb = await preview(160);
    for (const jpegs of [[], [thumb]]) {
      const bytes = rawOf({ make: 'NIKON', jpegs, more: DNG_VERSION });
      await refuses(bytes, 'unsupported-format', /got DNG without/, `${jpegs.length} JPEG`);
    }
    const scan = await photo().tiff().toBuffer();
    assert.equal((await readHeader(scan, DEFAULT_LIMITS)).picture.contentType, 'image/tiff');
    // Its pixels begin where Phase One and Leaf write their letters, and look like a part of them.
    const grey = sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#494949' } });
    const even = await grey.tiff({ compression: 'none' }).toBuffer();
    assert.equal(even.toString('latin1', 8, 12), 'IIII');
    assert.equal((await readHeader(even, DEFAULT_LIMITS)).picture.contentType, 'image/tiff');
  });

  it('costs no more than its bytes, whatever they are', async () => {
    const begin = Buffer.from('ffd8ffc0ffff080fff0fff03', 'hex');
    const many = rawOf({ make: 'NIKON', jpegs: [Buffer.concat(new Array<Buffer>(100_000).fill(begin))] });
    await assert.rejects(decodeImage(many, HOW, DEFAULT_LIMITS), { code: 'unreadable-image' });
    const whole = rawOf({ make: 'NIKON', jpegs: [await preview(450)] });
    for (let at = 0; at < 400; at++) {
      const broken = Buffer.from(whole);
      broken[at] = 0xff;
      await readHeader(broken, DEFAULT_LIMITS).catch((error: { code: string }) =>
        assert.equal(error.code, 'unreadable-image'),
      );
    }
  });
});
