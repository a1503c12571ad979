import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../../core/encode/decode.ts';
import { DEFAULT_LIMITS } from '../../../core/encode/encoders.ts';
import { takenAt } from '../../../core/encode/exif.ts';
import type { Preprocessing } from '../../../core/encode/preprocessor-config.ts';

const HOW: Preprocessing = {
  resize: { mode: 'squash', size: 8, kernel: 'bilinear' },
  crop: 8,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

const picture = (exif: Record<string, string>) =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: '#789' } }).withExif({ IFD2: exif });

async function takenAtOf(
  exif: Record<string, string>,
  format: 'jpeg' | 'webp' | 'png' = 'jpeg',
): Promise<string | null> {
  return (await decodeImage(await picture(exif).toFormat(format).toBuffer(), HOW, DEFAULT_LIMITS)).picture.takenAt;
}

describe('when a picture was taken', () => {
  it('is its original date, as UTC when no offset is known', async () => {
    const DateTimeOriginal = '2023:07:14 08:30:05';
    for (const format of ['jpeg', 'webp', 'png'] as const) {
      assert.equal(await takenAtOf({ DateTimeOriginal }, format), '2023-07-14T08:30:05.000Z', format);
    }
    assert.equal(await takenAtOf({ DateTimeOriginal, OffsetTimeOriginal: '+02:00' }), '2023-07-14T06:30:05.000Z');
    assert.equal(await takenAtOf({ DateTimeOriginal, OffsetTimeOriginal: '-09:30' }), '2023-07-14T18:00:05.000Z');
    assert.equal(await takenAtOf({ DateTimeDigitized: '2021:01:02 03:04:05' }), '2021-01-02T03:04:05.000Z');
  });

  it('is unknown when nothing, or nothing real, is said', async () => {
    assert.equal(await takenAtOf({ UserComment: 'none' }), null);
    for (const text of [
      '0000:00:00 00:00:00',
      '2023:02:30 10:00:00',
      '2023:13:01 10:00:00',
      '2023:01:01 25:00:00',
      '    :  :     :  :  ',
      'yesterday',
    ]) {
      assert.equal(await takenAtOf({ DateTimeOriginal: text }), null, text);
    }
  });

  it('is unknown in a block that is broken anywhere', async () => {
    const { exif } = await sharp(
      await picture({ DateTimeOriginal: '2023:07:14 08:30:05' }).jpeg().toBuffer(),
    ).metadata();
    assert.equal(takenAt(exif!), '2023-07-14T08:30:05.000Z');
    for (let length = 0; length < exif!.length; length++) takenAt(exif!.subarray(0, length));
    for (let at = 0; at < exif!.length; at++) {
      for (const value of [0, 0xff]) {
        const broken = Buffer.from(exif!);
        broken[at] = value;
        const date = takenAt(broken);
        assert.ok(date === null || /^\d{4}-/.test(date));
      }
    }
  });

  it('costs nothing in a block of many overlapping tags', () => {
    // A reader of every tag makes 65,000 numbers of each of these 5,000 entries.
    const entries = 5000;
    const block = Buffer.alloc(65_000);
    block.write('II*\0', 'latin1');
    block.writeUInt32LE(8, 4);
    block.writeUInt16LE(entries, 8);
    for (let i = 0; i < entries; i++) {
      block.writeUInt16LE(i + 20_000, 10 + i * 12);
      block.writeUInt16LE(1, 12 + i * 12);
      block.writeUInt32LE(65_000, 14 + i * 12);
    }
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    assert.equal(takenAt(block), null);
    assert.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 10e6);
  });
});
