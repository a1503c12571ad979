import { z } from 'zod';
import { preprocessingChanges } from '../picture/preprocessor-config.ts';

/** Manifest entry of one encoder. */

/** One path segment: a manifest can never point outside its models folder. */
export const name = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'expected a plain name without slashes');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `bytes` and `sha256` are null for a file that is neither bundled nor pinned. */
const fileSchema = z.strictObject({
  path: name,
  bytes: z.int().positive().nullable(),
  sha256: sha256.nullable(),
  /** When it differs from the encoder's. */
  licence: z.string().min(1).optional(),
  /** Its path in the encoder's repository on the hub, if the same file is there. */
  hub: z.string().min(1).optional(),
});

const provenance = {
  /** Folder inside one of the models directories. */
  folder: name,
  /** Another folder that may hold the same model, used if `folder` does not exist. */
  otherFolder: name.optional(),
  /** Whether the files are part of this repository. */
  bundled: z.boolean(),
  /** SPDX expression. */
  licence: z.string().min(1),
  /** Restrictions of the licence, shown before a download. */
  terms: z.string().min(1).optional(),
  source: z.url(),
  /** How these files were made from the source. */
  origin: z.string().min(1),
  /**
   * Where files that are not bundled are downloaded from: owner/name on the Hugging Face hub, and the first revision.
   */
  hub: z.strictObject({ repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/), revision: z.string().min(1) }).optional(),
  /** ONNX opset version of the model; unchecked when absent. */
  opset: z.int().positive().optional(),
  /**
   * Names the space that this encoder shares by training with one of the other kind. Profiles of two such encoders need
   * no head. For an image encoder it is the space of the output `features`.
   */
  sharedSpace: z.string().min(1).optional(),
};

/**
 * `mean` of all tokens, the maximum of each component (`max`), or the first token (`cls`); `none` when the output has
 * no tokens.
 */
const textPooling = z.enum(['mean', 'max', 'cls', 'none']);

export const textEncoderSchema = z.strictObject({
  kind: z.literal('text'),
  ...provenance,
  files: z.strictObject({
    /** `sameAs`: SHA-256 of an earlier file with identical vectors, which still identifies the encoder. */
    model: fileSchema.extend({ sameAs: sha256.optional() }),
    /** The model's weights, if they are in a separate file, which is memory-mapped instead of copied. */
    weights: fileSchema.optional(),
    tokenizer: fileSchema,
    tokenizerConfig: fileSchema,
    others: z.array(fileSchema),
  }),
  tensors: z.strictObject({
    inputIds: z.string().min(1),
    /** Null when the graph has no such input. */
    attentionMask: z.string().min(1).nullable(),
    /** Null when the graph has no such input. */
    tokenTypeIds: z.string().min(1).nullable(),
    /** [batch, tokens, dimension], or [batch, dimension] with pooling `none` */
    output: z.string().min(1),
  }),
  dimension: z.int().positive(),
  /** ISO 639-1 codes of its languages. @default English */
  languages: z.array(z.string().regex(/^[a-z]{2}$/)).default(['en']),
  pooling: textPooling,
  /** Normalise to unit length after pooling. */
  normalise: z.boolean(),
  /**
   * Additional vectors of a text from the same run, with the same dimension and normalisation: pooled from another
   * tensor [batch, tokens, dimension], or in another way. A head may use them in addition to the encoder's own.
   */
  extras: z.record(name, z.strictObject({ output: z.string().min(1), pooling: textPooling })),
  /**
   * Prefix of every text. A head must see the same at query time as in training, so one of them is used for all texts.
   */
  prefix: z.strictObject({ query: z.string(), document: z.string(), used: z.enum(['query', 'document']) }),
  /** Including the special tokens at both ends. */
  maxTokens: z.int().min(3).max(8192),
  /**
   * `max`: every text is padded to `maxTokens` with the tokenizer's padding token, as in training.
   */
  padding: z.enum(['none', 'max']).default('none'),
  /**
   * Whether the other texts of a batch change a vector, as with activations quantised dynamically by their range: then
   * texts run one at a time.
   */
  batchChanges: z.boolean().default(false),
  /**
   * Number of ids of the tokenizer, and the ids that it puts before and after a text; null for none. A tokenizer with
   * other ones belongs to another model.
   */
  vocabulary: z.strictObject({
    size: z.int().positive(),
    start: z.int().nonnegative().nullable(),
    end: z.int().nonnegative().nullable(),
  }),
});

/** The first token, `cls`; the mean of all others, `patches`. */
const imagePooling = z.enum(['cls', 'patches', 'none']);

/**
 * A number is the size of an output [batch, size] with this name; otherwise gives the graph's name for it, and how it
 * is pooled if it is [batch, tokens, size].
 */
const imageOutput = z.union([
  z.int().positive(),
  z.strictObject({ output: z.string().min(1), size: z.int().positive(), pooling: imagePooling }),
]);

export const imageEncoderSchema = z.strictObject({
  kind: z.literal('image'),
  ...provenance,
  files: z.strictObject({
    model: fileSchema,
    /** preprocessor_config.json of the publisher: resize, crop and scaling are read from it. */
    preprocessor: fileSchema,
    others: z.array(fileSchema),
  }),
  tensors: z.strictObject({ pixels: z.string().min(1), layout: z.enum(['nchw', 'nhwc']) }),
  outputs: z
    .record(z.string().min(1), imageOutput)
    .refine((outputs) => Object.keys(outputs).length > 0, 'expected at least one output'),
  /** Measured improvements over the publisher's preprocessing. */
  preprocessing: preprocessingChanges.optional(),
});

export type ModelFile = z.infer<typeof fileSchema>;
export type TextPooling = z.infer<typeof textPooling>;
export type ImageOutput = z.infer<typeof imageOutput>;
export type TextEncoderEntry = z.infer<typeof textEncoderSchema>;
export type ImageEncoderEntry = z.infer<typeof imageEncoderSchema>;

/** Components of a declared output. */
export function sizeOf(output: ImageOutput): number {
  return typeof output === 'number' ? output : output.size;
}
