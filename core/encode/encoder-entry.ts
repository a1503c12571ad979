import { z } from 'zod';
import { preprocessingChanges } from '../picture/preprocessor-config.ts';

/** What the manifest says of one encoder. */

/** One path segment: a manifest can never point outside its models folder. */
export const name = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'expected a plain name without slashes');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `bytes` and `sha256` are null while a file that is not bundled has not been pinned. */
const fileSchema = z.strictObject({
  path: name,
  bytes: z.int().positive().nullable(),
  sha256: sha256.nullable(),
  /** When it differs from the encoder's. */
  licence: z.string().min(1).optional(),
  /** Its path in the encoder's repository on the hub, when that has this very file. */
  hub: z.string().min(1).optional(),
});

const provenance = {
  /** Folder inside one of the models directories. */
  folder: name,
  /** Another one that may hold the same model, taken where there is no `folder`. */
  otherFolder: name.optional(),
  /** Whether the files are part of this repository. */
  bundled: z.boolean(),
  /** SPDX expression. */
  licence: z.string().min(1),
  /** What the licence does not allow, for people who are about to download it. */
  terms: z.string().min(1).optional(),
  source: z.url(),
  /** How these files came from the source. */
  origin: z.string().min(1),
  /**
   * Where files that are not bundled are pulled from: owner/name on the Hugging Face hub, and which revision at first.
   */
  hub: z.strictObject({ repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/), revision: z.string().min(1) }).optional(),
  /** Version of the ONNX operators that the model is written in; unchecked when absent. */
  opset: z.int().positive().optional(),
  /**
   * Names the space that this encoder was trained into together with one of the other kind. Profiles of two such
   * encoders need no head. Of an image encoder the output `features` is meant.
   */
  sharedSpace: z.string().min(1).optional(),
};

/**
 * `mean` of all tokens, the largest of each component (`max`), or the first token, `cls`; `none` when the output has no
 * tokens.
 */
const textPooling = z.enum(['mean', 'max', 'cls', 'none']);

export const textEncoderSchema = z.strictObject({
  kind: z.literal('text'),
  ...provenance,
  files: z.strictObject({
    /** `sameAs`: SHA-256 of an earlier file with the very same vectors, by which the encoder is still known. */
    model: fileSchema.extend({ sameAs: sha256.optional() }),
    /** The model's weights where they lie in a file of their own, which is mapped instead of copied. */
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
  /** ISO 639-1 codes of the languages that it is for. @default English */
  languages: z.array(z.string().regex(/^[a-z]{2}$/)).default(['en']),
  pooling: textPooling,
  /** To unit length after pooling. */
  normalise: z.boolean(),
  /**
   * Further vectors of a text from the same run, of the same dimension and normalised alike: pooled from another tensor
   * [batch, tokens, dimension], or in another way. A head may use them beside the encoder's own.
   */
  extras: z.record(name, z.strictObject({ output: z.string().min(1), pooling: textPooling })),
  /**
   * Put before a text. The head has to see at query time what it saw in training, so one of them is used for all texts.
   */
  prefix: z.strictObject({ query: z.string(), document: z.string(), used: z.enum(['query', 'document']) }),
  /** Including the special tokens at both ends. */
  maxTokens: z.int().min(3).max(8192),
  /**
   * `max`: every text is filled up to `maxTokens` with the tokenizer's padding token, because it was so in training.
   */
  padding: z.enum(['none', 'max']).default('none'),
  /**
   * Whether what else is in a batch changes a vector, as it does where activations are quantised at run time by their
   * range: then texts run one at a time.
   */
  batchChanges: z.boolean().default(false),
  /**
   * Ids of the tokenizer, all together, and those that it puts before and behind a text; null for none. A tokenizer of
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
 * A number is the size of an output [batch, size] of this name; otherwise the graph's name for it, and how it is pooled
 * when it is [batch, tokens, size].
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
  /** What is done otherwise than the publisher does, by measurement. */
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
