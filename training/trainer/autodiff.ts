import type { OnnxGraph, Shape } from '../../core/onnx/graph-builder.ts';

/**
 * Reverse-mode differentiation over an ONNX graph. Every operation below adds its forward nodes at once and remembers
 * how a gradient of its result becomes gradients of its arguments; {@link Tape.gradients} then walks the tape backwards
 * and adds those nodes too. Nothing is computed here: onnxruntime runs the finished graph.
 * The rules are the textbook ones (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3); each is checked
 * against finite differences in test/training/trainer/autodiff.test.ts.
 */

/** A float32 value of the graph and what the tape needs to know about it. */
export interface Value {
  readonly name: string;
  readonly shape: Shape;
  /** Whether it depends on a parameter. Nothing is differentiated with respect to other values. */
  readonly differentiable: boolean;
}

interface Step {
  readonly result: Value;
  readonly args: readonly Value[];
  /** Gradient of the result to gradients of the arguments; called only for differentiable arguments. */
  readonly backward: readonly ((grad: string) => string)[];
}

export class Tape {
  readonly graph: OnnxGraph;
  readonly #steps: Step[] = [];

  constructor(graph: OnnxGraph) {
    this.graph = graph;
  }

  /** A differentiable value, fed at run time under `name`. */
  parameter(name: string, shape: readonly number[]): Value {
    return { name: this.graph.input(name, 'float32', shape), shape, differentiable: true };
  }

  /** A value fed at run time that is not differentiated. */
  input(name: string, shape: Shape): Value {
    return this.value(this.graph.input(name, 'float32', shape), shape);
  }

  /** Wraps something already in the graph that does not depend on a parameter. */
  value(name: string, shape: Shape): Value {
    return { name, shape, differentiable: false };
  }

  scalar(value: number): Value {
    return this.value(this.graph.scalar(value), []);
  }

  /** a b^T for a [n, k] and b [m, k], plus `bias` [m] when given: a fully connected layer with weights b. */
  linear(a: Value, b: Value, bias?: Value): Value {
    const { graph } = this;
    const inputs = bias === undefined ? [a.name, b.name] : [a.name, b.name, bias.name];
    const name = graph.op('Gemm', inputs, { transB: { int: 1 } });
    const backward = [
      (grad: string) => graph.op('Gemm', [grad, b.name]),
      (grad: string) => graph.op('Gemm', [grad, a.name], { transA: { int: 1 } }),
      (grad: string) => this.#sum(grad, [0], false),
    ];
    return this.#record(name, [a.shape[0]!, b.shape[0]!], bias === undefined ? [a, b] : [a, b, bias], backward);
  }

  /** a + b with numpy's broadcasting. */
  add(a: Value, b: Value): Value {
    const shape = broadcast(a.shape, b.shape);
    return this.#record(
      this.graph.op('Add', [a.name, b.name]),
      shape,
      [a, b],
      [(grad) => this.#reduceTo(grad, shape, a.shape), (grad) => this.#reduceTo(grad, shape, b.shape)],
    );
  }

  /** a * b, element by element, with numpy's broadcasting. Also scales by a scalar and applies a dropout mask. */
  multiply(a: Value, b: Value): Value {
    const shape = broadcast(a.shape, b.shape);
    const times = (grad: string, other: Value, own: Value) =>
      this.#reduceTo(this.graph.op('Mul', [grad, other.name]), shape, own.shape);
    return this.#record(
      this.graph.op('Mul', [a.name, b.name]),
      shape,
      [a, b],
      [(grad) => times(grad, b, a), (grad) => times(grad, a, b)],
    );
  }

  /** max(a, 0); the gradient at 0 is 0, as in PyTorch. */
  relu(a: Value): Value {
    const { graph } = this;
    const name = graph.op('Relu', [a.name]);
    const backward = (grad: string) => {
      const positive = graph.op('Sign', [name]);
      return graph.op('Mul', [grad, positive]);
    };
    return this.#record(name, a.shape, [a], [backward]);
  }

  exp(a: Value): Value {
    const name = this.graph.op('Exp', [a.name]);
    return this.#record(name, a.shape, [a], [(grad) => this.graph.op('Mul', [grad, name])]);
  }

  /** min(a, limit). The gradient beyond the limit is zero, so an optimiser leaves `a` where it is. */
  clampAbove(a: Value, limit: number): Value {
    const { graph } = this;
    const bound = graph.scalar(limit);
    const backward = (grad: string) => {
      const inside = graph.op('LessOrEqual', [a.name, bound]);
      return graph.op('Mul', [grad, graph.cast(inside, 'float32')]);
    };
    return this.#record(graph.op('Min', [a.name, bound]), a.shape, [a], [backward]);
  }

  /** Normalises rows; rows shorter than 1e-12 are divided by 1e-12 (torch.nn.functional.normalize). */
  l2Normalise(a: Value): Value {
    const { graph } = this;
    const length = graph.op('Max', [
      graph.op('ReduceL2', [a.name], { axes: { ints: [1] }, keepdims: { int: 1 } }),
      graph.scalar(1e-12),
    ]);
    const name = graph.op('Div', [a.name, length]);
    // d(x/|x|) = (g - y (y.g)) / |x|: only the part across y turns it.
    const backward = (grad: string) => {
      const along = this.#sum(graph.op('Mul', [grad, name]), [1], true);
      return graph.op('Div', [graph.op('Sub', [grad, graph.op('Mul', [name, along])]), length]);
    };
    return this.#record(name, a.shape, [a], [backward]);
  }

  /**
   * Mean over the rows of -sum(target * log softmax(logits)), a scalar, for logits [n, m] and targets of that shape
   * whose rows sum to 1; with `axis` 0 over columns instead. Targets are not differentiated.
   */
  crossEntropy(logits: Value, target: Value, axis: 0 | 1): Value {
    const { graph } = this;
    const count = logits.shape[1 - axis] as number;
    const logProbability = graph.op('LogSoftmax', [logits.name], { axis: { int: axis } });
    const total = this.#sum(graph.op('Mul', [target.name, logProbability]), [0, 1], false);
    const scale = graph.scalar(1 / count);
    const backward = (grad: string) => {
      const difference = graph.op('Sub', [graph.op('Exp', [logProbability]), target.name]);
      return graph.op('Mul', [difference, graph.op('Mul', [grad, scale])]);
    };
    return this.#record(graph.op('Mul', [graph.op('Neg', [total]), scale]), [], [logits], [backward]);
  }

  /** Sum of all elements, a scalar. */
  sum(a: Value): Value {
    const { graph } = this;
    const name = this.#sum(
      a.name,
      a.shape.map((_, i) => i),
      false,
    );
    return this.#record(name, [], [a], [(grad) => graph.op('Expand', [grad, graph.op('Shape', [a.name])])]);
  }

  /**
   * Adds the backward pass of the scalar `loss` and returns the names of its gradients with respect to `wrt`, in order.
   * @throws {Error} if one of them has no influence on the loss: that is a mistake in the graph
   */
  gradients(loss: Value, wrt: readonly Value[]): string[] {
    const grads = new Map<string, string>([[loss.name, this.graph.scalar(1)]]);
    for (const { result, args, backward } of this.#steps.toReversed()) {
      const grad = grads.get(result.name);
      if (grad === undefined) continue;
      for (const [i, arg] of args.entries()) {
        if (!arg.differentiable) continue;
        const more = backward[i]!(grad);
        const sofar = grads.get(arg.name);
        grads.set(arg.name, sofar === undefined ? more : this.graph.op('Add', [sofar, more]));
      }
    }
    return wrt.map(({ name }) => {
      const grad = grads.get(name);
      if (grad === undefined) throw new Error(`expected the loss to depend on ${name}`);
      return grad;
    });
  }

  #record(name: string, shape: Shape, args: readonly Value[], backward: Step['backward']): Value {
    const result = { name, shape, differentiable: args.some((arg) => arg.differentiable) };
    if (result.differentiable) this.#steps.push({ result, args, backward });
    return result;
  }

  #sum(name: string, axes: readonly number[], keepDims: boolean): string {
    return this.graph.op('ReduceSum', [name, this.graph.ints(axes)], { keepdims: { int: keepDims ? 1 : 0 } });
  }

  /** Undoes broadcasting: sums a gradient of shape `from` over the axes along which `to` was repeated. */
  #reduceTo(grad: string, from: Shape, to: Shape): string {
    const added = from.length - to.length;
    const axes = from.flatMap((size, i) => (i < added || to[i - added] !== size ? [i] : []));
    if (axes.length === 0) return grad;
    const reduced = this.#sum(grad, axes, true);
    return added === 0 ? reduced : this.graph.op('Squeeze', [reduced, this.graph.ints(axes.slice(0, added))]);
  }
}

/** The shape of a + b. Sizes known only at run time must have the same name. */
function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new Error(`expected shapes that broadcast, got [${a.join(', ')}] and [${b.join(', ')}]`);
    }
    return x === 1 ? y : x;
  });
}
