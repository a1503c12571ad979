import type { OnnxGraph } from '../../core/onnx/graph-builder.ts';

/**
 * Adam as graph nodes (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019,
 * algorithm 2), in the arithmetic of torch.optim.Adam and AdamW.
 */

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Share of a decayed parameter subtracted per step, times the learning rate. 0 is plain Adam. */
  readonly weightDecay: number;
  /** Gradients are scaled down together to at most this Euclidean length. Null disables it. */
  readonly clipNorm: number | null;
}

export const ADAM: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: null };

/** Scalars that change from step to step. */
export interface AdamSchedule {
  readonly learningRate: string;
  /** 1 - beta1^t */
  readonly correction1: string;
  /** sqrt(1 - beta2^t) */
  readonly correction2: string;
}

/** The scalars of step `t`, counted from 1. */
export function adamCorrections(options: AdamOptions, t: number): { correction1: number; correction2: number } {
  return { correction1: 1 - options.beta1 ** t, correction2: Math.sqrt(1 - options.beta2 ** t) };
}

export interface AdamSlot {
  readonly parameter: string;
  readonly gradient: string;
  readonly moment1: string;
  readonly moment2: string;
  readonly decay: boolean;
}

/** Adds the update of one parameter; returns the names of its new value and moments. */
export function addAdam(
  graph: OnnxGraph,
  options: AdamOptions,
  schedule: AdamSchedule,
  slot: AdamSlot,
): { parameter: string; moment1: string; moment2: string } {
  const average = (old: string, fresh: string, beta: number) =>
    graph.op('Add', [graph.op('Mul', [old, graph.scalar(beta)]), graph.op('Mul', [fresh, graph.scalar(1 - beta)])]);
  const moment1 = average(slot.moment1, slot.gradient, options.beta1);
  const moment2 = average(slot.moment2, graph.op('Mul', [slot.gradient, slot.gradient]), options.beta2);
  const root = graph.op('Div', [graph.op('Sqrt', [moment2]), schedule.correction2]);
  const step = graph.op('Div', [moment1, graph.op('Add', [root, graph.scalar(options.epsilon)])]);
  const size = graph.op('Div', [schedule.learningRate, schedule.correction1]);
  const kept =
    slot.decay && options.weightDecay > 0
      ? graph.op('Mul', [slot.parameter, oneMinus(graph, schedule.learningRate, options.weightDecay)])
      : slot.parameter;
  return { parameter: graph.op('Sub', [kept, graph.op('Mul', [step, size])]), moment1, moment2 };
}

/** Scales gradients together so that their common Euclidean length is at most `limit` (Pascanu et al. 2013). */
export function addClipping(graph: OnnxGraph, gradients: readonly string[], limit: number): string[] {
  const squares = gradients.map((gradient) => graph.op('ReduceSumSquare', [gradient], { keepdims: { int: 0 } }));
  const length = graph.op('Sqrt', [squares.length === 1 ? squares[0]! : graph.op('Sum', squares)]);
  const ratio = graph.op('Div', [graph.scalar(limit), graph.op('Add', [length, graph.scalar(1e-6)])]);
  const scale = graph.op('Min', [ratio, graph.scalar(1)]);
  return gradients.map((gradient) => graph.op('Mul', [gradient, scale]));
}

function oneMinus(graph: OnnxGraph, learningRate: string, weightDecay: number): string {
  return graph.op('Sub', [graph.scalar(1), graph.op('Mul', [learningRate, graph.scalar(weightDecay)])]);
}
