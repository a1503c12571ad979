import { join } from 'node:path';
import { float32 } from '../onnx/onnx-session.ts';
import { type RgbPixels, toTensorData } from '../picture/preprocess.ts';
import { type Preprocessing, readPreprocessing } from '../picture/preprocessor-config.ts';
import { runTogether } from './dynamic-batching.ts';
import { type ImageEncoderEntry, type ImageOutput, sizeOf } from './manifest-encoder.ts';
import { findEncoder, loadChecked, verifyFile } from './model-files.ts';

/** Raw outputs of the image encoder by name, each of its declared size. */
export type ImageOutputs = Readonly<Record<string, Float32Array>>;

/** Decoded pictures to raw outputs of the image encoder. */
export interface ImageModel {
  readonly name: string;
  /** Size of each output. */
  readonly outputs: Readonly<Record<string, number>>;
  readonly preprocessing: Preprocessing;
  /**
   * Takes pixels from `decodeImage` with this preprocessing.
   * @throws {Error} for pixels of another size, which is a bug
   */
  encode(pixels: RgbPixels): Promise<ImageOutputs>;
  close(): Promise<void>;
}

/** Name and size of each output of an entry. */
export function outputSizes({ outputs }: ImageEncoderEntry): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, sizeOf(output)]));
}

/**
 * The preprocessing for an encoder: from its preprocessor_config.json, with the changes in the manifest.
 * @throws {model-mismatch} when the file does not match its hash, or requires an unsupported step
 */
export async function preprocessingOf(modelDirs: readonly string[], entry: ImageEncoderEntry): Promise<Preprocessing> {
  const folder = await findEncoder(modelDirs, entry);
  await verifyFile(folder, entry.files.preprocessor);
  return readPreprocessing(join(folder, entry.files.preprocessor.path), entry.preprocessing);
}

/**
 * Loads the model of an image encoder whose files were checked (`encoder-fingerprints.ts`).
 *
 * Pictures that arrive during a run are batched in the next one; a single picture runs at once.
 * @throws {model-mismatch}
 */
export async function loadImageModel(
  modelDirs: readonly string[],
  entry: ImageEncoderEntry & { readonly name: string },
  options: { threads?: number } = {},
): Promise<ImageModel> {
  const { files, tensors } = entry;
  const folder = await findEncoder(modelDirs, entry);
  const preprocessing = await preprocessingOf(modelDirs, entry);
  const { crop } = preprocessing;
  const shape = tensors.layout === 'nchw' ? [3, crop, crop] : [crop, crop, 3];
  const parts = partsOf(entry);
  const onnx = await loadChecked(
    join(folder, files.model.path),
    {
      inputType: 'float32',
      inputs: { [tensors.pixels]: [null, ...shape] },
      outputs: Object.fromEntries(
        parts.map(({ output, size, pooling }) => [output, pooling === 'none' ? [null, size] : [null, null, size]]),
      ),
    },
    entry.bundled ? null : { opset: entry.opset },
    // Runs have similar sizes: allocating memory for each would cost as much as a third of the arithmetic.
    { threads: options.threads, arena: true },
  );
  const names = [...new Set(parts.map(({ output }) => output))];
  const values = 3 * crop * crop;
  // Kept between runs, since they follow one another (`runTogether`).
  let input = new Float32Array(values);
  const run = async (pictures: readonly RgbPixels[]): Promise<ImageOutputs[]> => {
    if (input.length < pictures.length * values) input = new Float32Array(pictures.length * values);
    const rows = input.subarray(0, pictures.length * values);
    for (const [row, pixels] of pictures.entries()) {
      toTensorData(pixels, preprocessing, tensors.layout, rows.subarray(row * values, (row + 1) * values));
    }
    const answer = await onnx.run({ [tensors.pixels]: float32(rows, [pictures.length, ...shape]) }, names);
    return pictures.map((_, row) =>
      Object.fromEntries(
        parts.map((part) => {
          const all = answer[part.output]!.data as Float32Array;
          const size = all.length / pictures.length;
          return [part.name, pooled(all.slice(row * size, (row + 1) * size), part)];
        }),
      ),
    );
  };
  const inTurn = runTogether(run);
  return {
    name: entry.name,
    outputs: outputSizes(entry),
    preprocessing,
    async encode(pixels) {
      if (pixels.width !== crop || pixels.height !== crop) {
        throw new Error(`expected ${crop} x ${crop} pixels, got ${pixels.width} x ${pixels.height}`);
      }
      return inTurn(pixels);
    },
    close: () => onnx.release(),
  };
}

type Part = Exclude<ImageOutput, number> & { readonly name: string };

function partsOf({ outputs }: ImageEncoderEntry): Part[] {
  return Object.entries(outputs).map(([name, output]) =>
    typeof output === 'number' ? { name, output: name, size: output, pooling: 'none' } : { name, ...output },
  );
}

/**
 * Pools [tokens, size] into one vector; the first token represents the whole picture, the others places in it.
 */
function pooled(states: Float32Array, { size, pooling }: Part): Float32Array {
  if (pooling === 'none') return states;
  if (pooling === 'cls') return states.slice(0, size);
  const mean = new Float32Array(size);
  const places = states.length / size - 1;
  for (let i = size; i < states.length; i += size) for (let d = 0; d < size; d++) mean[d]! += states[i + d]! / places;
  return mean;
}
