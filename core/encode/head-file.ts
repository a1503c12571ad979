import { join } from 'node:path';
import { z } from 'zod';
import { fitting, readModelJson } from '../model-json.ts';

/**
 * head.json: which encoders a head stands on, and the ONNX graphs of its sides. A space is its image side; texts are
 * brought into it by one or more text sides, which can be added, replaced and taken away without a new space
 * (docs/decisions/0046-text-sides.md).
 */

export const HEAD_FILE = 'head.json';
/** The graph of a head of the old form, which has both sides. */
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

const textSideSchema = z.strictObject({
  /** Name of a text encoder in manifest.json; no other side has it. */
  encoder: z.string().min(1),
  /** Components of what the encoder answers, all parts together. */
  dimension: z.int().positive(),
  /** `fingerprintKey` of the encoder that it was trained with, which must be the one it is used with. */
  encoderKey: space.optional(),
  /** ISO 639-1 codes of the languages that it is meant for; none when nobody says. */
  languages: z.array(z.string().regex(/^[a-z]{2,3}$/)),
  /** Takes `text` [n, dimension] and answers `text_embedding` [n, dimension of the space], of unit length. */
  onnx: graph,
  /** Over captions of validation pictures: the cosine of the picture that fits best. */
  match: z.strictObject({ mean: z.number(), deviation: z.number().positive() }).optional(),
  /** What it was trained on, for people and reports. */
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
  /** Figures of the training, for people and reports. */
  training,
};
/** Outputs of the image encoder that the graph takes. */
const image = { encoder: z.string().min(1), inputs: z.array(z.string().min(1)).min(1) };

export const headFileSchema = z
  .strictObject({
    format: z.literal(2),
    ...common,
    /** Older ids of the same space: indexes that carry one are of this space. */
    sameAs: z.array(space).default([]),
    /**
     * The graph has an input an image output, of its name, [m, size], and answers `image_embedding` [m, dimension], of
     * unit length.
     */
    image: z.strictObject({ ...image, onnx: graph }),
    /** The first is that of the profile's own text encoder. */
    texts: z.array(textSideSchema).min(1),
  })
  .refine(
    ({ texts }) => new Set(texts.map(({ encoder }) => encoder)).size === texts.length,
    'expected one text side an encoder',
  );

/** What head.json said while there was one text side, in one graph with the image side. */
const oldHeadFileSchema = z.strictObject({
  format: z.literal(1),
  ...common,
  text: z.strictObject({ encoder: z.string().min(1), dimension: z.int().positive() }),
  image: z.strictObject(image),
  onnx: z.strictObject({ sha256, bytes: z.int().positive() }),
});

/** The content of head.json. `format` 1 has one text side, whose graph is that of the image side. */
export type HeadFile = Omit<z.infer<typeof headFileSchema>, 'format'> & { readonly format: 1 | 2 };
export type TextSideFile = z.infer<typeof textSideSchema>;

/** Bytes of all graphs of a head. */
export function headBytes({ image, texts }: HeadFile): number {
  const sizes = new Map([image, ...texts].map(({ onnx }) => [onnx.path, onnx.bytes]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Reads and checks head.json alone, of either form.
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
