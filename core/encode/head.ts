import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import { float32, type Tensor } from '../onnx/session.ts';
import type { JointEmbedding } from '../types.ts';
import type { Projection } from './identity-head.ts';
import { loadChecked, verifyFile } from './model-files.ts';

/**
 * The head: head.onnx projects what both encoders answer into one space, head.json says which encoders those are.
 *
 * The graph's inputs are `text` [n, text dimension] and one input a used image output under that output's name
 * [m, size], all raw: any scaling is inside the graph, so that training and serving cannot differ. Its outputs are
 * `text_embedding` [n, dimension] and `image_embedding` [m, dimension], of unit length.
 */

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const headFileSchema = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1),
  /** The profile it was trained with. */
  profile: z.string().min(1),
  /** Name of the training recipe. */
  recipe: z.string().min(1),
  /** Components of a joint vector. */
  dimension: z.int().min(2).max(4096),
  text: z.strictObject({ encoder: z.string().min(1), dimension: z.int().positive() }),
  /** Outputs of the image encoder that the graph takes. */
  image: z.strictObject({ encoder: z.string().min(1), inputs: z.array(z.string().min(1)).min(1) }),
  /** See `spaceId`. */
  space: z.string().regex(/^[0-9a-f]{16}$/),
  onnx: z.strictObject({ sha256, bytes: z.int().positive() }),
  /** ISO 8601. */
  createdAt: z.iso.datetime().optional(),
  /** Figures of the training, for people and reports. */
  training: z.record(z.string(), z.json()),
});

/** The content of head.json. */
export type HeadFile = z.infer<typeof headFileSchema>;

export const HEAD_MODEL = 'head.onnx';
export const HEAD_FILE = 'head.json';

/** What a head needs to know of the encoders it stands on. */
export interface HeadInputs {
  readonly text: { readonly name: string; readonly dimension: number };
  readonly image: { readonly name: string; readonly outputs: Readonly<Record<string, number>> };
}

export interface Head extends Projection {
  readonly info: HeadFile;
}

/**
 * Loads and checks a head. Throws `model-mismatch` when a file is missing or altered, or when the head was made for
 * other encoders than these.
 */
export async function loadHead(folder: string, encoders: HeadInputs): Promise<Head> {
  const info = await loadHeadFile(folder);
  await verifyFile(folder, { path: HEAD_MODEL, ...info.onnx });
  checkEncoders(join(folder, HEAD_FILE), info, encoders);
  const sizes: Readonly<Record<string, number>> = {
    text: info.text.dimension,
    ...Object.fromEntries(info.image.inputs.map((name) => [name, encoders.image.outputs[name]!])),
  };
  const onnx = await loadChecked(
    join(folder, HEAD_MODEL),
    {
      inputType: 'float32',
      inputs: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, [null, size]])),
      outputs: { text_embedding: [null, info.dimension], image_embedding: [null, info.dimension] },
    },
    null,
    // Far too small to share between threads.
    { threads: 1 },
  );
  // onnxruntime wants every input fed, also those the asked-for output does not need.
  const nothing = Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, float32(new Float32Array(0), [0, size])]),
  );
  const project = async (feeds: Readonly<Record<string, Tensor>>, output: string) => {
    const answer = await onnx.run({ ...nothing, ...feeds }, [output]);
    return rows(answer[output]!.data as Float32Array, info.dimension);
  };
  return {
    info,
    dimension: info.dimension,
    async projectTexts(vectors) {
      if (vectors.length === 0) return [];
      return project({ text: stack(vectors, info.text.dimension) }, 'text_embedding');
    },
    async projectImages(outputs) {
      if (outputs.length === 0) return [];
      const feeds = info.image.inputs.map(
        (name) =>
          [
            name,
            stack(
              outputs.map((o) => o[name]!),
              sizes[name]!,
            ),
          ] as const,
      );
      return project(Object.fromEntries(feeds), 'image_embedding');
    },
    close: () => onnx.release(),
  };
}

/** Reads and checks head.json alone. Throws `model-mismatch`. */
export async function loadHeadFile(folder: string): Promise<HeadFile> {
  const path = join(folder, HEAD_FILE);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SightlineError(
      'model-mismatch',
      `${path}: expected the description of a head, got ${(error as Error).message}`,
      {
        cause: error,
        details: { file: path },
      },
    );
  }
  const parsed = headFileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  throw new SightlineError('model-mismatch', `${path} does not fit: ${problems.join('; ')}`, {
    details: { file: path },
  });
}

function checkEncoders(path: string, info: HeadFile, { text, image }: HeadInputs): void {
  const missing = info.image.inputs.filter((name) => !(name in image.outputs));
  const wanted =
    `encoders ${info.text.encoder} (${info.text.dimension}) and ${info.image.encoder} ` +
    `(${info.image.inputs.join(', ')})`;
  const got = `${text.name} (${text.dimension}) and ${image.name} (${Object.keys(image.outputs).join(', ')})`;
  const fits =
    info.text.encoder === text.name && info.text.dimension === text.dimension && info.image.encoder === image.name;
  if (!fits || missing.length > 0) {
    throw new SightlineError('model-mismatch', `${path}: this head expects ${wanted}, got ${got}`, {
      details: { file: path, expected: wanted, got },
    });
  }
}

/** Vectors to a float32 matrix [rows, columns]. */
function stack(vectors: readonly Float32Array[], columns: number): Tensor {
  const data = new Float32Array(vectors.length * columns);
  for (const [row, vector] of vectors.entries()) {
    if (vector.length !== columns) throw new Error(`expected a vector of ${columns} components, got ${vector.length}`);
    data.set(vector, row * columns);
  }
  return float32(data, [vectors.length, columns]);
}

/** A matrix to its rows, each with memory of its own. */
function rows(matrix: Float32Array, columns: number): JointEmbedding[] {
  return Array.from(
    { length: matrix.length / columns },
    (_, row) => matrix.slice(row * columns, (row + 1) * columns) as JointEmbedding,
  );
}
