import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Encoders } from '../../core/encode/encoder-pair.ts';
import {
  HEAD_FILE,
  type HeadFile,
  headFileSchema,
  IMAGE_SIDE_MODEL,
  loadHeadFile,
  type TextSideFile,
  textSideModel,
} from '../../core/encode/head-file.ts';
import { type Fingerprint, spaceId } from '../../core/encode/space-id.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';
import { writeJsonFile } from '../../core/files/json-file.ts';
import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import {
  addConstant,
  addTransform,
  type FeatureTransform,
  graphInputs,
  transformedWidth,
} from '../features/feature-transform.ts';
import { Tape } from './autodiff.ts';
import { addTower, headParameters, type Linear, layersOf, type ParameterSpec } from './head-graph.ts';
import { addInt8Layer } from './int8-layer.ts';
import { addLocalScaling, type Banks, jointDimension } from './local-scaling.ts';
import type { HeadSpec, Recipe } from './recipes.ts';
import type { State } from './step.ts';
import { keepAll } from './step-graph.ts';

/** Writes trained heads as the files that serving loads. */

export interface TrainedHead {
  readonly spec: HeadSpec;
  readonly transform: FeatureTransform;
  readonly parameters: State;
  /** For local scaling. */
  readonly banks?: Banks;
}

/** A head read back from its files. */
export interface StoredHead extends TrainedHead {
  /** Changes whenever the head does. */
  readonly sha256: string;
}

type Side = 'text' | 'image';
const SIDES: readonly Side[] = ['text', 'image'];

/**
 * A graph with these sides of a head, from raw encoder outputs to unit vectors, including the transforms.
 * @param sides both only in heads in the old format
 */
export function headGraph({ spec, transform, parameters, banks }: TrainedHead, sides = SIDES): Uint8Array {
  const tape = new Tape(new OnnxGraph());
  const { graph } = tape;
  const widths = { text: transformedWidth(transform.text), image: transformedWidth(transform.image) };
  const own = headParameters(spec, widths).filter(({ name }) =>
    ['output', ...sides].includes(name.slice(0, name.indexOf('.'))),
  );
  const linear = spec.stored === 'int8' ? int8Layers(tape, parameters) : halfLayers(tape, own, parameters);
  for (const side of sides) {
    const rows = side === 'text' ? 'n' : 'm';
    const inputs = Object.fromEntries(
      [...graphInputs(transform[side])].map(([source, size]) => [source, graph.input(source, 'float32', [rows, size])]),
    );
    const input = tape.value(addTransform(graph, transform[side], inputs), [rows, widths[side]]);
    const learned = addTower(tape, side, {
      spec,
      inputs: { text: input, image: input },
      linear,
      dropout: keepAll,
    });
    const embedding = banks === undefined ? learned : addLocalScaling(tape, side, learned, banks);
    graph.output(`${side}_embedding`, embedding.name, 'float32', [rows, jointDimension(spec)]);
  }
  return graph.toBytes({ name: 'head' });
}

function halfLayers(tape: Tape, own: readonly ParameterSpec[], parameters: State): Linear {
  const constants = own.map(({ name, shape }) => {
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

export interface HeadFiles {
  readonly file: HeadFile;
  /** The graphs by their names. */
  readonly graphs: ReadonlyMap<string, Uint8Array>;
}

/** Parts of a head's description. */
export interface AboutHead {
  readonly name: string;
  readonly recipe: Recipe;
  readonly encoders: Encoders;
  readonly training: HeadFile['training'];
  /** ISO 639-1 codes of the languages of its text side. @default English */
  readonly languages?: readonly string[];
}

/** Makes the files of a head with one text side. */
export function headFiles(head: TrainedHead, about: AboutHead): HeadFiles {
  const { encoders, languages = ['en'] } = about;
  const dimension = jointDimension(head.spec);
  const { text, image } = encoders;
  const [textModel, imageModel] = [headGraph(head, ['text']), headGraph(head, ['image'])];
  const onnx = describeGraph(IMAGE_SIDE_MODEL, imageModel);
  const inputs = [...new Set(head.spec.image.inputs.map(({ source }) => source))];
  const file: HeadFile = headFileSchema.parse({
    format: 2,
    name: about.name,
    profile: encoders.profile.name,
    recipe: about.recipe.name,
    dimension,
    space: spaceId({ image: image.fingerprint, head: { sha256: onnx.sha256, dimension } }),
    image: { encoder: image.name, inputs, onnx },
    texts: [
      {
        encoder: text.name,
        dimension: text.dimension,
        encoderKey: text.key,
        languages,
        onnx: describeGraph(textSideModel(text.name), textModel),
      },
    ],
    training: about.training,
  });
  const graphs = new Map([
    [file.texts[0]!.onnx.path, textModel],
    [onnx.path, imageModel],
  ]);
  return { file, graphs };
}

function describeGraph(path: string, bytes: Uint8Array): TextSideFile['onnx'] {
  return { path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * Writes graphs and head.json; the description last, so that an incomplete head is rejected.
 * @throws {unavailable}
 */
export async function writeHeadFiles(folder: string, { file, graphs }: HeadFiles): Promise<void> {
  for (const [path, bytes] of graphs) await writeWhole(join(folder, path), bytes);
  await writeJsonFile(join(folder, HEAD_FILE), file);
}

/** Creates and writes the files. */
export async function writeHead(folder: string, head: TrainedHead, about: AboutHead): Promise<HeadFile> {
  const files = headFiles(head, about);
  await writeHeadFiles(folder, files);
  return files.file;
}

/** A trained text side. */
export interface TrainedTextSide extends Omit<TextSideFile, 'onnx'> {
  readonly encoderKey: string;
  /** From {@link headGraph} with the side `text`. */
  readonly graph: Uint8Array;
}

/**
 * Adds a text side to the head in `folder`, or replaces that of the same encoder. The image side, and so the space,
 * stays unchanged.
 * @param image fingerprint of the image encoder: the id of a head in the old format changes, and the old id is recorded
 * @throws {model-mismatch} if there is no head
 */
export async function writeTextSide(
  folder: string,
  { graph, ...side }: TrainedTextSide,
  image: Fingerprint,
): Promise<HeadFile> {
  const head = await loadHeadFile(folder);
  const path = textSideModel(side.encoder);
  await writeWhole(join(folder, path), graph);
  const added = { ...side, onnx: describeGraph(path, graph) };
  const at = head.texts.findIndex(({ encoder }) => encoder === side.encoder);
  const renewed = inNewForm(head, image);
  const texts = at < 0 ? [...renewed.texts, added] : renewed.texts.with(at, added);
  const file = headFileSchema.parse({ ...renewed, texts });
  await writeJsonFile(join(folder, HEAD_FILE), file);
  return file;
}

/** A head in the old format keeps its graph, which has both sides; its text encoders were English. */
export function inNewForm(head: HeadFile, image: Fingerprint): HeadFile {
  if (head.format === 2) return head;
  const { dimension, space } = head;
  const { sha256 } = head.image.onnx;
  const texts = head.texts.map((side) => ({ ...side, languages: ['en'] }));
  return { ...head, texts, format: 2, space: spaceId({ image, head: { sha256, dimension } }), sameAs: [space] };
}
