import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';

/**
 * What is known about every encoder, as data: models/manifest.json. One code path serves every encoder of a kind, so
 * adding one is an entry there.
 */

/** One path segment: a manifest can never point outside its models folder. */
const name = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, 'expected a plain name without slashes');

/** `bytes` and `sha256` are null while a file that is not bundled has not been pinned. */
const fileSchema = z.strictObject({
  path: name,
  bytes: z.int().positive().nullable(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** When it differs from the encoder's. */
  licence: z.string().min(1).optional(),
  /** Its path in the encoder's repository on the hub, when that has this very file. */
  hub: z.string().min(1).optional(),
});

const provenance = {
  /** Folder inside one of the models directories. */
  folder: name,
  /** Whether the files are part of this repository. */
  bundled: z.boolean(),
  /** SPDX expression. */
  licence: z.string().min(1),
  source: z.url(),
  /** How these files came from the source. */
  origin: z.string().min(1),
  /** Where files that are not bundled are pulled from: owner/name on the Hugging Face hub, and which revision at first. */
  hub: z.strictObject({ repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/), revision: z.string().min(1) }).optional(),
};

/** `mean` of all tokens, the largest of each component (`max`), or the first token, `cls`. */
const poolingSchema = z.enum(['mean', 'max', 'cls']);

const textEncoderSchema = z.strictObject({
  kind: z.literal('text'),
  ...provenance,
  files: z.strictObject({
    model: fileSchema,
    tokenizer: fileSchema,
    tokenizerConfig: fileSchema,
    others: z.array(fileSchema),
  }),
  tensors: z.strictObject({
    inputIds: z.string().min(1),
    attentionMask: z.string().min(1),
    /** Null when the graph has no such input. */
    tokenTypeIds: z.string().min(1).nullable(),
    /** [batch, tokens, dimension] */
    output: z.string().min(1),
  }),
  dimension: z.int().positive(),
  pooling: poolingSchema,
  /** To unit length after pooling. */
  normalise: z.boolean(),
  /**
   * Further vectors of a text from the same run, of the same dimension and normalised alike: pooled from another tensor
   * [batch, tokens, dimension], or in another way. A head may use them beside the encoder's own.
   */
  extras: z.record(name, z.strictObject({ output: z.string().min(1), pooling: poolingSchema })),
  /** Put before a text. The head has to see at query time what it saw in training, so one of them is used for all texts. */
  prefix: z.strictObject({ query: z.string(), document: z.string(), used: z.enum(['query', 'document']) }),
  /** Including the special tokens at both ends. */
  maxTokens: z.int().min(3).max(8192),
});

const rgb = z.tuple([z.number(), z.number(), z.number()]);

const preprocessingSchema = z
  .strictObject({
    resize: z.strictObject({
      /**
       * `shortest-edge`: the shorter edge becomes `size`, the longer one keeps the ratio, rounded down. `squash`: both
       * edges become `size`. `pad`: the longer edge becomes `size`, the rest is filled with `background`.
       */
      mode: z.enum(['shortest-edge', 'squash', 'pad']),
      /** Pixels. */
      size: z.int().min(1).max(4096),
      kernel: z.enum(['bilinear', 'bicubic']),
      /** 0 to 255 each; only for `pad`. */
      background: z.tuple([z.int().min(0).max(255), z.int().min(0).max(255), z.int().min(0).max(255)]).optional(),
    }),
    /** Edge of the centred square that the model sees, at most `resize.size`. Pixels. */
    crop: z.int().min(1).max(4096),
    /** Per channel, in units of 0 to 255: the model sees (value - mean) / std. */
    mean: rgb,
    std: rgb.refine((values) => values.every((value) => value > 0), 'expected values above 0'),
  })
  .refine(({ crop, resize }) => crop <= resize.size, 'expected crop to be at most resize.size')
  .refine(
    ({ resize }) => (resize.mode === 'pad') === (resize.background !== undefined),
    'expected resize.background with mode pad and only there',
  );

const imageEncoderSchema = z.strictObject({
  kind: z.literal('image'),
  ...provenance,
  files: z.strictObject({ model: fileSchema, others: z.array(fileSchema) }),
  tensors: z.strictObject({ pixels: z.string().min(1), layout: z.enum(['nchw', 'nhwc']) }),
  /** Name of each output [batch, size] and its size. */
  outputs: z.record(z.string().min(1), z.int().positive()).refine((outputs) => Object.keys(outputs).length > 0),
  preprocessing: preprocessingSchema,
});

const encoderSchema = z
  .discriminatedUnion('kind', [textEncoderSchema, imageEncoderSchema])
  .superRefine((encoder, ctx) => {
    const { others, ...named } = encoder.files;
    for (const file of encoder.bundled ? [...Object.values(named), ...others] : []) {
      if (file.bytes === null || file.sha256 === null) {
        ctx.addIssue(`expected bytes and sha256 of ${file.path}, because the encoder is bundled`);
      }
    }
  });

const manifestSchema = z
  .strictObject({
    format: z.literal(1),
    defaultProfile: name,
    profiles: z.record(name, z.strictObject({ text: name, image: name, head: name })),
    encoders: z.record(name, encoderSchema),
  })
  .superRefine((manifest, ctx) => {
    if (!(manifest.defaultProfile in manifest.profiles)) {
      ctx.addIssue(
        `expected defaultProfile to be one of ${Object.keys(manifest.profiles)}, got ${manifest.defaultProfile}`,
      );
    }
    const made = new Map<string, string>();
    for (const [profile, entry] of Object.entries(manifest.profiles)) {
      const parts = `${entry.text}, ${entry.image} and ${entry.head}`;
      const other = made.get(parts);
      if (other !== undefined) {
        ctx.addIssue(`expected each profile to make a space of its own, got ${parts} in both ${other} and ${profile}`);
      }
      made.set(parts, profile);
      for (const kind of ['text', 'image'] as const) {
        const found = manifest.encoders[entry[kind]]?.kind ?? 'nothing';
        if (found !== kind)
          ctx.addIssue(`expected ${entry[kind]} of profile ${profile} to be a ${kind} encoder, got ${found}`);
      }
    }
  });

export type Manifest = z.infer<typeof manifestSchema>;
export type ModelFile = z.infer<typeof fileSchema>;
export type Pooling = z.infer<typeof poolingSchema>;
export type TextEncoderEntry = z.infer<typeof textEncoderSchema>;
export type ImageEncoderEntry = z.infer<typeof imageEncoderSchema>;
export type Preprocessing = z.infer<typeof preprocessingSchema>;

/** A profile with its encoders looked up. */
export interface Profile {
  readonly name: string;
  readonly text: TextEncoderEntry & { readonly name: string };
  readonly image: ImageEncoderEntry & { readonly name: string };
  /** Name of the head's folder. */
  readonly head: string;
}

/** Checks a manifest. Throws `model-mismatch` naming every field that does not fit. */
export function parseManifest(input: unknown, path = 'manifest.json'): Manifest {
  const parsed = manifestSchema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`);
    throw new SightlineError('model-mismatch', `${path} does not fit: ${problems.join('; ')}`);
  }
  return parsed.data;
}

/** Reads manifest.json from the first of the directories that has one. Throws `model-mismatch`. */
export async function loadManifest(modelDirs: readonly string[]): Promise<Manifest> {
  for (const dir of modelDirs) {
    const path = join(dir, 'manifest.json');
    let json: string;
    try {
      json = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw new SightlineError('model-mismatch', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
    }
    try {
      return parseManifest(JSON.parse(json), path);
    } catch (error) {
      if (error instanceof SightlineError) throw error;
      throw new SightlineError('model-mismatch', `${path} is not JSON: ${(error as Error).message}`, { cause: error });
    }
  }
  throw new SightlineError('model-mismatch', `expected manifest.json in one of ${modelDirs.join(', ')}, found none`);
}

/** Looks up a profile and its encoders. Throws `invalid-config` naming the profiles there are. */
export function profileOf(manifest: Manifest, name: string): Profile {
  const profile = Object.hasOwn(manifest.profiles, name) ? manifest.profiles[name] : undefined;
  if (profile === undefined) {
    const known = Object.keys(manifest.profiles).join(', ');
    throw new SightlineError('invalid-config', `expected a profile of models/manifest.json (${known}), got ${name}`);
  }
  // The schema has made sure that both exist and are of that kind.
  const text = manifest.encoders[profile.text] as TextEncoderEntry;
  const image = manifest.encoders[profile.image] as ImageEncoderEntry;
  return {
    name,
    text: { ...text, name: profile.text },
    image: { ...image, name: profile.image },
    head: profile.head,
  };
}
