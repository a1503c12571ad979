import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { METADATA_VERSION } from '../../../core/metadata/embedded.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import { hashDistance } from '../../../core/picture/near-duplicate-rule.ts';
import type { Preprocessing } from '../../../core/picture/preprocessor-config.ts';
import { NOTHING_KNOWN } from '../../../core/picture-fields.ts';
import { meanDifference, readGolden } from '../../golden/golden.ts';
import { naivePreprocess, type Rgb } from '../../golden/naive-resize.ts';

const photo = readGolden('mobilenet_v2', 'images', '1030985833_b0902ea560.jpg');

type Mode = Preprocessing['resize']['mode'];
const MODES: readonly Mode[] = ['shortest-edge', 'squash'];

function preprocessing(mode: Mode, kernel: 'bilinear' | 'bicubic', size = 60, crop = 52): Preprocessing {
  return { resize: { mode, size, kernel }, crop, mean: [0, 0, 0], std: [1, 1, 1] };
}
const PLAIN = preprocessing('shortest-edge', 'bicubic');

/** The photo stretched to a size, as pixels and as a lossless file of them. */
async function stretched(width: number, height: number): Promise<{ pixels: Rgb; png: Buffer }> {
  const data = await sharp(photo).resize({ width, height, fit: 'fill' }).raw().toBuffer();
  return {
    pixels: { data, width, height },
    png: await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  };
}

const decoded = async (bytes: Uint8Array, how = PLAIN) => (await decodeImage(bytes, how, DEFAULT_LIMITS)).pixels;

describe('resize and crop against the slow twin', () => {
  const sizes = [
    [150, 110],
    [110, 151],
    [60, 60],
    [61, 60],
    [40, 31],
    [31, 47],
    [200, 40],
    [40, 200],
    [75, 52],
    [1, 1],
    [3, 2],
    [300, 2],
  ];
  for (const mode of MODES) {
    for (const kernel of ['bilinear', 'bicubic'] as const) {
      it(`agrees in mode ${mode}, ${kernel}`, async () => {
        for (const [width, height] of sizes as [number, number][]) {
          const { pixels, png } = await stretched(width, height);
          for (const [size, crop] of [
            [60, 52],
            [61, 52],
            [60, 60],
          ] as const) {
            const how = preprocessing(mode, kernel, size, crop);
            const ours = await decoded(png, how);
            const twin = naivePreprocess(pixels, how);
            assert.deepEqual([ours.width, ours.height], [crop, crop]);
            const difference = meanDifference(ours.data, twin.data);
            // Without resizing libvips does nothing, and not one bit may differ.
            const grows = mode === 'shortest-edge' ? Math.min(width, height) <= size : Math.max(width, height) <= size;
            assert.ok(
              difference < (grows ? Number.EPSILON : 1),
              `${width} x ${height} to ${size}/${crop}: ${difference}`,
            );
          }
        }
      });
    }
  }
});

describe('orientation', () => {
  it('is applied in all eight forms, as turning the whole picture first would', async () => {
    for (const [width, height] of [
      [97, 60],
      [70, 111],
      [41, 90],
    ] as const) {
      const { png } = await stretched(width, height);
      for (let orientation = 1; orientation <= 8; orientation++) {
        const marked = await sharp(png).withMetadata({ orientation }).png().toBuffer();
        const turned = await sharp(marked).autoOrient().png().toBuffer();
        for (const mode of MODES) {
          const how = preprocessing(mode, 'bicubic', 61, 52);
          const ours = await decodeImage(marked, how, DEFAULT_LIMITS);
          const twin = await decodeImage(turned, how, DEFAULT_LIMITS);
          // Pixels differ by rounding, which may flip a bit of the hash or change which pixels are counted.
          const perceptualHash = twin.picture.perceptualHash!;
          assert.deepEqual({ ...ours.picture, perceptualHash, colours: twin.picture.colours }, twin.picture);
          assert.ok(hashDistance(ours.picture.perceptualHash!, perceptualHash) < 5);
          const difference = meanDifference(ours.pixels.data, twin.pixels.data);
          assert.ok(difference < 0.6, `${width} x ${height}, orientation ${orientation}, ${mode}: ${difference}`);
        }
      }
    }
  });

  it('that does not exist is none', async () => {
    const { png } = await stretched(97, 60);
    const exif = Buffer.from('4d4d002a00000008000101120003000000010009000000000000', 'hex');
    const jpeg = await sharp(png).jpeg({ quality: 95 }).toBuffer();
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, exif.length + 8]), Buffer.from('Exif\0\0'), exif]);
    const marked = Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]);
    const { picture } = await decodeImage(marked, PLAIN, DEFAULT_LIMITS);
    assert.deepEqual(picture, {
      contentType: 'image/jpeg',
      width: 97,
      height: 60,
      ...NOTHING_KNOWN,
      perceptualHash: picture.perceptualHash,
      colours: picture.colours,
      metadataVersion: METADATA_VERSION,
    });
  });
});

describe('formats and colours', () => {
  const near = async (bytes: Buffer, reference: Rgb, bound: number, what: string) => {
    const difference = meanDifference((await decoded(bytes)).data, naivePreprocess(reference, PLAIN).data);
    assert.ok(difference < bound, `${what}: ${difference}`);
  };

  it('of every kind come out as the same picture', async () => {
    const { pixels, png } = await stretched(150, 110);
    const base = () => sharp(png);
    const files: Record<string, Buffer> = {
      'image/jpeg': await base().jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toBuffer(),
      'image/png': await base().png({ progressive: true }).toBuffer(),
      'image/webp': await base().webp({ lossless: true }).toBuffer(),
      'image/tiff': await base().tiff({ compression: 'lzw' }).toBuffer(),
      'image/avif': await base().avif({ quality: 95, effort: 1 }).toBuffer(),
      'image/gif': await base().gif().toBuffer(),
    };
    for (const [contentType, bytes] of Object.entries(files)) {
      const { picture } = await decodeImage(bytes, PLAIN, DEFAULT_LIMITS);
      assert.deepEqual(picture, {
        contentType,
        width: 150,
        height: 110,
        ...NOTHING_KNOWN,
        perceptualHash: picture.perceptualHash,
        colours: picture.colours,
        metadataVersion: METADATA_VERSION,
      });
      await near(bytes, pixels, contentType === 'image/gif' ? 8 : 2, contentType);
    }
  });

  it('of 16 bits, of one channel and with a palette are 8-bit RGB', async () => {
    const { pixels, png } = await stretched(150, 110);
    await near(await sharp(png).toColourspace('rgb16').png().toBuffer(), pixels, 1.5, '16-bit RGB');
    const grey = await sharp(png).greyscale().raw().toBuffer();
    const three = Uint8Array.from({ length: grey.length * 3 }, (_, i) => grey[Math.floor(i / 3)]!);
    const greyPixels = { data: three, width: 150, height: 110 };
    const raw = { raw: { width: 150, height: 110, channels: 1 } } as const;
    await near(await sharp(grey, raw).toColourspace('b-w').png().toBuffer(), greyPixels, 1, 'grey');
    await near(await sharp(grey, raw).toColourspace('grey16').png().toBuffer(), greyPixels, 1.5, '16-bit grey');
    await near(
      await sharp(grey, raw).joinChannel(Buffer.alloc(grey.length, 255), raw).png().toBuffer(),
      greyPixels,
      1,
      'grey with alpha',
    );
    await near(await sharp(png).png({ palette: true, colours: 256, dither: 0 }).toBuffer(), pixels, 8, 'palette');
  });

  it('that are transparent lie on white', async () => {
    const clear = await sharp({
      create: { width: 80, height: 70, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    assert.ok((await decoded(clear)).data.every((value) => value === 255));
    const half = await sharp({
      create: { width: 80, height: 70, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    })
      .webp({ lossless: true })
      .toBuffer();
    assert.ok((await decoded(half)).data.every((value) => Math.abs(value - 127) <= 1));
  });

  it('that move show their first frame', async () => {
    const frames = ['#ff0000', '#00ff00', '#0000ff'].map((background) => ({
      create: { width: 70, height: 80, channels: 3 as const, background },
    }));
    const files = await Promise.all(frames.map((frame) => sharp(frame).png().toBuffer()));
    for (const format of ['gif', 'webp'] as const) {
      const moving = await sharp(files, { join: { animated: true } })
        .toFormat(format, { lossless: true })
        .toBuffer();
      assert.equal((await sharp(moving).metadata()).pages, 3);
      const { pixels, picture } = await decodeImage(moving, PLAIN, DEFAULT_LIMITS);
      assert.deepEqual([picture.width, picture.height], [70, 80]);
      assert.ok(pixels.data[0]! > 240 && pixels.data[1]! < 15 && pixels.data[2]! < 15, format);
    }
  });

  it('with a colour profile keep their values', async () => {
    const { pixels, png } = await stretched(150, 110);
    const p3 = await sharp(png).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    assert.ok(meanDifference(stored, pixels.data) > 0.5, 'the profile did nothing, so that nothing is tested');
    await near(p3, { ...pixels, data: stored }, 1, 'Display P3');
  });
});

describe('sizes at the edge', () => {
  it('of one pixel work in every mode', async () => {
    const one = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#336699' } })
      .png()
      .toBuffer();
    for (const mode of MODES) {
      const { data } = await decoded(one, preprocessing(mode, 'bicubic'));
      assert.deepEqual([...data.subarray(3 * (26 * 52 + 26), 3 * (26 * 52 + 26) + 3)], [0x33, 0x66, 0x99], mode);
    }
  });

  it('that are very long need only their middle', async () => {
    const bands = Buffer.from(
      Array.from({ length: 30_000 }, (_, y) => [y < 14_000 ? 255 : 0, y < 16_000 ? 120 : 0, 60]).flat(),
    );
    for (const [width, height] of [
      [1, 30_000],
      [30_000, 1],
    ] as const) {
      const png = await sharp(bands, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
      const { data } = await decoded(png, preprocessing('shortest-edge', 'bicubic', 297, 260));
      assert.ok(
        data.every((value, i) => value === [0, 120, 60][i % 3]),
        `${width} x ${height}`,
      );
      await decoded(png, preprocessing('squash', 'bicubic'));
    }
  });
});

describe('thumbnails', () => {
  it('are small, upright, without metadata and never enlarged', async () => {
    const marked = await sharp(photo).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const small = await thumbnail(marked, 120, { limits: DEFAULT_LIMITS });
    const metadata = await sharp(small.bytes).metadata();
    assert.deepEqual([small.width, small.height, small.contentType], [90, 120, 'image/webp']);
    assert.deepEqual([metadata.format, metadata.width, metadata.height], ['webp', 90, 120]);
    assert.deepEqual([metadata.exif, metadata.icc, metadata.orientation], [undefined, undefined, undefined]);
    const tiny = await thumbnail((await stretched(20, 10)).png, 120, { limits: DEFAULT_LIMITS });
    assert.deepEqual([tiny.width, tiny.height], [20, 10]);
  });

  it('are refused as decoding is', async () => {
    await assert.rejects(thumbnail(Buffer.from('<svg/>'), 100, { limits: DEFAULT_LIMITS }), {
      code: 'unreadable-image',
    });
  });
});
