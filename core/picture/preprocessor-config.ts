import { z } from 'zod';
import { fitting, readModelJson } from '../encode/model-json.ts';
import { SightlineError } from '../errors.ts';

/**
 * The preprocessing for an encoder, read from the publisher's preprocessor_config.json, the configuration of
 * transformers' image processors.
 */

/** Per channel, in units of 0 to 255. */
const rgb = z.tuple([z.number(), z.number(), z.number()]);

const resizeFields = {
  /**
   * `shortest-edge`: the shorter edge becomes `size`, the longer one keeps the ratio, rounded down. `squash`: both
   * edges become `size`.
   */
  mode: z.enum(['shortest-edge', 'squash']),
  /** Pixels. */
  size: z.int().min(1).max(4096),
  kernel: z.enum(['bilinear', 'bicubic']),
};

const preprocessingSchema = z
  .strictObject({
    resize: z.strictObject(resizeFields),
    /** Edge of the centred square that the model sees, at most `resize.size`. Pixels. */
    crop: z.int().min(1).max(4096),
    /** The model sees (value - mean) / std. */
    mean: rgb,
    std: rgb.refine((values) => values.every((value) => value > 0), 'expected values above 0'),
  })
  .refine(({ crop, resize }) => crop <= resize.size, 'expected crop to be at most resize.size');

export type Preprocessing = z.infer<typeof preprocessingSchema>;

/** Fields that override the publisher's file. */
export const preprocessingChanges = z.strictObject({
  resize: z.strictObject(resizeFields).partial().optional(),
  crop: z.int().min(1).max(4096).optional(),
  mean: rgb.optional(),
  std: rgb.optional(),
});

export type PreprocessingChanges = z.infer<typeof preprocessingChanges>;

const edges = z.union([
  z.int().positive(),
  z.strictObject({ shortest_edge: z.int().positive() }),
  z.strictObject({ height: z.int().positive(), width: z.int().positive() }),
]);

/** The fields that determine pixels; the others are about Python classes. */
const configSchema = z.object({
  do_resize: z.literal(true),
  size: edges,
  resample: z.int(),
  do_center_crop: z.boolean().default(false),
  crop_size: edges.optional(),
  do_rescale: z.literal(true).default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean(),
  image_mean: rgb.optional(),
  image_std: rgb.optional(),
  // Unsupported steps: a file that requires one is refused.
  do_pad: z.literal(false).optional(),
  do_flip_channel_order: z.literal(false).optional(),
  rescale_offset: z.literal(false).optional(),
  crop_pct: z.null().optional(),
});

/** PIL.Image.Resampling */
const KERNELS: Readonly<Record<number, Preprocessing['resize']['kernel']>> = { 2: 'bilinear', 3: 'bicubic' };

/**
 * Reads a preprocessor_config.json and applies the changes of the manifest.
 * @throws {model-mismatch} naming what is not supported, rather than preparing pictures differently from the model's
 * training
 */
export async function readPreprocessing(path: string, changes: PreprocessingChanges = {}): Promise<Preprocessing> {
  const read = preprocessingOf(fitting(configSchema, await readModelJson(path), path));
  if (typeof read === 'string') {
    throw new SightlineError('model-mismatch', `${path} does not fit: ${read}`, { details: { file: path } });
  }
  const changed = { ...read, ...changes, resize: { ...read.resize, ...changes.resize } };
  return fitting(preprocessingSchema, changed, path);
}

/** The preprocessing for a configuration, or why it is not supported. */
function preprocessingOf(config: z.infer<typeof configSchema>): Preprocessing | string {
  const kernel = KERNELS[config.resample];
  if (kernel === undefined) return `resample: expected 2 (bilinear) or 3 (bicubic), got ${config.resample}`;
  const target = resizeOf(config);
  if (typeof target === 'string') return target;
  const crop = config.do_center_crop ? squareOf(config.crop_size ?? target.size) : target.size;
  if (typeof crop === 'string') return `crop_size: ${crop}`;
  if (!config.do_center_crop && target.mode !== 'squash') {
    return 'size: expected height and width, or a centre crop: this one makes pictures of different sizes';
  }
  const { rescale_factor: rescale, image_mean: mean, image_std: std } = config;
  if (config.do_normalize && (mean === undefined || std === undefined)) {
    return 'do_normalize: expected image_mean and image_std with it';
  }
  return {
    resize: { mode: target.mode, size: target.size, kernel },
    crop,
    // The file scales twice, value * rescale and then (value - mean) / std; here that is one step.
    mean: scaled(config.do_normalize ? mean! : [0, 0, 0], rescale),
    std: scaled(config.do_normalize ? std! : [1, 1, 1], rescale),
  };
}

function resizeOf({
  size,
  do_center_crop: crops,
}: z.infer<typeof configSchema>): Pick<Preprocessing['resize'], 'mode' | 'size'> | string {
  if (typeof size === 'object' && 'shortest_edge' in size) return { mode: 'shortest-edge', size: size.shortest_edge };
  const square = squareOf(size);
  if (typeof square === 'string') return `size: ${square}`;
  // A plain number means the shorter edge for processors that crop afterwards, and both edges for others.
  return { mode: typeof size === 'number' && crops ? 'shortest-edge' : 'squash', size: square };
}

function squareOf(size: z.infer<typeof edges>): number | string {
  if (typeof size === 'number') return size;
  if ('shortest_edge' in size) return size.shortest_edge;
  return size.height === size.width ? size.height : `expected a square, got ${size.height} x ${size.width}`;
}

/** Divides by the factor; rounds to 12 digits, because 0.5 / (1 / 255) differs from 127.5 in the last bit. */
function scaled(values: readonly [number, number, number], rescale: number): [number, number, number] {
  const [r, g, b] = values.map((value) => Number((value / rescale).toPrecision(12)));
  return [r!, g!, b!];
}
