import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadImageEncoder } from '../../core/encode/image-encoder.ts';
import { type ImageEncoderEntry, loadManifest, parseManifest } from '../../core/encode/manifest.ts';
import { loadChecked } from '../../core/encode/model-files.ts';
import { isSightlineError, type SightlineError } from '../../core/errors.ts';
import { OnnxGraph } from '../../core/onnx-graph.ts';
import { MODELS, noise, temporaryFolder } from './encode-fixtures.ts';

/** Models that are not what the manifest says, or that nobody should run: refused naming both sides. */

type Context = { after(fn: () => void): void };

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
  const x = type === 'float32' ? given : graph.op('Cast', [given], { to: { int: 1 } });
  const y = graph.op('MatMul', [graph.op(operator, [x]), graph.weights(noise(8, 1), [4, 2])]);
  graph.output('y', y, 'float32', ['n', 2]);
  return graph.toBytes(opset === undefined ? {} : { opset });
}

const load = (t: Context, bytes: Uint8Array, inputType: 'float32' | 'int64' = 'float32') => {
  const path = join(temporaryFolder(t), 'model.onnx');
  writeFileSync(path, bytes);
  return loadChecked(path, { inputType, inputs: { x: [null, 4] }, outputs: { y: [null, 2] } }, { threads: 1 });
};

/** A length-delimited field of a protobuf message. */
const field = (number: number, content: Uint8Array | string) => {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
};

/**
 * The model with one more tensor, whose values are in another file. Messages that follow each other are merged
 * (protobuf, "Last One Wins"): graph = 7, initializer = 5, name = 8, external_data = 13, data_location = 14.
 */
function withExternalData(bytes: Uint8Array): Uint8Array {
  const entry = Buffer.concat([field(1, 'location'), field(2, 'weights.bin')]);
  const tensor = Buffer.concat([Buffer.from([8, 1, 16, 1]), field(8, 'w'), field(13, entry), Buffer.from([14 * 8, 1])]);
  return Buffer.concat([bytes, field(7, field(5, tensor))]);
}

describe('an ONNX model', () => {
  it('that is what was expected is loaded', async (t) => {
    await (await load(t, model())).release();
    await (await load(t, model({ type: 'int64' }), 'int64')).release();
  });

  it('of other element types is refused', async (t) => {
    await assert.rejects(load(t, model({ type: 'int64' })), refused('x of type float32, got int64'));
    await assert.rejects(load(t, model(), 'int64'), refused('x of type int64, got float32'));
  });

  it('with custom operators is refused, naming them', async (t) => {
    await assert.rejects(load(t, model({ operator: 'Frobnicate' })), refused('expected an ONNX model', 'Frobnicate'));
  });

  it('of an opset that onnxruntime does not know is refused, naming it', async (t) => {
    await assert.rejects(load(t, model({ opset: 9999 })), refused('expected an ONNX model', /opset|9999/));
  });

  it('with external data is refused before anything of it is read', async (t) => {
    await assert.rejects(load(t, withExternalData(model())), refused('weights inside', 'external data'));
  });

  it('that is truncated is refused', async (t) => {
    const bytes = model();
    await assert.rejects(load(t, bytes.subarray(0, bytes.length - 20)), refused('expected an ONNX model'));
    await assert.rejects(load(t, new Uint8Array(0)), refused('expected an ONNX model'));
  });

  it('that has other outputs than the manifest says is refused, as are other sizes', async (t) => {
    const dir = temporaryFolder(t);
    mkdirSync(join(dir, 'tiny'));
    const bytes = model();
    writeFileSync(join(dir, 'tiny', 'model.onnx'), bytes);
    const { encoders } = await loadManifest([MODELS]);
    const template = encoders['efficientnet-lite2'] as ImageEncoderEntry;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const entry = {
      ...template,
      name: 'tiny',
      folder: 'tiny',
      files: { model: { path: 'model.onnx', bytes: bytes.length, sha256 }, others: [] },
    };
    await assert.rejects(loadImageEncoder([dir], entry), refused('expected inputs pixel_values, got x'));
    const other = { ...entry, tensors: { ...entry.tensors, pixels: 'x' } };
    await assert.rejects(loadImageEncoder([dir], other), refused('features|pixel|shape', 'got'));
  });
});

describe('two profiles', () => {
  it('that make the same space are refused, naming both', async () => {
    const manifest = await loadManifest([MODELS]);
    const { compact } = manifest.profiles;
    const twice = { ...manifest, profiles: { ...manifest.profiles, twin: compact } };
    assert.throws(() => parseManifest(twice), refused('a space of its own', 'both compact and twin'));
  });
});
