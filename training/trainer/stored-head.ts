import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Encoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile, type TextSideFile } from '../../core/encode/head-file.ts';
import { ModelProto } from '../../core/onnx/protobuf.ts';
import { emptyTransform, type InputTransform, transformedWidth } from '../features/feature-transform.ts';
import { headParameters } from './head-graph.ts';
import { dequantise } from './int8-layer.ts';
import { learnedDimension } from './local-scaling.ts';
import { type Available, type HeadSpec, NO_TOWER, type Recipe, recipeFor, type TextSideRecipe } from './recipes.ts';
import type { StoredHead, TrainedHead } from './write-head.ts';

/** A constant of a graph. */
interface Constant {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** TensorProto.DataType */
const TYPES = { float32: 1, int8: 3, float16: 10 } as const;

/** The next constant of a type and a rank, in the order in which `headGraph` adds them. */
type NextConstant = (type: keyof typeof TYPES, rank: number) => Constant;

/**
 * Reads back a head from `writeHead`, so that training can continue from it. Null if training cannot continue: the head
 * is for other encoders, its recipe is missing, or its layers are not int8.
 * @param options.refit accepts the encoders as those of the head, whatever their names
 * @throws {model-mismatch} if there is no head in `folder`
 */
export async function readTrainedHead(
  folder: string,
  { text, image }: Pick<Encoders, 'text' | 'image'>,
  available: Available,
  options: { refit?: boolean } = {},
): Promise<StoredHead | null> {
  const info = await loadHeadFile(folder);
  const recipe = info.training.recipe as unknown as Recipe | undefined;
  const side = options.refit ? info.texts[0] : info.texts.find(({ encoder }) => encoder === text.name);
  if (side === undefined || (!options.refit && info.image.encoder !== image.name)) return null;
  if (side.dimension !== text.dimension || info.image.inputs.some((name) => !(name in image.outputs))) return null;
  if (recipe?.head?.stored !== 'int8' || recipe.head.sharedOutput) return null;
  const tower = textSideRecipe(side)?.text ?? recipe.head.text;
  const spec = recipeFor({ ...recipe, head: { ...recipe.head, text: tower } }, available).head;
  const { path } = info.image.onnx;
  const imageConstants = constantsOf(await readFile(join(folder, path)));
  // A graph with both sides has the text side first.
  const textConstants =
    side.onnx.path === path ? imageConstants : constantsOf(await readFile(join(folder, side.onnx.path)));
  const empty = emptyTransform(spec, { text: text.outputs, image: image.outputs });
  const texts = readSide('text', spec, empty.text, textConstants);
  const images = readSide('image', spec, empty.image, imageConstants);
  // Each side has the vectors of the other as its neighbours, after its tower.
  const banks = spec.localScaling ? { text: readLayer(imageConstants), image: readLayer(textConstants) } : undefined;
  return {
    spec,
    transform: { text: texts.transforms, image: images.transforms },
    parameters: new Map([...texts.parameters, ...images.parameters]),
    ...(banks && { banks }),
    sha256: `${side.onnx.sha256} ${info.image.onnx.sha256}`,
  };
}

/**
 * Reads back a text side that was trained alone, so that training can continue from it. Null if the head has none for
 * this encoder, or if it has seen the validation pictures, unless those evaluate a twin instead.
 * @throws {model-mismatch} if there is no head in `folder`
 */
export async function readTextSide(
  folder: string,
  text: Encoders['text'],
  { hasTwin }: { readonly hasTwin: boolean },
): Promise<TrainedHead | null> {
  const info = await loadHeadFile(folder);
  const side = info.texts.find(({ encoder }) => encoder === text.name);
  const recipe = side === undefined ? null : textSideRecipe(side);
  if (side === undefined || recipe?.stored !== 'int8' || side.encoderKey !== text.key) return null;
  if (side.training.withValidation === true && !hasTwin) return null;
  const tower = { ...recipe.text, inputs: recipe.text.inputs.filter(({ source }) => source in text.outputs) };
  const dimension = learnedDimension(info);
  const spec: HeadSpec = { dimension, text: tower, image: NO_TOWER, sharedOutput: false, stored: 'int8' };
  const empty = emptyTransform(spec, { text: text.outputs, image: {} });
  const { transforms, parameters } = readSide(
    'text',
    spec,
    empty.text,
    constantsOf(await readFile(join(folder, side.onnx.path))),
  );
  return { spec, transform: { text: transforms, image: [] }, parameters };
}

/** How a separately trained text side was trained. */
function textSideRecipe({ training }: TextSideFile): TextSideRecipe | null {
  const recipe = training.recipe as unknown as TextSideRecipe | undefined;
  return recipe?.name === 'text-side' ? recipe : null;
}

function readSide(
  side: 'text' | 'image',
  spec: HeadSpec,
  empty: readonly InputTransform[],
  next: NextConstant,
): { transforms: InputTransform[]; parameters: Map<string, Float32Array> } {
  const transforms = empty.map((input) => readTransform(input, next));
  const width = transformedWidth(transforms);
  const own = headParameters(spec, { text: width, image: width }).filter(({ name }) => name.startsWith(`${side}.`));
  const parameters = new Map<string, Float32Array>();
  for (const { name } of own) {
    parameters.set(name, name.endsWith('.weight') ? readLayer(next) : floats(next('float32', 1)));
  }
  return { transforms, parameters };
}

function readTransform(input: InputTransform, next: NextConstant): InputTransform {
  const constants: Record<string, { values: Float32Array; shape: readonly number[] }> = {};
  const read = (name: string, type: 'float32' | 'float16', rank: number) => {
    const constant = next(type, rank);
    const values =
      type === 'float32' ? floats(constant) : new Float32Array(new Float16Array(new Uint8Array(constant.bytes).buffer));
    constants[name] = { values, shape: constant.shape };
    return constant.shape;
  };
  const { first, transform } = input.spec;
  const columns = first === 'class-names' ? read('classes', 'float16', 2)[1]! : input.columns;
  if (transform === 'standardise') {
    read('mean', 'float32', 1);
    read('scale', 'float32', 1);
  }
  return { ...input, columns, constants };
}

/** A layer [out, width]. */
function readLayer(next: NextConstant): Float32Array {
  const { bytes, shape } = next('int8', 2);
  const [width, out] = shape;
  return dequantise(new Int8Array(new Uint8Array(bytes).buffer), floats(next('float32', 1)), {
    out: out!,
    width: width!,
  });
}

function floats({ bytes }: Constant): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

function constantsOf(model: Uint8Array): NextConstant {
  const { graph } = ModelProto.toObject(ModelProto.decode(model), { longs: Number, arrays: true });
  const all = graph.initializer as readonly { dataType: number; dims: readonly number[]; rawData: Uint8Array }[];
  let at = 0;
  return (type, rank) => {
    while (at < all.length) {
      const { dataType, dims, rawData } = all[at++]!;
      if (dataType === TYPES[type] && dims.length === rank) return { shape: dims, bytes: rawData };
    }
    throw new Error(`expected a further constant of type ${type} with ${rank} dimensions`);
  };
}
