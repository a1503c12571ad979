import { join } from 'node:path';
import { SightlineError } from '../errors.ts';
import { float32, type OnnxModel, type Tensor } from '../onnx/onnx-session.ts';
import type { JointEmbedding } from '../types.ts';
import { loadOnce } from '../util/load-once.ts';
import { HEAD_FILE, type HeadFile, loadHeadFile, type TextSideFile } from './head-file.ts';
import { loadChecked, verifyFile } from './model-files.ts';
import type { Projection } from './shared-space.ts';

/**
 * The head projects the outputs of both encoders into one space. Its graphs take raw outputs: all scaling is inside, so
 * that training and serving cannot differ.
 */

/** What a head needs to know about its encoders. */
export interface HeadInputs {
  readonly text: { readonly name: string; readonly dimension: number; readonly key: string };
  readonly image: { readonly name: string; readonly outputs: Readonly<Record<string, number>> };
}

export interface Head extends Projection {
  readonly info: HeadFile;
}

/** The image side of a head. */
export type ImageProjection = Pick<Projection, 'dimension' | 'projectImages' | 'close'>;

/** One text side of a head. */
export type TextProjection = Pick<Projection, 'projectTexts' | 'close'>;

/**
 * Loads and checks a head with the text side of the given text encoder; its image side is loaded with the first
 * picture.
 * @throws {model-mismatch} when a file is missing or altered, or when the head was made for other encoders
 */
export async function loadHead(folder: string, encoders: HeadInputs): Promise<Head> {
  const info = await loadHeadFile(folder);
  const side = checkEncoders(join(folder, HEAD_FILE), info, encoders);
  const image = await openImageSide(folder, info, encoders.image);
  const text = await loadTextSide(folder, info, side, encoders.text);
  return {
    info,
    dimension: info.dimension,
    projectTexts: text.projectTexts,
    projectImages: image.projectImages,
    async close() {
      await text.close();
      await image.close();
    },
  };
}

/**
 * Checks the image side of a head, which is loaded with the first picture.
 * @throws {model-mismatch} when its file is missing or altered, or when it was made for another image encoder
 */
export async function openImageSide(
  folder: string,
  info: HeadFile,
  encoder: HeadInputs['image'],
): Promise<ImageProjection> {
  if (!fitsImage(info, encoder)) {
    throw otherEncoders(join(folder, HEAD_FILE), sayImage(info.image.encoder, info.image.inputs), sayOutputs(encoder));
  }
  const { inputs } = info.image;
  await verifyFile(folder, info.image.onnx);
  const sizes = Object.fromEntries(inputs.map((name) => [name, encoder.outputs[name]!]));
  const image = loadOnce(async () => {
    // Another head may have been put here since then, whose vectors belong to another space.
    await verifyFile(folder, info.image.onnx);
    return openGraph(join(folder, info.image.onnx.path), sizes, ['image_embedding', info.dimension]);
  });
  return {
    dimension: info.dimension,
    async projectImages(outputs) {
      if (outputs.length === 0) return [];
      const feeds = inputs.map((name) => {
        const vectors = outputs.map((output) => output[name]!);
        return [name, stack(vectors, sizes[name]!)] as const;
      });
      return (await image.get()).project(Object.fromEntries(feeds));
    },
    close: async () => (await image.peek())?.close(),
  };
}

/**
 * Loads one text side of a head.
 * @throws {model-mismatch} when its file is missing or altered, or it was trained with another encoder
 */
export async function loadTextSide(
  folder: string,
  { dimension }: Pick<HeadFile, 'dimension'>,
  side: TextSideFile,
  encoder: HeadInputs['text'],
): Promise<TextProjection> {
  if (side.encoderKey !== undefined && side.encoderKey !== encoder.key) {
    throw new SightlineError(
      'model-mismatch',
      `${join(folder, HEAD_FILE)}: expected ${encoder.name} as this text side was trained with it ` +
        `(${side.encoderKey}), got another version or settings of it (${encoder.key})`,
      { details: { file: folder, expected: side.encoderKey, got: encoder.key } },
    );
  }
  await verifyFile(folder, side.onnx);
  const path = join(folder, side.onnx.path);
  const graph = await openGraph(path, { text: side.dimension }, ['text_embedding', dimension]);
  return {
    async projectTexts(vectors) {
      return vectors.length === 0 ? [] : graph.project({ text: stack(vectors, side.dimension) });
    },
    close: graph.close,
  };
}

interface Graph {
  project(feeds: Readonly<Record<string, Tensor>>): Promise<JointEmbedding[]>;
  close(): Promise<void>;
}

/** A graph with inputs [rows, size] and an output [rows, dimension]. */
async function openGraph(
  path: string,
  sizes: Readonly<Record<string, number>>,
  [output, dimension]: readonly [string, number],
): Promise<Graph> {
  const onnx = await loadChecked(
    path,
    {
      inputType: 'float32',
      inputs: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, [null, size]])),
      outputs: { [output]: [null, dimension] },
      otherInputs: true,
    },
    null,
    // Far too small to share between threads.
    { threads: 1 },
  );
  const others = nothingFor(onnx, Object.keys(sizes));
  return {
    async project(feeds) {
      const answer = await onnx.run({ ...others, ...feeds }, [output]);
      return rows(answer[output]!.data as Float32Array, dimension);
    },
    close: () => onnx.release(),
  };
}

/** onnxruntime requires every input, even if the requested output does not need it: a graph may hold both sides. */
function nothingFor(onnx: OnnxModel, used: readonly string[]): Readonly<Record<string, Tensor>> {
  const others = onnx.inputNames.filter((name) => !used.includes(name));
  return Object.fromEntries(
    others.map((name) => [name, float32(new Float32Array(0), [0, Number(onnx.shapeOf(name)?.[1] ?? 0)])]),
  );
}

/** The text side of the text encoder. */
function checkEncoders(path: string, info: HeadFile, { text, image }: HeadInputs): TextSideFile {
  const side = info.texts.find(({ encoder }) => encoder === text.name);
  if (side?.dimension === text.dimension && fitsImage(info, image)) return side;
  const texts = info.texts.map(({ encoder, dimension }) => `${encoder} (${dimension})`).join(' or ');
  const wanted = `${texts} and ${sayImage(info.image.encoder, info.image.inputs)}`;
  throw otherEncoders(path, wanted, `${text.name} (${text.dimension}) and ${sayOutputs(image)}`);
}

function fitsImage(info: HeadFile, { name, outputs }: HeadInputs['image']): boolean {
  return info.image.encoder === name && info.image.inputs.every((input) => input in outputs);
}

const sayImage = (name: string, outputs: readonly string[]) => `${name} (${outputs.join(', ')})`;
const sayOutputs = ({ name, outputs }: HeadInputs['image']) => sayImage(name, Object.keys(outputs));

function otherEncoders(path: string, expected: string, got: string): SightlineError {
  return new SightlineError('model-mismatch', `${path}: this head expects encoders ${expected}, got ${got}`, {
    details: { file: path, expected: `encoders ${expected}`, got },
  });
}

/** Stacks vectors into a float32 matrix [rows, columns]. */
function stack(vectors: readonly Float32Array[], columns: number): Tensor {
  const data = new Float32Array(vectors.length * columns);
  for (const [row, vector] of vectors.entries()) {
    if (vector.length !== columns) throw new Error(`expected a vector of ${columns} components, got ${vector.length}`);
    data.set(vector, row * columns);
  }
  return float32(data, [vectors.length, columns]);
}

/** Splits a matrix into rows, each with its own memory. */
function rows(matrix: Float32Array, columns: number): JointEmbedding[] {
  return Array.from(
    { length: matrix.length / columns },
    (_, row) => matrix.slice(row * columns, (row + 1) * columns) as JointEmbedding,
  );
}
