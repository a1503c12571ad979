import { join } from 'node:path';
import { z } from 'zod';
import { fitting, readModelJson } from './model-json.ts';

/**
 * head.json: the encoders of a head, and the ONNX graphs of its sides. The image side defines the space; one or more
 * text sides map texts into it, and can be added, replaced and removed without a new space
 * (docs/decisions/0046-text-sides.md).
 */

export const HEAD_FILE = 'head.json';
/** The graph of an old head, which has both sides. */
export const HEAD_MODEL = 'head.onnx';
/** The graph of the image side. */
export const IMAGE_SIDE_MODEL = 'image.onnx';

/** The name of the graph of a text side. */
export function textSideModel(encoder: string): string {
  return `text-${encoder}.onnx`;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const space = z.string().regex(/^[0-9a-f]{16}$/);
/** One path segment beside head.json. */
const graph = z.strictObject({
  path: z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'expected a plain name without slashes'),
  bytes: z.int().positive(),
  sha256,
});
const training = z.record(z.string(), z.json());
/** Figures of each epoch, in `training`; additional ones from other trainers are ignored. */
export const trainingCurves = z.array(
  z.object({ epoch: z.int(), trainLoss: z.number(), validationLoss: z.number(), recallSum: z.number() }),
);

const textSideSchema = z.strictObject({
  /** Name of a text encoder in manifest.json; unique among the sides. */
  encoder: z.string().min(1),
  /** Components of the encoder's output, all parts together. */
  dimension: z.int().positive(),
  /** `fingerprintKey` of the encoder it was trained with; it must be used with the same one. */
  encoderKey: space.optional(),
  /** ISO 639-1 codes of its languages; empty when unspecified. */
  languages: z.array(z.string().regex(/^[a-z]{2,3}$/)),
  /** Takes `text` [n, dimension] and returns `text_embedding` [n, dimension of the space], of unit length. */
  onnx: graph,
  /** Written by older versions: the cosine of the best picture, over captions of validation pictures. Not used. */
  match: z.strictObject({ mean: z.number(), deviation: z.number().positive() }).optional(),
  /** Training data, for people and reports. */
  training: training.default({}),
});

const common = {
  name: z.string().min(1),
  /** The profile it was trained with. */
  profile: z.string().min(1),
  /** Name of the training recipe. */
  recipe: z.string().min(1),
  /** Components of a joint vector. */
  dimension: z.int().min(2).max(4096),
  /** See `spaceId`. */
  space,
  /** ISO 8601. */
  createdAt: z.iso.datetime().optional(),
  /** Training figures, for people and reports. */
  training,
};
/** Outputs of the image encoder that the graph takes. */
const image = { encoder: z.string().min(1), inputs: z.array(z.string().min(1)).min(1) };

export const headFileSchema = z
  .strictObject({
    format: z.literal(2),
    ...common,
    /** Older ids of the same space, which existing indexes may have. */
    sameAs: z.array(space).default([]),
    /**
     * The graph has one input per image output, with its name and shape [m, size], and returns `image_embedding` [m,
     * dimension], of unit length.
     */
    image: z.strictObject({ ...image, onnx: graph }),
    /** The first belongs to the profile's own text encoder. */
    texts: z.array(textSideSchema).min(1),
  })
  .refine(
    ({ texts }) => new Set(texts.map(({ encoder }) => encoder)).size === texts.length,
    'expected one text side an encoder',
  );

/** The old form of head.json, with one text side in the same graph as the image side. */
const oldHeadFileSchema = z.strictObject({
  format: z.literal(1),
  ...common,
  text: z.strictObject({ encoder: z.string().min(1), dimension: z.int().positive() }),
  image: z.strictObject(image),
  onnx: z.strictObject({ sha256, bytes: z.int().positive() }),
});

/** The content of head.json. `format` 1 has one text side, in the same graph as the image side. */
export type HeadFile = Omit<z.infer<typeof headFileSchema>, 'format'> & { readonly format: 1 | 2 };
export type TextSideFile = z.infer<typeof textSideSchema>;

/** Total bytes of a head's graphs. */
export function headBytes({ image, texts }: HeadFile): number {
  const sizes = new Map([image, ...texts].map(({ onnx }) => [onnx.path, onnx.bytes]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Reads and validates head.json of either format, without its graphs.
 * @throws {model-mismatch}
 */
export async function loadHeadFile(folder: string): Promise<HeadFile> {
  const path = join(folder, HEAD_FILE);
  const json = await readModelJson(path);
  const isOld = typeof json === 'object' && json !== null && 'format' in json && json.format === 1;
  return isOld ? withSides(fitting(oldHeadFileSchema, json, path)) : fitting(headFileSchema, json, path);
}

function withSides({ text, image, onnx, ...rest }: z.infer<typeof oldHeadFileSchema>): HeadFile {
  const graph = { path: HEAD_MODEL, ...onnx };
  return {
    ...rest,
    sameAs: [],
    image: { ...image, onnx: graph },
    texts: [{ ...text, languages: [], onnx: graph, training: {} }],
  };
}
