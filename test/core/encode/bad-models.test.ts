import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadImageModel } from '../../../core/encode/image-model.ts';
import { loadManifest, parseManifest, profileOf } from '../../../core/encode/manifest.ts';
import type { ImageEncoderEntry } from '../../../core/encode/manifest-encoder.ts';
import { type ExpectedFile, loadChecked } from '../../../core/encode/model-files.ts';
import { loadTextEncoder } from '../../../core/encode/text-encoder.ts';
import { isSightlineError, type SightlineError } from '../../../core/errors.ts';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';
import { type PreprocessingChanges, readPreprocessing } from '../../../core/picture/preprocessor-config.ts';
import { BERT_FILES, randomBert } from '../../support/random-models.ts';
import { clipTokenizer, siglipTokenizer } from '../../support/random-tokenizers.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { MODELS, noise } from './fixtures.ts';

/** Models that contradict the manifest or are unsafe to run: rejected with an error that names both sides. */

const CONFIG = 'preprocessor_config.json';

const refused =
  (...parts: (string | RegExp)[]) =>
  (error: SightlineError) => {
    assert.ok(isSightlineError(error, 'model-mismatch'), String(error));
    for (const part of parts) assert.match(error.message, new RegExp(part));
    return true;
  };

/** A small model with one input and one output. */
function model(options: { type?: 'float32' | 'int64'; operator?: string; opset?: number } = {}): Uint8Array {
  const { type = 'float32', operator = 'Relu', opset } = options;
  const graph = new OnnxGraph();
  const given = graph.input('x', type, ['n', 4]);
  const x = type === 'float32' ? given : graph.cast(given, 'float32');
  const y = graph.op('MatMul', [graph.op(operator, [x]), graph.weights(noise(8, 1), [4, 2])]);
  graph.output('y', y, 'float32', ['n', 2]);
  return graph.toBytes(opset === undefined ? {} : { opset });
}

const load = (bytes: Uint8Array, inputType: 'float32' | 'int64' = 'float32', file: ExpectedFile | null = {}) => {
  const path = join(tempFolder(), 'model.onnx');
  writeFileSync(path, bytes);
  return loadChecked(path, { inputType, inputs: { x: [null, 4] }, outputs: { y: [null, 2] } }, file, { threads: 1 });
};

/** A length-delimited field of a protobuf message. */
const field = (number: number, content: Uint8Array | string) => {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
};

/**
 * Adds a tensor whose values are in another file to the model. Concatenated messages are merged (protobuf, "Last One
 * Wins"): graph = 7, initializer = 5, name = 8, external_data = 13, data_location = 14.
 */
function withExternalData(bytes: Uint8Array): Uint8Array {
  const entry = Buffer.concat([field(1, 'location'), field(2, 'weights.bin')]);
  const tensor = Buffer.concat([Buffer.from([8, 1, 16, 1]), field(8, 'w'), field(13, entry), Buffer.from([14 * 8, 1])]);
  return Buffer.concat([bytes, field(7, field(5, tensor))]);
}

/**
 * Adds a node with an operator that no onnxruntime has: node = 1 with input = 1, output = 2, op_type = 4, domain = 7.
 */
function withCustomOperator(bytes: Uint8Array): Uint8Array {
  const node = Buffer.concat([field(1, 'x'), field(2, 'z'), field(4, 'Twist'), field(7, 'acme')]);
  return Buffer.concat([bytes, field(7, field(1, node))]);
}

describe('an ONNX model', () => {
  it('that is what was expected is loaded', async () => {
    await (await load(model())).release();
    await (await load(model({ type: 'int64' }), 'int64')).release();
  });

  it('of other element types is refused', async () => {
    await assert.rejects(load(model({ type: 'int64' })), refused('x of type float32, got int64'));
    await assert.rejects(load(model(), 'int64'), refused('x of type int64, got float32'));
  });

  it('with custom operators is refused, naming them', async () => {
    await assert.rejects(load(model({ operator: 'Frobnicate' })), refused('expected an ONNX model', 'Frobnicate'));
    const elsewhere = refused('operators of ONNX and onnxruntime only', 'custom operators acme.Twist');
    await assert.rejects(load(withCustomOperator(model())), elsewhere);
    // onnxruntime rejects what is not checked beforehand.
    await assert.rejects(load(withCustomOperator(model()), 'float32', null), refused('onnxruntime runs', 'acme'));
  });

  it('of an opset that onnxruntime does not know is refused, naming it', async () => {
    await assert.rejects(load(model({ opset: 9999 })), refused('expected an ONNX model', /opset|9999/));
  });

  it('of another opset than the manifest says is refused, naming both', async () => {
    await (await load(model({ opset: 13 }), 'float32', { opset: 13 })).release();
    const other = load(model({ opset: 13 }), 'float32', { opset: 17 });
    await assert.rejects(other, refused('expected opset 17, as the manifest says, got 13'));
  });

  it('with external data is refused before anything of it is read', async () => {
    for (const file of [{}, null]) {
      const loading = load(withExternalData(model()), 'float32', file);
      await assert.rejects(loading, refused('weights inside', 'external data'));
    }
  });

  it('that is truncated is refused', async () => {
    const bytes = model();
    await assert.rejects(load(bytes.subarray(0, bytes.length - 20)), refused('expected an ONNX model'));
    await assert.rejects(load(new Uint8Array(0)), refused('expected an ONNX model'));
  });

  it('that has other outputs than the manifest says is refused, as are other sizes', async () => {
    const dir = tempFolder();
    mkdirSync(join(dir, 'tiny'));
    const bytes = model();
    writeFileSync(join(dir, 'tiny', 'model.onnx'), bytes);
    cpSync(join(MODELS, 'efficientnet-lite2-int8', CONFIG), join(dir, 'tiny', CONFIG));
    const { encoders } = await loadManifest([MODELS]);
    const template = encoders['efficientnet-lite2-int8'] as ImageEncoderEntry;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const entry = {
      ...template,
      name: 'tiny',
      folder: 'tiny',
      bundled: false,
      opset: undefined,
      files: { ...template.files, model: { path: 'model.onnx', bytes: bytes.length, sha256 }, others: [] },
    };
    await assert.rejects(loadImageModel([dir], entry), refused('expected inputs pixel_values, got x'));
    const other = { ...entry, tensors: { ...entry.tensors, pixels: 'x' } };
    await assert.rejects(loadImageModel([dir], other), refused('features|pixel|shape', 'got'));
  });
});

describe('a text encoder', () => {
  /** A folder with a random model with this many rows, declared as bert-base-uncased, with the tokenizer of `from`. */
  async function textEncoder(options: { rows: number; tokenizer?: Readonly<Record<string, Buffer>> }) {
    const dir = tempFolder();
    const { rows, tokenizer = BERT_FILES } = options;
    mkdirSync(join(dir, 'e5-small-v2'));
    const files = { 'model.onnx': randomBert({ rows }), ...tokenizer };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, 'e5-small-v2', name), bytes);
    const { text } = profileOf(await loadManifest([MODELS]), 'e5');
    return loadTextEncoder([dir], text, { threads: 1 });
  }

  it('whose embeddings are padded by a few rows is loaded', async () => {
    await (await textEncoder({ rows: 30_528 })).close();
  });

  it('whose embeddings are those of another tokenizer is refused, naming both sizes', async () => {
    for (const rows of [28_996, 31_102]) {
      const wanted = refused('model\\.onnx: expected embeddings of 30522 tokens', `got ${rows}`);
      await assert.rejects(textEncoder({ rows }), wanted);
    }
  });

  it('with a tokenizer of another vocabulary is refused, naming sizes and special tokens', async () => {
    const clip = refused('30522 tokens, 101 before and 102 behind', '49408 tokens, 49406 before and 49407 behind');
    await assert.rejects(textEncoder({ rows: 30_522, tokenizer: clipTokenizer() }), clip);
    const siglip = refused('30522 tokens', '32000 tokens, none before and 1 behind a text');
    await assert.rejects(textEncoder({ rows: 30_522, tokenizer: siglipTokenizer() }), siglip);
    // The same number of words, but different ones at both ends.
    const swapped = JSON.parse(BERT_FILES['tokenizer.json'].toString());
    swapped.post_processor.single.reverse();
    const json = Buffer.from(JSON.stringify(swapped));
    const ends = refused('101 before and 102 behind', 'another vocabulary .*102 before and 101 behind');
    await assert.rejects(textEncoder({ rows: 30_522, tokenizer: { ...BERT_FILES, 'tokenizer.json': json } }), ends);
  });

  it('that needs padding and whose tokenizer has none is refused', async () => {
    const dir = tempFolder();
    const { text } = profileOf(await loadManifest([MODELS]), 'siglip');
    mkdirSync(join(dir, text.folder));
    const files = { 'model.onnx': model(), ...siglipTokenizer(), 'tokenizer_config.json': '{}' };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, text.folder, name), bytes);
    await assert.rejects(loadTextEncoder([dir], text), refused('tokenizer_config\\.json: expected a pad_token'));
  });
});

describe('a preprocessor_config.json', () => {
  const good = {
    do_resize: true,
    size: { height: 224, width: 224 },
    resample: 3,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
  const read = (config: unknown, changes?: PreprocessingChanges) => {
    const path = join(tempFolder(), CONFIG);
    writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config));
    return readPreprocessing(path, changes);
  };

  it('is read, changed where the manifest says so, and takes bare numbers as processors do', async () => {
    const squash = { mode: 'squash', size: 224, kernel: 'bicubic' };
    const scaling = { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] };
    assert.deepEqual(await read(good), { resize: squash, crop: 224, ...scaling });
    const changed = await read(good, { resize: { mode: 'shortest-edge', kernel: 'bilinear' }, crop: 200 });
    assert.deepEqual(changed.resize, { ...squash, mode: 'shortest-edge', kernel: 'bilinear' });
    assert.equal(changed.crop, 200);
    assert.deepEqual((await read({ ...good, size: 224 })).resize, squash);
    const cropped = await read({ ...good, size: 256, do_center_crop: true, crop_size: 224 });
    assert.deepEqual([cropped.resize.mode, cropped.resize.size, cropped.crop], ['shortest-edge', 256, 224]);
  });

  it('that asks for what is not done here is refused, naming it', async () => {
    const bad: readonly [unknown, string][] = [
      ['{', 'expected JSON'],
      [{ ...good, do_resize: false }, 'do_resize'],
      [{ ...good, resample: 1 }, 'resample: expected 2 \\(bilinear\\) or 3 \\(bicubic\\), got 1'],
      [{ ...good, size: { height: 224, width: 336 } }, 'size: expected a square, got 224 x 336'],
      [{ ...good, size: { shortest_edge: 224 } }, 'pictures of different sizes'],
      [{ ...good, size: 224, do_center_crop: true, crop_size: 256 }, 'crop to be at most resize.size'],
      [{ ...good, image_std: undefined }, 'expected image_mean and image_std'],
      [{ ...good, image_std: [0, 1, 1] }, 'values above 0'],
      [{ ...good, do_flip_channel_order: true }, 'do_flip_channel_order'],
      [{ ...good, crop_pct: 0.875 }, 'crop_pct'],
    ];
    for (const [config, reason] of bad) await assert.rejects(read(config), refused(CONFIG, reason));
  });
});

describe('two profiles', () => {
  it('that make the same space are refused, naming both', async () => {
    const manifest = await loadManifest([MODELS]);
    const { compact } = manifest.profiles;
    const twice = { ...manifest, profiles: { ...manifest.profiles, twin: compact } };
    assert.throws(() => parseManifest(twice), refused('its own space', 'both compact and twin'));
  });
});
