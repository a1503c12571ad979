import type { Random } from '../random.ts';
import type { Tape, Value } from './autodiff.ts';
import type { HeadSpec } from './recipes.ts';

/** The head as a graph: the same function builds it for training, for validation and for head.onnx. */

/** Input widths of the towers: encoder outputs after their transform. */
export type TowerWidths = Readonly<Record<'text' | 'image', number>>;

/** Layers follow PyTorch's convention: weights [out, in], y = x W^T + b. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Input width of the layer, which determines its initialisation. */
  readonly fanIn: number;
}

/** Every parameter of a head, in a fixed order. */
export function headParameters(spec: HeadSpec, widths: TowerWidths): ParameterSpec[] {
  const layer = (name: string, out: number, fanIn: number): ParameterSpec[] => [
    { name: `${name}.weight`, shape: [out, fanIn], fanIn },
    { name: `${name}.bias`, shape: [out], fanIn },
  ];
  const towers = (['text', 'image'] as const).flatMap((side) => {
    const tower = spec[side];
    const width = widths[side];
    return [
      ...layer(`${side}.hidden`, tower.hidden, width),
      ...(spec.sharedOutput ? [] : layer(`${side}.output`, spec.dimension, tower.hidden)),
      ...(tower.skip ? layer(`${side}.skip`, spec.dimension, width).slice(0, 1) : []),
    ];
  });
  return spec.sharedOutput ? [...towers, ...layer('output', spec.dimension, spec.text.hidden)] : towers;
}

/** Uniform within 1 / sqrt(fan in), for weights and biases: torch.nn.Linear's default. */
export function initialise(parameters: readonly ParameterSpec[], random: Random): Map<string, Float32Array> {
  return new Map(
    parameters.map(({ name, shape, fanIn }) => {
      const bound = 1 / Math.sqrt(fanIn);
      const size = shape.reduce((product, length) => product * length, 1);
      return [name, Float32Array.from({ length: size }, () => (2 * random.uniform() - 1) * bound)];
    }),
  );
}

/** Scales a value by a random mask in training; the identity elsewhere. */
export type Dropout = (name: string, value: Value, rate: number) => Value;

/** Adds the layer of this name, such as `text.hidden`, to a value [n, in]: [n, out]. */
export type Linear = (name: string, input: Value) => Value;

/** Layers whose weights and biases are graph values, named by {@link headParameters}. */
export function layersOf(tape: Tape, parameters: ReadonlyMap<string, Value>): Linear {
  return (name, input) => tape.linear(input, parameters.get(`${name}.weight`)!, parameters.get(`${name}.bias`));
}

export interface HeadParts {
  readonly spec: HeadSpec;
  readonly linear: Linear;
  /** Transformed encoder outputs [n, width]. */
  readonly inputs: Readonly<Record<'text' | 'image', Value>>;
  readonly dropout: Dropout;
}

/** Adds one tower; its result [n, dimension] has rows of unit length. */
export function addTower(tape: Tape, side: 'text' | 'image', parts: HeadParts): Value {
  const { spec, linear, dropout } = parts;
  const tower = spec[side];
  const input = dropout(`${side}.input`, parts.inputs[side], tower.inputDropout);
  const hidden = dropout(`${side}.hidden`, tape.relu(linear(`${side}.hidden`, input)), tower.hiddenDropout);
  const output = linear(spec.sharedOutput ? 'output' : `${side}.output`, hidden);
  return tape.l2Normalise(tower.skip ? tape.add(output, linear(`${side}.skip`, input)) : output);
}
