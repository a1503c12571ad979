import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import type { ImageRejection } from '../../../core/errors.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import { isTruncated, type PictureFormat, sniff } from '../../../core/picture/format.ts';
import type { Preprocessing } from '../../../core/picture/preprocessor-config.ts';
import { readGolden } from '../../golden/golden.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { noise } from '../encode/fixtures.ts';

const HOW: Preprocessing = {
  resize: { mode: 'shortest-edge', size: 297, kernel: 'bicubic' },
  crop: 260,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
const photo = readGolden('mobilenet_v2', 'images', '1000268201_693b08cb0e.jpg');

/** Rejected for this reason by decoding and by thumbnails alike. */
async function refuses(bytes: Uint8Array, reason: ImageRejection, what: string): Promise<void> {
  const expected = { code: reason === 'too-large' ? 'too-large' : 'unreadable-image', details: { reason } };
  const check = (error: { code: string; details: { reason: string }; message: string }) => {
    assert.deepEqual(
      { code: error.code, details: { reason: error.details.reason } },
      expected,
      `${what}: ${error.message}`,
    );
    assert.ok(error.message.length > 10, what);
    return true;
  };
  await assert.rejects(decodeImage(bytes, HOW, DEFAULT_LIMITS), check, what);
  await assert.rejects(thumbnail(bytes, 100, { limits: DEFAULT_LIMITS }), check, what);
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG whose header declares this size, with almost no data. */
function pngOf(width: number, height: number, options: { interlaced?: boolean; bits?: number } = {}): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([options.bits ?? 8, 6, 0, 0, options.interlaced ? 1 : 0], 8);
  const pixels = deflateSync(Buffer.alloc(1000));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A JPEG whose frame header was patched to this size. */
async function jpegOf(width: number, height: number, progressive: boolean): Promise<Buffer> {
  const jpeg = await sharp(photo).resize(64, 64).jpeg({ progressive }).toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, progressive ? 0xc2 : 0xc0]));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  return jpeg;
}

/** One small picture in each format. */
async function inEveryFormat(): Promise<[PictureFormat, Buffer][]> {
  const small = await sharp(photo).resize(200, 300).png().toBuffer();
  const formats: Exclude<PictureFormat, 'heic'>[] = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'];
  return Promise.all(
    formats.map(
      async (format) =>
        [format, await sharp(small).toFormat(format, { effort: 1 }).toBuffer()] as [PictureFormat, Buffer],
    ),
  );
}

const every = await inEveryFormat();

describe('bytes that are no picture', () => {
  it('are refused by what they are', async () => {
    await refuses(new Uint8Array(0), 'empty', 'nothing');
    for (const [what, text] of Object.entries({
      text: 'hello, world',
      html: '<!doctype html><p>',
      'text that begins like a bitmap': 'BMW 2002, 1972',
      zip: 'PK\x03\x04',
      one: 'x',
      zeros: '\0'.repeat(100),
      'resources of a font, which begin like an icon': '\0\0\x01\0\0\0\x05\0',
      mp4: '\0\0\0\x18ftypisom\0\0\0\0isommp42',
    })) {
      await refuses(Buffer.from(text, 'latin1'), 'not-an-image', what);
    }
  });

  it('are unsupported when they are a picture or document of another kind', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
    const others: Record<string, string> = {
      svg,
      'svg after an XML declaration': `<?xml version="1.0"?>\n<!-- hi -->\n${svg}`,
      'svg after a byte order mark': `\xef\xbb\xbf  ${svg}`,
      pdf: '%PDF-1.7\n',
      bmp: 'BM\x46\0\0\0\0\0\0\0\x36\0\0\0',
      psd: '8BPS\0\x01',
      ico: '\0\0\x01\0\x01\0\x01\x01',
      'jpeg xl': '\xff\x0a\0\0',
    };
    for (const [what, text] of Object.entries(others))
      await refuses(Buffer.from(text, 'latin1'), 'unsupported-format', what);
  });

  it('are refused as corrupt when only their first bytes are those of a picture', async () => {
    const body = Buffer.from(noise(5000, 3).map((value) => value * 127));
    for (const head of ['\xff\xd8\xff\xe0', '\x89PNG\r\n\x1a\n', 'GIF89a', 'II*\0\x08\0\0\0']) {
      const bytes = Buffer.concat([Buffer.from(head, 'latin1'), body]);
      await assert.rejects(
        decodeImage(bytes, HOW, DEFAULT_LIMITS),
        (error: { details: { reason: string } }) =>
          ['corrupt', 'truncated', 'unsupported-format', 'too-many-pixels'].includes(error.details.reason),
        head,
      );
    }
  });
});

describe('truncated pictures', () => {
  it('are refused wherever they end, also behind the rows that are needed', async () => {
    for (const [format, bytes] of every) {
      assert.equal(isTruncated(bytes, format), false, format);
      await decodeImage(bytes, HOW, DEFAULT_LIMITS);
      for (const part of [0.3, 0.6, 0.95]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        await assert.rejects(
          decodeImage(cut, HOW, DEFAULT_LIMITS),
          { details: { reason: 'truncated' } },
          `${format} ${part}`,
        );
      }
    }
  });

  it('of a few bytes are refused, too', async () => {
    for (const [format, bytes] of every) {
      for (let length = 1; length < 64; length++) {
        await assert.rejects(
          decodeImage(bytes.subarray(0, length), HOW, DEFAULT_LIMITS),
          { code: 'unreadable-image' },
          `${format} ${length}`,
        );
      }
    }
  });

  it('are not those with more behind them, and not those a thumbnail ends in', async () => {
    const jpeg = await sharp(photo).resize(300, 200).jpeg().toBuffer();
    await decodeImage(Buffer.concat([jpeg, Buffer.from('trailing bytes of a phone')]), HOW, DEFAULT_LIMITS);
    const withThumbnail = Buffer.concat([
      jpeg.subarray(0, 2),
      Buffer.from([0xff, 0xe1, 0, 8]),
      Buffer.from([0xff, 0xd9, 1, 2, 3, 4]),
      jpeg.subarray(2, Math.floor(jpeg.length * 0.97)),
    ]);
    await assert.rejects(decodeImage(withThumbnail, HOW, DEFAULT_LIMITS), { details: { reason: 'truncated' } });
  });
});

describe('broken pictures', () => {
  it('are refused when their data are, and end in no crash whatever byte is wrong', async () => {
    const random = noise(4000, 11);
    let at = 0;
    const pick = (below: number) => Math.floor(((random[at++ % random.length]! + 1) / 2) * below) % below;
    for (const [format, bytes] of every) {
      for (let round = 0; round < 25; round++) {
        const broken = Buffer.from(bytes);
        for (let i = 0; i < 8; i++) broken[pick(broken.length)] = pick(256);
        await decodeImage(broken, HOW, DEFAULT_LIMITS).catch((error: { code: string; message: string }) => {
          assert.equal(error.code, 'unreadable-image', `${format}: ${error.message}`);
        });
      }
    }
  });

  it('are refused as corrupt when a checksum or the coded data do not fit', async () => {
    const png = await sharp(photo).resize(200, 300).png().toBuffer();
    png.fill(0x55, 4000, 4400);
    await refuses(png, 'corrupt', 'png');
    await refuses(pngOf(0, 100), 'corrupt', '0 pixels wide');
    await refuses(await jpegOf(0, 100, false), 'corrupt', 'a JPEG 0 pixels wide');
  });
});

describe('pictures that are too much', () => {
  it('are refused by their header', async () => {
    await refuses(pngOf(60_000, 60_000), 'too-many-pixels', '60,000 x 60,000 PNG');
    await refuses(await jpegOf(60_000, 60_000, false), 'too-many-pixels', '60,000 x 60,000 JPEG');
    await refuses(await jpegOf(9900, 9900, true), 'too-many-pixels', 'a progressive JPEG of many coefficients');
    await refuses(pngOf(8000, 8000, { interlaced: true, bits: 16 }), 'too-many-pixels', 'an interlaced 16-bit PNG');
    await refuses(pngOf(1_000_000, 100), 'too-many-pixels', 'rows of a million pixels');
    await refuses(pngOf(30_000, 3333, { bits: 16 }), 'too-many-pixels', 'long rows of 16-bit pixels');
  });

  it('say what is allowed and what came', async () => {
    await assert.rejects(
      decodeImage(photo, HOW, { maxBytes: 1e9, maxPixels: 187_499 }),
      /at most 187499 pixels, got 375 x 500/,
    );
    await decodeImage(photo, HOW, { maxBytes: 1e9, maxPixels: 187_500 });
    await assert.rejects(decodeImage(photo, HOW, { ...DEFAULT_LIMITS, maxBytes: photo.length - 1 }), {
      code: 'too-large',
      message: `expected at most ${photo.length - 1} bytes, got ${photo.length}`,
    });
  });

  async function decodeInChild(times: number, paths: readonly string[]) {
    const child = join(import.meta.dirname, 'bomb.ts');
    const words = ['--disable-warning=ExperimentalWarning', child, String(times), ...paths];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    return JSON.parse(stdout) as { outcomes: Record<string, string[]>; peakBytes: number };
  }

  it('share the memory for decoding when many come at once that need all of their pixels', async () => {
    const path = join(tempFolder(), 'progressive.jpg');
    // Each takes 61 MB, and four threads decode.
    writeFileSync(path, await jpegOf(5100, 3800, true));
    const { outcomes, peakBytes } = await decodeInChild(8, [path]);
    assert.deepEqual(new Set(outcomes[path]), new Set(['decoded']));
    assert.ok(peakBytes < 230e6, `${Math.round(peakBytes / 1e6)} MB`);
  });

  describe('in a process of their own', () => {
    let report: { outcomes: Record<string, string[]>; peakBytes: number };
    const files: Record<string, { path: string; expected: string }> = {};
    before(async () => {
      const folder = tempFolder();
      const add = (name: string, expected: string, bytes: Buffer) => {
        files[name] = { path: join(folder, name), expected };
        writeFileSync(join(folder, name), bytes);
      };
      const flat = (width: number, height: number) =>
        sharp({ create: { width, height, channels: 3, background: '#456' } });
      add('60000.png', 'too-many-pixels', pngOf(60_000, 60_000));
      add('60000.jpg', 'too-many-pixels', await jpegOf(60_000, 60_000, false));
      add('long-rows.png', 'too-many-pixels', pngOf(1_000_000, 100, { bits: 16 }));
      add('progressive.jpg', 'too-many-pixels', await jpegOf(9900, 9900, true));
      add('interlaced.png', 'too-many-pixels', pngOf(9900, 9900, { interlaced: true }));
      // Allowed, so it must fit into memory: almost the maximum number of pixels.
      add('large.png', 'decoded', await flat(9900, 9900).png({ compressionLevel: 1 }).toBuffer());
      report = await decodeInChild(
        2,
        Object.values(files).map(({ path }) => path),
      );
    });

    it('are refused or decoded as they should', () => {
      for (const { path, expected } of Object.values(files)) {
        assert.deepEqual(report.outcomes[path], [expected, expected, expected], path);
      }
    });

    it('never take more than 400 MB', () => {
      assert.ok(report.peakBytes < 400e6, `${Math.round(report.peakBytes / 1e6)} MB`);
    });
  });
});

describe('sniffing', () => {
  it('tells formats by their bytes', () => {
    for (const [format, bytes] of every) assert.deepEqual(sniff(bytes), { kind: 'picture', format });
    assert.deepEqual(sniff(new Uint8Array(3)), { kind: 'unknown' });
    assert.deepEqual(sniff(Buffer.from('\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf', 'latin1')), {
      kind: 'picture',
      format: 'avif',
    });
  });
});
