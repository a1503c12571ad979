// node examples/own-encoder.ts FOLDER: adds a custom image encoder, as a manifest entry and an ONNX file. The example
// computes a picture's colours on a grid of 8 x 8, which needs no weights; replace it with your own network.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OnnxGraph } from '../core/onnx/graph-builder.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('expected a folder for the models: node examples/own-encoder.ts FOLDER');
const SIZE = 64;
const GRID = 8;
const FEATURES = 3 * GRID * GRID;

// 1. The model: pictures as [batch, 3, 64, 64] in, one row of numbers per picture out.
const graph = new OnnxGraph();
const pixels = graph.input('pixel_values', 'float32', ['batch', 3, SIZE, SIZE]);
const cell = { ints: [SIZE / GRID, SIZE / GRID] };
const grid = graph.op('AveragePool', [pixels], { kernel_shape: cell, strides: cell });
graph.output('logits', graph.op('Flatten', [grid], { axis: { int: 1 } }), 'float32', ['batch', FEATURES]);
const model = graph.toBytes({ name: 'colours' });

// 2. Its preprocessing, in the format that model publishers use.
const preprocessor = JSON.stringify({
  do_resize: true,
  size: { height: SIZE, width: SIZE },
  resample: 2,
  do_center_crop: false,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.25, 0.25, 0.25],
});

// 3. The entry, added to the bundled ones: a file is loaded only if its hash matches.
const file = (path: string, bytes: Uint8Array | string) => {
  return { path, bytes: Buffer.byteLength(bytes), sha256: createHash('sha256').update(bytes).digest('hex') };
};
const colours = {
  kind: 'image',
  folder: 'colours',
  bundled: false,
  licence: 'Apache-2.0',
  source: 'https://example.com/colours',
  origin: 'examples/own-encoder.ts',
  files: { model: file('model.onnx', model), preprocessor: file('preprocessor_config.json', preprocessor), others: [] },
  tensors: { pixels: 'pixel_values', layout: 'nchw' },
  outputs: { logits: FEATURES },
};
const manifest = {
  profiles: { colours: { text: 'all-minilm-l6-v2', image: 'colours', head: 'head-colours' } },
  encoders: { colours },
};

await mkdir(join(folder, 'colours'), { recursive: true });
await writeFile(join(folder, 'colours', 'model.onnx'), model);
await writeFile(join(folder, 'colours', 'preprocessor_config.json'), preprocessor);
await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${resolve(folder)} has the profile colours; a head for it: node examples/own-head.ts ${folder} DATA`);
