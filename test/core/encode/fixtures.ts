import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Encoders } from '../../../core/encode/encoders.ts';
import { HEAD_FILE, HEAD_MODEL, type HeadFile } from '../../../core/encode/head.ts';
import { spaceId } from '../../../core/encode/space-id.ts';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';

/** Heads with random weights and folders of models, for tests of everything around the trained ones. */

export const MODELS = fileURLToPath(new URL('../../../models', import.meta.url));

/** A folder that is gone when the test is over. */
export function temporaryFolder(context: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sightline-encode-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Copies one of models/ with its manifest. */
export function copyModels(to: string, folders: readonly string[]): string {
  cpSync(join(MODELS, 'manifest.json'), join(to, 'manifest.json'));
  for (const folder of folders) cpSync(join(MODELS, folder), join(to, folder), { recursive: true });
  return to;
}

/** The same numbers on every run, from -1 to 1. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    // Numerical Recipes' linear congruential generator.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** head.onnx with one random matrix a modality. `inputs` are the image outputs it takes and their sizes. */
export function randomHeadModel(text: number, inputs: Readonly<Record<string, number>>, dimension = 64): Uint8Array {
  const graph = new OnnxGraph();
  const unit = (value: string) =>
    graph.op('Div', [value, graph.op('ReduceL2', [value], { axes: { ints: [-1] }, keepdims: { int: 1 } })]);
  const project = (name: string, size: number, seed: number) =>
    graph.op('MatMul', [
      graph.input(name, 'float32', [`rows_${name}`, size]),
      graph.weights(noise(size * dimension, seed), [size, dimension]),
    ]);
  graph.output('text_embedding', unit(project('text', text, 1)), 'float32', ['n', dimension]);
  const images = Object.entries(inputs).map(([name, size], i) => project(name, size, i + 2));
  const sum = images.reduce((a, b) => graph.op('Add', [a, b]));
  graph.output('image_embedding', unit(sum), 'float32', ['m', dimension]);
  return graph.toBytes();
}

/** Writes a head that fits the encoders, with `changes` to its description, and answers its folder. */
export function writeHead(
  folder: string,
  encoders: Pick<Encoders, 'text' | 'image' | 'profile'>,
  options: { inputs?: readonly string[]; changes?: Partial<HeadFile> } = {},
): string {
  const inputs = options.inputs ?? ['logits'];
  const { text, image } = encoders;
  const dimension = 64;
  const model = randomHeadModel(
    text.dimension,
    Object.fromEntries(inputs.map((name) => [name, image.outputs[name]!])),
    dimension,
  );
  const sha256 = createHash('sha256').update(model).digest('hex');
  const info: HeadFile = {
    format: 1,
    name: 'random',
    profile: encoders.profile.name,
    recipe: 'random',
    dimension,
    text: { encoder: text.name, dimension: text.dimension },
    image: { encoder: image.name, inputs: [...inputs] },
    space: spaceId({ text: text.fingerprint, image: image.fingerprint, head: { sha256, dimension } }),
    onnx: { sha256, bytes: model.length },
    training: {},
    ...options.changes,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, HEAD_MODEL), model);
  writeFileSync(join(folder, HEAD_FILE), JSON.stringify(info, null, 2));
  return folder;
}
