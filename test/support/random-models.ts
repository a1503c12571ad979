import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { MODELS, noise } from '../core/encode/fixtures.ts';
import type { HubRepoContent } from './hub-server.ts';
import { clipTokenizer, siglipTokenizer } from './random-tokenizers.ts';

/**
 * Hub repositories with random models. They have the inputs, outputs, sizes and tokenizers of the published ones, and
 * almost nothing in between. They show that a manifest entry can be pulled, loaded and used; its results are random.
 */

const HIDDEN = 4;
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const bundled = (file: string) => readFileSync(join(MODELS, 'all-minilm-l6-v2', file));

/** Vocabulary and special tokens of bert-base-uncased, which MiniLM, bge, e5, arctic and the bundled model use. */
export const BERT_FILES = {
  'tokenizer.json': bundled('tokenizer.json'),
  'tokenizer_config.json': bundled('tokenizer_config.json'),
  'config.json': json({ model_type: 'bert' }),
};

/** A random row per token id, in ONNX terms: ids [batch, tokens] to states [batch, tokens, HIDDEN]. */
function lookUp(graph: OnnxGraph, ids: string, rows: number): string {
  return graph.op('Gather', [graph.weights(noise(rows * HIDDEN, 3), [rows, HIDDEN]), ids]);
}

function project(graph: OnnxGraph, states: string, from: number, to: number): string {
  return graph.op('MatMul', [states, graph.weights(noise(from * to, 5), [from, to])]);
}

/** BERT-like: three inputs, one state per token, each of which attends to the others that the mask allows. */
export function randomBert(options: { rows?: number; dimension?: number; opset?: number } = {}): Uint8Array {
  const { rows = 30_522, dimension = 384, opset = 14 } = options;
  const graph = new OnnxGraph();
  const shape = ['batch_size', 'sequence_length'];
  const ids = graph.input('input_ids', 'int64', shape);
  const mask = graph.cast(graph.input('attention_mask', 'int64', shape), 'float32');
  const types = graph.input('token_type_ids', 'int64', shape);
  const words = graph.op('Add', [lookUp(graph, ids, rows), lookUp(graph, types, 2)]);
  const seen = graph.op('Mul', [words, graph.op('Unsqueeze', [mask, graph.ints([2])])]);
  const others = graph.op('ReduceMean', [seen], { axes: { ints: [1] }, keepdims: { int: 1 } });
  const states = graph.op('Tanh', [graph.op('Add', [seen, others])]);
  graph.output('last_hidden_state', project(graph, states, HIDDEN, dimension), 'float32', [...shape, dimension]);
  return graph.toBytes({ opset });
}

/**
 * BERT-base in full, as in snowflake-arctic-embed-m: 12 layers of 768 with 12 heads and 3,072 inside, 512 positions,
 * 30,522 tokens. All layers share weights and the embedding table is a product of two matrices; otherwise the file
 * would have 440 MB.
 */
export function randomBertBase(): Uint8Array {
  const [width, heads, inside, rank] = [768, 12, 3072, 8];
  const graph = new OnnxGraph();
  const shape = ['batch_size', 'sequence_length'];
  const ids = graph.input('input_ids', 'int64', shape);
  const mask = graph.cast(graph.input('attention_mask', 'int64', shape), 'float32');
  const types = graph.input('token_type_ids', 'int64', shape);
  const random = (rows: number, columns: number, scale: number) =>
    graph.weights(
      noise(rows * columns, rows + columns).map((value) => value * scale),
      [rows, columns],
    );
  const ones = graph.weights(new Float32Array(width).fill(1), [width]);
  const normalise = (value: string) => graph.op('LayerNormalization', [value, ones], { axis: { int: -1 } });

  const words = graph.op('MatMul', [graph.op('Gather', [random(30_522, rank, 1), ids]), random(rank, width, 0.3)]);
  const length = graph.op('Gather', [graph.op('Shape', [ids]), graph.ints([1])]);
  const places = graph.op('Slice', [random(512, width, 0.3), graph.ints([0]), length, graph.ints([0])]);
  const kind = graph.op('Gather', [random(2, width, 0.1), types]);
  let states = normalise(graph.op('Add', [graph.op('Add', [words, places]), kind]));

  // 0 where attention is allowed, a large negative number elsewhere.
  const open = graph.op('Unsqueeze', [mask, graph.ints([1, 2])]);
  const closed = graph.op('Mul', [graph.op('Sub', [graph.scalar(1), open]), graph.scalar(-1e9)]);
  const [query, key, value, out] = [11, 12, 13, 14].map((seed) =>
    graph.weights(
      noise(width * width, seed).map((number) => number / Math.sqrt(width)),
      [width, width],
    ),
  );
  const [up, down] = [random(width, inside, 0.04), random(inside, width, 0.02)];
  const split = (matrix: string, perm: readonly number[]) => {
    const heading = graph.ints([0, 0, heads, width / heads]);
    return graph.op('Transpose', [graph.op('Reshape', [graph.op('MatMul', [states, matrix]), heading])], {
      perm: { ints: perm },
    });
  };
  for (let layer = 0; layer < 12; layer++) {
    const scores = graph.op('MatMul', [split(query!, [0, 2, 1, 3]), split(key!, [0, 2, 3, 1])]);
    const scaled = graph.op('Add', [graph.op('Div', [scores, graph.scalar(Math.sqrt(width / heads))]), closed]);
    const looked = graph.op('MatMul', [
      graph.op('Softmax', [scaled], { axis: { int: -1 } }),
      split(value!, [0, 2, 1, 3]),
    ]);
    const joined = graph.op('Reshape', [
      graph.op('Transpose', [looked], { perm: { ints: [0, 2, 1, 3] } }),
      graph.ints([0, 0, width]),
    ]);
    states = normalise(graph.op('Add', [states, graph.op('MatMul', [joined, out!])]));
    const wide = graph.op('MatMul', [states, up]);
    const erf = graph.op('Erf', [graph.op('Mul', [wide, graph.scalar(Math.SQRT1_2)])]);
    const gelu = graph.op('Mul', [graph.op('Mul', [wide, graph.scalar(0.5)]), graph.op('Add', [erf, graph.scalar(1)])]);
    states = normalise(graph.op('Add', [states, graph.op('MatMul', [gelu, down])]));
  }
  graph.output('last_hidden_state', states, 'float32', [...shape, width]);
  return graph.toBytes({ opset: 17 });
}

/** CLIP's text tower: ids only; the text is represented by the state of the token with the highest id, the last one. */
function randomClipText(): Uint8Array {
  const graph = new OnnxGraph();
  const ids = graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  // As exported: ids are reshaped before the lookup.
  const flat = graph.op('Reshape', [ids, graph.ints([0, -1])]);
  const states = graph.op('Tanh', [lookUp(graph, flat, 49_408)]);
  const last = graph.op('Equal', [ids, graph.op('ReduceMax', [ids], { axes: { ints: [1] }, keepdims: { int: 1 } })]);
  const pick = graph.op('Unsqueeze', [graph.cast(last, 'float32'), graph.ints([1])]);
  const all = graph.op('ReduceMean', [states], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const picked = graph.op('Squeeze', [graph.op('MatMul', [pick, states]), graph.ints([1])]);
  const sum = graph.op('Add', [all, picked]);
  graph.output('text_embeds', project(graph, sum, HIDDEN, 512), 'float32', ['batch_size', 512]);
  return graph.toBytes({ opset: 14 });
}

/** MobileCLIP's and SigLIP's text towers attend to every position, including padding, and require a fixed length. */
function randomPaddedText(options: { rows: number; places: number; output: string; dimension: number }): Uint8Array {
  const { rows, places, output, dimension } = options;
  const graph = new OnnxGraph();
  const ids = graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const positions = graph.weights(noise(places * HIDDEN, 9), [places, HIDDEN]);
  const states = graph.op('Tanh', [graph.op('Add', [lookUp(graph, ids, rows), positions])]);
  const all = graph.op('ReduceMean', [states], { axes: { ints: [1] }, keepdims: { int: 0 } });
  graph.output(output, project(graph, all, HIDDEN, dimension), 'float32', ['batch_size', dimension]);
  return graph.toBytes({ opset: 14 });
}

const PIXELS = ['batch_size', 'num_channels', 'height', 'width'];

function patches(graph: OnnxGraph, edge: number): string {
  const size = { ints: [edge, edge] };
  return graph.op('AveragePool', [graph.input('pixel_values', 'float32', PIXELS)], {
    kernel_shape: size,
    strides: size,
  });
}

/** An image tower that returns one vector per picture. */
export function randomVision(options: { crop: number; output: string; dimension: number }): Uint8Array {
  const { crop, output, dimension } = options;
  const graph = new OnnxGraph();
  const flat = graph.op('Flatten', [patches(graph, 32)], { axis: { int: 1 } });
  const vector = project(graph, flat, 3 * (crop / 32) ** 2, dimension);
  graph.output(output, vector, 'float32', ['batch_size', dimension]);
  return graph.toBytes({ opset: 14 });
}

/** DINOv2: one state for the picture (here the mean) and one per patch of 14 x 14 pixels. */
function randomDino(): Uint8Array {
  const graph = new OnnxGraph();
  const flat = graph.op('Reshape', [patches(graph, 14), graph.ints([0, 3, -1])]);
  const mean = graph.op('ReduceMean', [flat], { axes: { ints: [2] }, keepdims: { int: 1 } });
  const places = graph.op('Concat', [graph.op('Neg', [mean]), flat], { axis: { int: 2 } });
  const states = matTranspose(graph, places);
  graph.output('last_hidden_state', project(graph, states, 3, 384), 'float32', ['batch_size', 257, 384]);
  return graph.toBytes({ opset: 14 });
}

function matTranspose(graph: OnnxGraph, value: string): string {
  return graph.op('Transpose', [value], { perm: { ints: [0, 2, 1] } });
}

/** preprocessor_config.json of a model that crops the middle out, in the publishers' words. */
const cropping = (edge: number, crop: number, resample: number, mean: number[], std: number[]) => ({
  do_resize: true,
  size: { shortest_edge: edge },
  resample,
  do_center_crop: true,
  crop_size: { height: crop, width: crop },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: mean,
  image_std: std,
});
const HALVES = [0.5, 0.5, 0.5];
const CLIP_CONFIG = {
  ...cropping(224, 224, 3, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
  do_convert_rgb: true,
  feature_extractor_type: 'CLIPFeatureExtractor',
  image_processor_type: 'CLIPImageProcessor',
};
/** MobileCLIP's preprocessing: no mean or standard deviation. */
const MOBILECLIP_CONFIG = {
  ...cropping(256, 256, 2, [0, 0, 0], [1, 1, 1]),
  do_convert_rgb: true,
  do_normalize: false,
  image_processor_type: 'CLIPFeatureExtractor',
};
/** SigLIP's preprocessing: stretched, not cropped. */
const SIGLIP_CONFIG = {
  do_resize: true,
  size: { height: 224, width: 224 },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: HALVES,
  image_std: HALVES,
  image_processor_type: 'SiglipImageProcessor',
  processor_class: 'SiglipProcessor',
};
const DINO_CONFIG = {
  ...cropping(256, 224, 3, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
  do_convert_rgb: true,
  image_processor_type: 'BitImageProcessor',
};
const MOBILENET_CONFIG = cropping(256, 224, 2, HALVES, HALVES);

/** Both towers, and again under the names of their int8 versions. */
const pair = (text: Uint8Array, vision: Uint8Array) => ({
  'onnx/text_model_quantized.onnx': text,
  'onnx/vision_model_quantized.onnx': vision,
  'onnx/text_model.onnx': text,
  'onnx/vision_model.onnx': vision,
});
/** The files of onnx-community/mobilenet_v2_1.0_224 for a model. */
export const mobilenetFiles = (model: Uint8Array) => ({
  'onnx/model.onnx': model,
  'preprocessor_config.json': json(MOBILENET_CONFIG),
  'config.json': json({}),
});

const repo = (files: HubRepoContent['files']): HubRepoContent => ({ files });

/** The repositories named in models/manifest.json, with random models. */
export function randomRepos(): Readonly<Record<string, HubRepoContent>> {
  const bert = { ...BERT_FILES, 'onnx/model.onnx': randomBert() };
  const config = { 'config.json': json({}) };
  const siglip = { rows: 32_000, places: 64, output: 'pooler_output', dimension: 768 };
  const mobileclip = { rows: 49_408, places: 77, output: 'text_embeds', dimension: 512 };
  return {
    'BAAI/bge-small-en-v1.5': repo(bert),
    'Xenova/e5-small-v2': repo(bert),
    'sentence-transformers/all-MiniLM-L6-v2': repo(bert),
    'Xenova/clip-vit-base-patch32': repo({
      ...pair(randomClipText(), randomVision({ crop: 224, output: 'image_embeds', dimension: 512 })),
      ...config,
      ...clipTokenizer(),
      'preprocessor_config.json': json(CLIP_CONFIG),
    }),
    'Xenova/mobileclip_s0': repo({
      ...pair(randomPaddedText(mobileclip), randomVision({ crop: 256, output: 'image_embeds', dimension: 512 })),
      ...config,
      ...clipTokenizer(),
      'preprocessor_config.json': json(MOBILECLIP_CONFIG),
    }),
    'Xenova/siglip-base-patch16-224': repo({
      ...pair(randomPaddedText(siglip), randomVision({ crop: 224, output: 'pooler_output', dimension: 768 })),
      ...config,
      ...siglipTokenizer(),
      'preprocessor_config.json': json(SIGLIP_CONFIG),
    }),
    'onnx-community/dinov2-small': repo({
      ...config,
      'onnx/model.onnx': randomDino(),
      'preprocessor_config.json': json(DINO_CONFIG),
    }),
  };
}
