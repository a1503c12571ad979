import { ModelProto } from './protobuf.ts';

/**
 * Builds ONNX models: the exact scan of the embedded store, the head, and the training step are small graphs made with
 * it and run by onnxruntime.
 */

/** TensorProto.DataType */
const DATA_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 } as const;
/** AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;

export type ElementType = keyof typeof DATA_TYPES;
/** A number is a fixed size, a string names a size known only at run time. */
export type Shape = readonly (number | string)[];
/** JavaScript does not distinguish integers and floats, so an attribute names its type. */
export type Attribute = { readonly int: number } | { readonly float: number } | { readonly ints: readonly number[] };

/**
 * One ONNX graph under construction. Values are named by strings; every method that adds a node returns the name of its
 * (first) output, so that graphs read as nested expressions.
 */
export class OnnxGraph {
  #names = 0;
  readonly #nodes: object[] = [];
  readonly #inputs: object[] = [];
  readonly #outputs: object[] = [];
  readonly #initializers: object[] = [];

  /** Declares an input fed at run time. */
  input(name: string, type: ElementType, shape: Shape): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Declares `value` as the output `name`. */
  output(name: string, value: string, type: ElementType, shape: Shape): void {
    if (name !== value) this.#nodes.push({ opType: 'Identity', input: [value], output: [name], attribute: [] });
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Adds a float32 constant stored in the model. */
  weights(values: Float32Array, shape: readonly number[]): string {
    return this.#initializer(this.#fresh('w'), 'float32', shape, bytesOf(values));
  }

  /**
   * Adds a constant stored as float16 and used as float32: onnxruntime converts it once when it loads the model.
   */
  halfWeights(values: Float16Array, shape: readonly number[]): string {
    const stored = this.#initializer(`${this.#fresh('h')}.float16`, 'float16', shape, bytesOf(values));
    return this.cast(stored, 'float32');
  }

  /** Adds a constant of 8-bit integers. */
  bytes(values: Int8Array | Uint8Array, shape: readonly number[]): string {
    return this.#initializer(this.#fresh('b'), values instanceof Int8Array ? 'int8' : 'uint8', shape, bytesOf(values));
  }

  /** The same numbers as another type. */
  cast(value: string, type: ElementType): string {
    return this.op('Cast', [value], { to: { int: DATA_TYPES[type] } });
  }

  /** Adds a float32 scalar. */
  scalar(value: number): string {
    return this.weights(Float32Array.of(value), []);
  }

  /** Adds an int64 constant vector, the form in which ONNX takes axes, shapes and split sizes. */
  ints(values: readonly number[]): string {
    return this.#initializer(this.#fresh('i'), 'int64', [values.length], bytesOf(BigInt64Array.from(values, BigInt)));
  }

  /** Adds a node with one output. '' stands for an optional input left out. */
  op(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.ops(opType, inputs, 1, attributes)[0]!;
  }

  /** Adds a node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.#fresh(opType));
    this.#nodes.push({
      opType,
      name: names[0],
      input: inputs,
      output: names,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
    return names;
  }

  /** The finished model as the bytes of an .onnx file. */
  toBytes(options: { name?: string; opset?: number } = {}): Uint8Array {
    const model = {
      irVersion: 8,
      producerName: 'sightline',
      opsetImport: [{ domain: '', version: options.opset ?? 17 }],
      graph: {
        name: options.name ?? 'graph',
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    };
    return ModelProto.encode(ModelProto.fromObject(model)).finish();
  }

  #fresh(stem: string): string {
    return `${stem}_${this.#names++}`;
  }

  #initializer(name: string, type: ElementType, dims: readonly number[], rawData: Uint8Array): string {
    this.#initializers.push({ name, dataType: DATA_TYPES[type], dims, rawData });
    return name;
  }
}

function valueInfo(name: string, type: ElementType, shape: Shape): object {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[type], shape: { dim } } } };
}

function attribute(name: string, value: Attribute): object {
  if ('int' in value) return { name, type: ATTRIBUTE.int, i: value.int };
  if ('float' in value) return { name, type: ATTRIBUTE.float, f: value.float };
  return { name, type: ATTRIBUTE.ints, ints: value.ints };
}

/** ONNX raw data is little endian, like every platform of onnxruntime-node. */
function bytesOf(array: Float32Array | Float16Array | Int8Array | Uint8Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
