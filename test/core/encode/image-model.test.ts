import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ImageModel, loadImageModel } from '../../../core/encode/image-model.ts';
import { loadManifest, profileOf } from '../../../core/encode/manifest.ts';
import type { RgbPixels } from '../../../core/picture/preprocess.ts';
import { Random } from '../../../training/random.ts';
import { maxDifference } from '../../golden/golden.ts';
import { MODELS } from './fixtures.ts';

describe('the image encoder', () => {
  let encoder: ImageModel;
  before(async () => {
    encoder = await loadImageModel([MODELS], profileOf(await loadManifest([MODELS]), 'compact').image);
  });
  after(() => encoder.close());

  const noise = (seed: number): RgbPixels => {
    const random = new Random(seed, 'pixels');
    const { crop } = encoder.preprocessing;
    return { data: Uint8Array.from({ length: crop * crop * 3 }, () => random.below(256)), width: crop, height: crop };
  };

  it('gives each of many pictures at once what it gives it alone', async () => {
    // More than fit into one run.
    const pictures = Array.from({ length: 19 }, (_, i) => noise(i));
    const together = await Promise.all(pictures.map((pixels) => encoder.encode(pixels)));
    for (const [i, pixels] of pictures.entries()) {
      const alone = await encoder.encode(pixels);
      assert.deepEqual(Object.keys(alone), Object.keys(encoder.outputs));
      for (const [name, size] of Object.entries(encoder.outputs)) {
        assert.equal(together[i]![name]!.length, size);
        const difference = maxDifference(together[i]![name]!, alone[name]!);
        assert.ok(difference < 1e-4, `${name} of picture ${i}: ${difference}`);
      }
    }
  });

  it('refuses pixels of another size without touching the others', async () => {
    const [good, bad] = await Promise.allSettled([
      encoder.encode(noise(1)),
      encoder.encode({ data: new Uint8Array(12), width: 2, height: 2 }),
    ]);
    assert.equal(good.status, 'fulfilled');
    assert.match(String((bad as PromiseRejectedResult).reason), /expected 260 x 260 pixels, got 2 x 2/);
  });
});
