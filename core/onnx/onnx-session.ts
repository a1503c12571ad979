import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** The only user of onnxruntime: encoders, head, exact scan and trainer run their graphs through it. */

// From the first session on, the official builds report to Microsoft and write an identifier of the machine below HOME,
// unless this variable is set by then (docs/decisions/0021-no-telemetry.md).
process.env.ORT_DISABLE_TELEMETRY = '1';

export type Feeds = Readonly<Record<string, Tensor>>;

export interface OnnxModel {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Declared sizes of an input or output; a string is a size known only at run time. Null when not a tensor. */
  shapeOf(name: string): readonly (number | string)[] | null;
  /** Declared element type of an input or output, such as `float32`; null when not a tensor. */
  typeOf(name: string): string | null;
  /**
   * Runs the graph. `fetches` names the outputs wanted; given as tensors, the results are written into them, which
   * saves an allocation and a copy of large ones. Such a tensor must not be an input of the same run.
   */
  run(feeds: Feeds, fetches?: readonly string[] | Feeds): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface OnnxOptions {
  /**
   * Threads inside one operator, 1 to the number of cores.
   * @default os.availableParallelism(): onnxruntime's own default counts the host's cores, not the container's
   */
  readonly threads?: number;
  /**
   * Keep freed memory for the next run. Faster for inputs of one size, wasteful for varying ones.
   * @default false
   */
  readonly arena?: boolean;
}

/**
 * Loads a model from a file path or from its bytes.
 * @throws {Error} of onnxruntime when it is not a valid model
 */
export async function loadOnnx(model: string | Uint8Array, options: OnnxOptions = {}): Promise<OnnxModel> {
  const sessionOptions: InferenceSession.SessionOptions = {
    intraOpNumThreads: options.threads ?? availableParallelism(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableCpuMemArena: options.arena ?? false,
    enableMemPattern: options.arena ?? false,
    logSeverityLevel: 3,
    // Otherwise idle threads spin while waiting for the next operator: with decoding, other sessions or other processes
    // on the same cores that doubled the CPU time of a picture and more than doubled its wait
    // (docs/decisions/0018-threads.md).
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
  // TypeScript cannot choose between the two overloads for a union.
  const session =
    typeof model === 'string'
      ? await InferenceSession.create(model, sessionOptions)
      : await InferenceSession.create(model, sessionOptions);
  const shapes = new Map<string, readonly (number | string)[]>();
  const types = new Map<string, string>();
  for (const meta of [...session.inputMetadata, ...session.outputMetadata]) {
    if (!meta.isTensor) continue;
    shapes.set(meta.name, meta.shape);
    types.set(meta.name, meta.type);
  }
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    shapeOf: (name) => shapes.get(name) ?? null,
    typeOf: (name) => types.get(name) ?? null,
    run: async (feeds, fetches) =>
      (fetches === undefined ? await session.run(feeds) : await session.run(feeds, fetches)) as Record<string, Tensor>,
    release: () => session.release(),
  };
}

/** A float32 tensor over `data`, not copied: it must not change until the run is over. */
export function float32(data: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor('float32', data, shape);
}

/** An int64 tensor. */
export function int64(values: readonly number[] | BigInt64Array, shape: readonly number[]): Tensor {
  return new Tensor('int64', values instanceof BigInt64Array ? values : BigInt64Array.from(values, BigInt), shape);
}

/** A uint8 tensor over `data`, not copied. */
export function uint8(data: Uint8Array, shape: readonly number[]): Tensor {
  return new Tensor('uint8', data, shape);
}

/** An int8 tensor over `data`, not copied. */
export function int8(data: Int8Array, shape: readonly number[]): Tensor {
  return new Tensor('int8', data, shape);
}

export type { Tensor };
