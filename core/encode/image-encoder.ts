import { join } from 'node:path';
import { float32 } from '../onnx.ts';
import type { ImageEncoderEntry, Preprocessing } from './manifest.ts';
import { findFolder, loadChecked, verifyFile } from './model-files.ts';
import { type RgbPixels, toTensorData } from './preprocess.ts';
import type { Fingerprint } from './space.ts';

/**
 * Counts up whenever decoding or preprocessing changes what a model sees of the same picture, so that neither cached
 * features nor stored vectors of the old way are mixed with new ones.
 */
const PIXEL_PIPELINE = 1;

/** Raw outputs of the image encoder by name, each of its declared size. */
export type ImageOutputs = Readonly<Record<string, Float32Array>>;

/** Decoded pictures to raw outputs of the image encoder. */
export interface ImageEncoder {
  readonly name: string;
  /** Size of each output. */
  readonly outputs: Readonly<Record<string, number>>;
  readonly preprocessing: Preprocessing;
  /** Takes pixels as `decodeImage` makes them with this preprocessing. Throws a plain Error for another size: a bug. */
  encode(pixels: RgbPixels): Promise<ImageOutputs>;
  close(): Promise<void>;
}

/** What decides the outputs of an image encoder, without loading it. Throws `model-mismatch` when its files are not as pinned. */
export async function fingerprintImageEncoder(
  modelDirs: readonly string[],
  entry: ImageEncoderEntry,
): Promise<Fingerprint> {
  const { files, tensors, outputs, preprocessing } = entry;
  const model = await verifyFile(await findFolder(modelDirs, entry.folder), files.model);
  return { model, outputs, layout: tensors.layout, preprocessing, pipeline: PIXEL_PIPELINE };
}

/**
 * Loads an image encoder whose files were checked by {@link fingerprintImageEncoder}. Throws `model-mismatch`.
 *
 * Pictures run one at a time: a batch of 4 or 8 takes as long a picture as one alone, on one thread and on two
 * (bench/encode.ts), and would only keep the first of them waiting.
 */
export async function loadImageEncoder(
  modelDirs: readonly string[],
  entry: ImageEncoderEntry & { readonly name: string },
  options: { threads?: number } = {},
): Promise<ImageEncoder> {
  const { files, tensors, outputs, preprocessing } = entry;
  const folder = await findFolder(modelDirs, entry.folder);
  const { crop } = preprocessing;
  const shape = tensors.layout === 'nchw' ? [1, 3, crop, crop] : [1, crop, crop, 3];
  const onnx = await loadChecked(
    join(folder, files.model.path),
    {
      inputType: 'float32',
      inputs: { [tensors.pixels]: [null, ...shape.slice(1)] },
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, size]) => [name, [null, size]])),
    },
    { threads: options.threads },
  );
  const names = Object.keys(outputs);
  return {
    name: entry.name,
    outputs,
    preprocessing,
    async encode(pixels) {
      if (pixels.width !== crop || pixels.height !== crop) {
        throw new Error(`expected ${crop} x ${crop} pixels, got ${pixels.width} x ${pixels.height}`);
      }
      const answer = await onnx.run(
        { [tensors.pixels]: float32(toTensorData(pixels, preprocessing, tensors.layout), shape) },
        names,
      );
      return Object.fromEntries(names.map((name) => [name, answer[name]!.data as Float32Array]));
    },
    close: () => onnx.release(),
  };
}
