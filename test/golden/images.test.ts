import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { fingerprintImageEncoder } from '../../core/encode/encoder-fingerprints.ts';
import { DEFAULT_LIMITS } from '../../core/encode/encoder-pair.ts';
import { type ImageModel, loadImageModel, preprocessingOf } from '../../core/encode/image-model.ts';
import { loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { decodeImage } from '../../core/picture/decode.ts';
import type { RgbPixels } from '../../core/picture/preprocess.ts';
import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';
import { cosine } from '../support/cosine.ts';
import { MODEL_DIRS, maxDifference, meanDifference, missingModel, readGolden, readJson, readRows } from './golden.ts';
import { naivePreprocess } from './naive-resize.ts';
import { photo, uprightPixels } from './photos.ts';

interface Item {
  image: string;
  width: number;
  height: number;
  pixelMean: number;
  pixelStd: number;
  top5: number[];
}

interface Case {
  readonly profile: string;
  readonly folder: string;
  readonly golden: string;
  /** Size and file of each recorded output. */
  readonly recorded: Readonly<Record<string, readonly [number, string]>>;
  /** Largest difference from the output recorded for the same pixels, or the lowest cosine to it. */
  readonly same: { readonly difference: number } | { readonly cosine: number };
  /** Cosine to it with our own decoding, which is not bit-identical to Pillow's. */
  readonly cosine: number;
  /** Lowest cosine of the features to those of the weights as published, which `export.py` checks to 1e-4. */
  readonly published?: number;
  /** Whether the recorded classes are the model's own. */
  readonly classes: boolean;
}

const CASES: readonly Case[] = [
  {
    profile: 'compact',
    folder: 'efficientnet-lite2-int8',
    golden: 'efficientnet_lite2',
    recorded: {
      features: [1280, 'features-int8.f32'],
      logits: [1000, 'logits-int8.f32'],
      stage6_corners: [832, 'stage6_corners-int8.f32'],
    },
    // Sums of 7-bit weights never saturate, so every x64 processor gives the same bits.
    same: process.arch === 'x64' ? { difference: 0 } : { cosine: 0.995 },
    cosine: 0.97,
    published: 0.9,
    classes: false,
  },
  {
    profile: 'compact-float32',
    folder: 'efficientnet-lite2',
    golden: 'efficientnet_lite2',
    recorded: { features: [1280, 'features.f32'] },
    same: { difference: 1e-4 },
    cosine: 0.999,
    published: 0.9999,
    classes: true,
  },
  {
    profile: 'mobilenet',
    folder: 'mobilenet_v2_1.0_224',
    golden: 'mobilenet_v2',
    recorded: { features: [1280, 'features.f32'], logits: [1001, 'logits.f32'] },
    same: { difference: 1e-4 },
    cosine: 0.999,
    classes: true,
  },
];

/** From preprocessor_config.json of google/mobilenet_v2_1.0_224, which is not in the repository. */
const MOBILENET: Preprocessing = {
  resize: { mode: 'shortest-edge', size: 256, kernel: 'bilinear' },
  crop: 224,
  mean: [127.5, 127.5, 127.5],
  std: [127.5, 127.5, 127.5],
};

for (const { profile: name, folder, golden, recorded, published, ...wanted } of CASES) {
  describe(`${folder} against recorded answers`, { skip: missingModel(folder) }, () => {
    const { items } = readJson<{ items: Item[] }>(golden, 'index.json');
    const expected = Object.fromEntries(
      Object.entries(recorded).map(([output, [size, file]]) => [output, readRows(size, golden, file)]),
    );
    const originals = published === undefined ? [] : readRows(1280, golden, 'features-fp32.f32');
    const twins = new Map<string, RgbPixels>();
    let preprocessing: Preprocessing;
    let encoder: ImageModel;
    before(async () => {
      const profile = profileOf(await loadManifest(MODEL_DIRS), name);
      // Outputs were recorded with the publisher's preprocessing; a profile may deviate from it.
      preprocessing = await preprocessingOf(MODEL_DIRS, { ...profile.image, preprocessing: undefined });
      if (name === 'mobilenet') assert.deepEqual(preprocessing, MOBILENET);
      await fingerprintImageEncoder(MODEL_DIRS, profile.image);
      encoder = await loadImageModel(MODEL_DIRS, profile.image);
      for (const { image } of items) {
        // CMYK is not pixels yet; its conversion is judged by the recorded outputs.
        if (image !== 'cmyk.jpg') twins.set(image, naivePreprocess(await uprightPixels(image), preprocessing));
      }
    });

    it('makes the same outputs for the same pixels, and stays near to those of the published weights', async () => {
      // The recorded pixels are not stored; the reference implementation of Pillow's resize reproduces them exactly.
      assert.equal(twins.size, 12);
      for (const [image, twin] of twins) {
        const row = items.findIndex((item) => item.image === image);
        const outputs = await encoder.encode(twin);
        for (const [output, rows] of Object.entries(expected)) {
          const [own, there] = [outputs[output]!, rows[row]!];
          const [difference, similarity] = [maxDifference(own, there), cosine(own, there)];
          const isSame =
            'cosine' in wanted.same ? similarity >= wanted.same.cosine : difference <= wanted.same.difference;
          assert.ok(isSame, `${image} ${output}: ${difference}, cosine ${similarity}`);
        }
        if (published === undefined) continue;
        const similarity = cosine(outputs.features!, originals[row]!);
        assert.ok(similarity >= published, `${image} to the published weights: ${similarity}`);
      }
    });

    it(`comes within a cosine of ${wanted.cosine} through its own decoding, for every picture`, async () => {
      assert.equal(items.length, 13);
      for (const [i, item] of items.entries()) {
        const { pixels, picture } = await decodeImage(photo(item.image), preprocessing, DEFAULT_LIMITS);
        assert.deepEqual([picture.width, picture.height], [item.width, item.height], item.image);
        const outputs = await encoder.encode(pixels);
        for (const [output, rows] of Object.entries(expected)) {
          // All zeros: no outputs were recorded for CMYK pictures, whose input is not pixels.
          if (rows[i]!.every((value) => value === 0)) continue;
          const similarity = cosine(outputs[output]!, rows[i]!);
          assert.ok(similarity >= wanted.cosine, `${item.image} ${output}: ${similarity}`);
        }
        if (!wanted.classes) continue;
        assert.equal(outputs.logits!.indexOf(Math.max(...outputs.logits!)), item.top5[0], item.image);
      }
    });

    it('feeds pixels of the recorded mean and spread', async () => {
      for (const item of items) {
        const { pixels } = await decodeImage(photo(item.image), preprocessing, DEFAULT_LIMITS);
        const values = Array.from(
          pixels.data,
          (value, i) => (value - preprocessing.mean[i % 3]!) / preprocessing.std[i % 3]!,
        );
        const mean = values.reduce((sum, value) => sum + value) / values.length;
        const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
        // libvips rounds alpha over white down, half a step of 255 in the mean of rgba.png.
        assert.ok(Math.abs(mean - item.pixelMean) < 0.005, `${item.image}: mean ${mean}, recorded ${item.pixelMean}`);
        assert.ok(
          Math.abs(spread - item.pixelStd) < 0.005,
          `${item.image}: spread ${spread}, recorded ${item.pixelStd}`,
        );
      }
    });

    it('cuts out what Pillow would, to less than 1 of 255 on average', async () => {
      assert.equal(twins.size, 12);
      for (const [image, twin] of twins) {
        const { pixels } = await decodeImage(photo(image), preprocessing, DEFAULT_LIMITS);
        const difference = meanDifference(pixels.data, twin.data);
        assert.ok(difference < 1, `${image}: ${difference}`);
      }
    });
  });
}

describe('the crops Pillow made of three photos', () => {
  const names = ['1000268201_693b08cb0e', '101669240_b2d3e7f17b', '1030985833_b0902ea560'];
  const pillowCrop = async (name: string): Promise<RgbPixels> => {
    const png = sharp(readGolden('mobilenet_v2', `crop-${name}.png`), { ignoreIcc: true }).toColourspace('srgb');
    const { data, info } = await png.raw().toBuffer({ resolveWithObject: true });
    assert.equal(info.channels, 3);
    return { data, width: info.width, height: info.height };
  };

  it('are those of our decoding to less than 1 of 255 on average', async () => {
    for (const name of names) {
      const { pixels } = await decodeImage(photo(`${name}.jpg`), MOBILENET, DEFAULT_LIMITS);
      const difference = meanDifference(pixels.data, (await pillowCrop(name)).data);
      assert.ok(difference < 1, `${name}: ${difference}`);
    }
  });

  it('are those of the slow twin to the bit', async () => {
    for (const name of names) {
      const twin = naivePreprocess(await uprightPixels(`${name}.jpg`), MOBILENET);
      const crop = await pillowCrop(name);
      assert.equal(maxDifference(twin.data, crop.data), 0, name);
    }
  });

  it('give the recorded outputs to 1e-4', { skip: missingModel('mobilenet_v2_1.0_224') }, async () => {
    const encoder = await loadImageModel(MODEL_DIRS, profileOf(await loadManifest(MODEL_DIRS), 'mobilenet').image);
    const { items } = readJson<{ items: Item[] }>('mobilenet_v2', 'index.json');
    for (const name of names) {
      const row = items.findIndex(({ image }) => image === `${name}.jpg`);
      const outputs = await encoder.encode(await pillowCrop(name));
      for (const [output, size] of [
        ['features', 1280],
        ['logits', 1001],
      ] as const) {
        const difference = maxDifference(outputs[output]!, readRows(size, 'mobilenet_v2', `${output}.f32`)[row]!);
        assert.ok(difference < 1e-4, `${name} ${output}: ${difference}`);
      }
    }
    await encoder.close();
  });
});
