import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Encoders } from '../../../core/encode/encoder-pair.ts';
import {
  HEAD_FILE,
  HEAD_MODEL,
  type HeadFile,
  IMAGE_SIDE_MODEL,
  type TextSideFile,
  textSideModel,
} from '../../../core/encode/head-file.ts';
import { pairSpaceId, spaceId } from '../../../core/encode/space-id.ts';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';

/** Heads with random weights, and model folders, for tests of everything around the trained heads. */

export const MODELS = join(import.meta.dirname, '../../../models');

/** Copies one folder of models/ with its manifest. */
export function copyModels(to: string, folders: readonly string[]): string {
  cpSync(join(MODELS, 'manifest.json'), join(to, 'manifest.json'));
  for (const folder of folders) cpSync(join(MODELS, folder), join(to, folder), { recursive: true });
  return to;
}

/** Reproducible numbers from -1 to 1. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    // The linear congruential generator of Numerical Recipes.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

type Sizes = Readonly<Record<string, number>>;

/** One random matrix per input; the sum is normalised to unit length. */
function addRandomSide(graph: OnnxGraph, side: 'text' | 'image', inputs: Sizes, dimension: number): void {
  const rows = side === 'text' ? 'n' : 'm';
  const parts = Object.entries(inputs).map(([name, size], i) =>
    graph.op('MatMul', [
      graph.input(name, 'float32', [rows, size]),
      graph.weights(noise(size * dimension, i + (side === 'text' ? 1 : 2)), [size, dimension]),
    ]),
  );
  const sum = parts.reduce((a, b) => graph.op('Add', [a, b]));
  const length = graph.op('ReduceL2', [sum], { axes: { ints: [-1] }, keepdims: { int: 1 } });
  graph.output(`${side}_embedding`, graph.op('Div', [sum, length]), 'float32', [rows, dimension]);
}

/** head.onnx in the old format. `inputs` are the image outputs it uses, and their sizes. */
export function randomHeadModel(text: number, inputs: Sizes, dimension = 64): Uint8Array {
  const graph = new OnnxGraph();
  addRandomSide(graph, 'text', { text }, dimension);
  addRandomSide(graph, 'image', inputs, dimension);
  return graph.toBytes();
}

/** The graph for one side of a head. */
export function randomSide(side: 'text' | 'image', inputs: Sizes, dimension = 64): Uint8Array {
  const graph = new OnnxGraph();
  addRandomSide(graph, side, inputs, dimension);
  return graph.toBytes();
}

function writeGraph(folder: string, path: string, bytes: Uint8Array): TextSideFile['onnx'] {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, path), bytes);
  return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export interface RandomHead {
  readonly inputs?: readonly string[];
  /** Overrides for head.json. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** Writes a head that fits the encoders, with `changes` to its description, and returns its folder. */
export function writeHead(
  folder: string,
  { text, image, profile }: Pick<Encoders, 'text' | 'image' | 'profile'>,
  { inputs = ['logits'], changes }: RandomHead = {},
): string {
  const dimension = 64;
  const sizes = Object.fromEntries(inputs.map((name) => [name, image.outputs[name]!]));
  const onnx = writeGraph(folder, IMAGE_SIDE_MODEL, randomSide('image', sizes, dimension));
  const path = textSideModel(text.name);
  const textOnnx = writeGraph(folder, path, randomSide('text', { text: text.dimension }, dimension));
  const info: HeadFile = {
    format: 2,
    name: 'random',
    profile: profile.name,
    recipe: 'random',
    dimension,
    space: spaceId({ image: image.fingerprint, head: { sha256: onnx.sha256, dimension } }),
    sameAs: [],
    image: { encoder: image.name, inputs: [...inputs], onnx },
    texts: [
      {
        encoder: text.name,
        dimension: text.dimension,
        encoderKey: text.key,
        languages: ['en'],
        onnx: textOnnx,
        training: {},
      },
    ],
    training: {},
  };
  return describeHead(folder, { ...info, ...changes });
}

/** The same with both sides in one graph, the format used before text sides. */
export function writeOldHead(
  folder: string,
  { text, image, profile }: Pick<Encoders, 'text' | 'image' | 'profile'>,
  { inputs = ['logits'], changes }: RandomHead = {},
): string {
  const dimension = 64;
  const sizes = Object.fromEntries(inputs.map((name) => [name, image.outputs[name]!]));
  const { bytes, sha256 } = writeGraph(folder, HEAD_MODEL, randomHeadModel(text.dimension, sizes, dimension));
  const info = {
    format: 1,
    name: 'random',
    profile: profile.name,
    recipe: 'random',
    dimension,
    text: { encoder: text.name, dimension: text.dimension },
    image: { encoder: image.name, inputs },
    space: pairSpaceId({ text: text.fingerprint, image: image.fingerprint, head: { sha256, dimension } }),
    onnx: { sha256, bytes },
    training: {},
  };
  return describeHead(folder, { ...info, ...changes });
}

function describeHead(folder: string, info: object): string {
  writeFileSync(join(folder, HEAD_FILE), JSON.stringify(info, null, 2));
  return folder;
}
