import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Encoders } from '../encode/encoders.ts';
import { HEAD_FILE, HEAD_MODEL, type HeadFile, headFileSchema } from '../encode/head.ts';
import { spaceId } from '../encode/space.ts';
import { OnnxGraph } from '../onnx-graph.ts';
import { Tape, type Value } from './autodiff.ts';
import { writeWhole } from './checkpoint.ts';
import { addTower, headParameters } from './head-graph.ts';
import { addConstant, addPreparation, graphInputs, type Preparation, preparedWidth } from './preparation.ts';
import type { HeadSpec, Recipe } from './recipes.ts';
import type { State } from './step.ts';
import { keepAll } from './step-graph.ts';

/** A trained head as the files that serving loads. */

export interface TrainedHead {
  readonly spec: HeadSpec;
  readonly preparation: Preparation;
  readonly parameters: State;
}

/** head.onnx: raw encoder outputs in, unit vectors out, everything between them inside. */
export function headGraph({ spec, preparation, parameters }: TrainedHead): Uint8Array {
  const tape = new Tape(new OnnxGraph());
  const { graph } = tape;
  const weights = new Map<string, Value>();
  const widths = { text: preparedWidth(preparation.text), image: preparedWidth(preparation.image) };
  for (const { name, shape } of headParameters(spec, widths)) {
    weights.set(name, tape.value(addConstant(graph, { values: parameters.get(name)!, shape }), shape));
  }
  for (const side of ['text', 'image'] as const) {
    const rows = side === 'text' ? 'n' : 'm';
    const inputs = Object.fromEntries(
      [...graphInputs(preparation[side])].map(([source, size]) => [
        source,
        graph.input(source, 'float32', [rows, size]),
      ]),
    );
    const input = tape.value(addPreparation(graph, preparation[side], inputs), [rows, widths[side]]);
    const embedding = addTower(tape, side, {
      ...{ spec, inputs: { text: input, image: input }, parameters: weights },
      dropout: keepAll,
    });
    graph.output(`${side}_embedding`, embedding.name, 'float32', [rows, spec.dimension]);
  }
  return graph.toBytes({ name: 'head' });
}

/** Writes head.onnx and head.json; the description last, so that a half-written head is refused. */
export async function writeHead(
  folder: string,
  head: TrainedHead,
  about: { name: string; recipe: Recipe; encoders: Encoders; training: HeadFile['training'] },
): Promise<HeadFile> {
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
  await writeWhole(join(folder, HEAD_MODEL), bytes);
  await writeWhole(join(folder, HEAD_FILE), `${JSON.stringify(file, null, 2)}\n`);
  return file;
}
