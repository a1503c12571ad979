import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Encoders } from '../../core/encode/encoders.ts';
import { HEAD_FILE, HEAD_MODEL, type HeadFile, headFileSchema } from '../../core/encode/head.ts';
import { spaceId } from '../../core/encode/space-id.ts';
import { writeJsonFile } from '../../core/json-file.ts';
import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { writeWhole } from '../../core/whole-file.ts';
import {
  addConstant,
  addTransform,
  type FeatureTransform,
  graphInputs,
  transformedWidth,
} from '../features/feature-transform.ts';
import { Tape } from './autodiff.ts';
import { addTower, headParameters, type Linear, layersOf, type TowerWidths } from './head-graph.ts';
import { addInt8Layer } from './int8-layer.ts';
import type { HeadSpec, Recipe } from './recipes.ts';
import type { State } from './step.ts';
import { keepAll } from './step-graph.ts';

/** A trained head as the files that serving loads. */

export interface TrainedHead {
  readonly spec: HeadSpec;
  readonly transform: FeatureTransform;
  readonly parameters: State;
}

/** One that was read back from its files. */
export interface StoredHead extends TrainedHead {
  /** SHA-256 of head.onnx. */
  readonly sha256: string;
}

/** head.onnx: raw encoder outputs in, unit vectors out, everything between them inside. */
export function headGraph({ spec, transform, parameters }: TrainedHead): Uint8Array {
  const tape = new Tape(new OnnxGraph());
  const { graph } = tape;
  const widths = { text: transformedWidth(transform.text), image: transformedWidth(transform.image) };
  const linear = spec.stored === 'int8' ? int8Layers(tape, parameters) : halfLayers(tape, spec, parameters, widths);
  for (const side of ['text', 'image'] as const) {
    const rows = side === 'text' ? 'n' : 'm';
    const inputs = Object.fromEntries(
      [...graphInputs(transform[side])].map(([source, size]) => [source, graph.input(source, 'float32', [rows, size])]),
    );
    const input = tape.value(addTransform(graph, transform[side], inputs), [rows, widths[side]]);
    const embedding = addTower(tape, side, {
      spec,
      inputs: { text: input, image: input },
      linear,
      dropout: keepAll,
    });
    graph.output(`${side}_embedding`, embedding.name, 'float32', [rows, spec.dimension]);
  }
  return graph.toBytes({ name: 'head' });
}

function halfLayers(tape: Tape, spec: HeadSpec, parameters: State, widths: TowerWidths): Linear {
  const constants = headParameters(spec, widths).map(({ name, shape }) => {
    return [name, tape.value(addConstant(tape.graph, { values: parameters.get(name)!, shape }), shape)] as const;
  });
  return layersOf(tape, new Map(constants));
}

function int8Layers(tape: Tape, parameters: State): Linear {
  return (name, input) => {
    const [rows, width] = [input.shape[0]!, input.shape[1] as number];
    const layer = { weight: parameters.get(`${name}.weight`)!, bias: parameters.get(`${name}.bias`) ?? null, width };
    return tape.value(addInt8Layer(tape.graph, input.name, layer), [rows, layer.weight.length / width]);
  };
}

/** The two files of a head. */
export interface HeadFiles {
  readonly file: HeadFile;
  /** head.onnx */
  readonly bytes: Uint8Array;
}

/** What a head's file says beside what the head itself does. */
export interface AboutHead {
  readonly name: string;
  readonly recipe: Recipe;
  readonly encoders: Encoders;
  readonly training: HeadFile['training'];
}

/** Makes the files of a head. */
export function headFiles(head: TrainedHead, about: AboutHead): HeadFiles {
  const { encoders } = about;
  const bytes = headGraph(head);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { dimension } = head.spec;
  const file: HeadFile = headFileSchema.parse({
    format: 1,
    name: about.name,
    profile: encoders.profile.name,
    recipe: about.recipe.name,
    dimension,
    text: { encoder: encoders.text.name, dimension: encoders.text.dimension },
    image: {
      encoder: encoders.image.name,
      inputs: [...new Set(head.spec.image.inputs.map(({ source }) => source))],
    },
    space: spaceId({
      text: encoders.text.fingerprint,
      image: encoders.image.fingerprint,
      head: { sha256, dimension },
    }),
    onnx: { sha256, bytes: bytes.length },
    training: about.training,
  });
  return { file, bytes };
}

/**
 * Writes head.onnx and head.json; the description last, so that a half-written head is refused. Throws `unavailable`.
 */
export async function writeHeadFiles(folder: string, { file, bytes }: HeadFiles): Promise<void> {
  await writeWhole(join(folder, HEAD_MODEL), bytes);
  await writeJsonFile(join(folder, HEAD_FILE), file);
}

/** Makes and writes both files. */
export async function writeHead(folder: string, head: TrainedHead, about: AboutHead): Promise<HeadFile> {
  const files = headFiles(head, about);
  await writeHeadFiles(folder, files);
  return files.file;
}
