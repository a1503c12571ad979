import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { decodeImage } from '../../../core/picture/decode.ts';
import { hashDistance } from '../../../core/picture/near-duplicate-rule.ts';
import { perceptualHash } from '../../../core/picture/perceptual-hash.ts';
import { squashed } from '../../support/squashed.ts';

const PHOTOS = join(import.meta.dirname, '../../../examples/photos');
const HOW = squashed(297, 260, 'bicubic');

async function hashOf(bytes: Buffer): Promise<string> {
  return (await decodeImage(bytes, HOW, DEFAULT_LIMITS)).picture.perceptualHash!;
}

async function somePhotos(): Promise<Buffer[]> {
  const names = (await readdir(PHOTOS)).filter((name) => name.endsWith('.jpg')).sort();
  return Promise.all(names.slice(0, 12).map((name) => readFile(join(PHOTOS, name))));
}

describe('the perceptual hash', () => {
  it('of a copy that is smaller, compressed again, brighter or grey is near, of another photo far', async () => {
    const photos = await somePhotos();
    const hashes = await Promise.all(photos.map(hashOf));
    for (const [i, photo] of photos.entries()) {
      const copies = {
        smaller: await sharp(photo).resize({ width: 160 }).jpeg({ quality: 75 }).toBuffer(),
        compressed: await sharp(photo).jpeg({ quality: 30 }).toBuffer(),
        brighter: await sharp(photo).modulate({ brightness: 1.1 }).webp().toBuffer(),
        grey: await sharp(photo).grayscale().png().toBuffer(),
      };
      for (const [how, copy] of Object.entries(copies)) {
        const distance = hashDistance(hashes[i]!, await hashOf(copy));
        assert.ok(distance <= 10, `${how}, photo ${i}: ${distance}`);
      }
      for (const [j, other] of hashes.entries()) assert.ok(i === j || hashDistance(hashes[i]!, other) > 20);
    }
  });

  it('of areas without anything in them is the same, whatever their noise', () => {
    const width = 40;
    const flat = (noise: number) => ({
      data: Uint8Array.from({ length: width * width * 3 }, (_, i) => 200 + (i % 2) * noise),
      width,
      height: width,
    });
    assert.equal(perceptualHash(flat(0)), '0'.repeat(32));
    assert.equal(perceptualHash(flat(2)), '0'.repeat(32));
  });

  it('is 128 bits, compared bit by bit', () => {
    assert.equal(hashDistance('f'.repeat(32), '0'.repeat(32)), 128);
    assert.equal(hashDistance(`8${'0'.repeat(31)}`, `${'0'.repeat(31)}1`), 2);
    const ramp = Uint8Array.from({ length: 90 * 90 * 3 }, (_, i) => Math.floor(i / 3) % 90);
    assert.equal(perceptualHash({ data: ramp, width: 90, height: 90 }), 'f'.repeat(16) + '0'.repeat(16));
  });
});
