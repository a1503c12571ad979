import type { Tape, Value } from './autodiff.ts';
import type { LossSpec } from './recipes.ts';

/** Minimum learned temperature: CLIP scales logits by at most 100 (Radford et al. 2021, section 2.5). */
const LARGEST_SCALE = 100;
/** Added to the logit of a pair that is neither right nor wrong; its softmax share is then exactly 0. */
const MASKED = -1e4;

/** The learned logarithm of 1 / temperature: a parameter like the others, but without weight decay. */
export const TEMPERATURE = 'log_scale';

/** Inputs of the loss. */
export interface LossInputs {
  /** [n, d], unit rows. */
  readonly text: Value;
  readonly image: Value;
  /** [n], the picture of each pair; only needed for `maskSamePicture`. */
  readonly pictures: Value | null;
  /** The parameter {@link TEMPERATURE}, if it is learned. */
  readonly logScale: Value | null;
  /** Rows [n, k] whose products are the teachers' logits, and the teachers' share of the target. */
  readonly teacher: { readonly text: Value; readonly image: Value; readonly weight: number } | null;
  /** Unit rows [all, d] of pictures and their numbers [1, all]: candidates for the texts, instead of the batch. */
  readonly gallery?: { readonly image: Value; readonly numbers: Value } | null;
}

/**
 * InfoNCE (van den Oord et al. 2018): pair i of text [n, d] and image [n, d] is right; all other combinations in the
 * batch are wrong, or as right as the teachers rate them.
 */
export function addContrastiveLoss(tape: Tape, spec: LossSpec, inputs: LossInputs): Value {
  const { graph } = tape;
  const { text, image, logScale, teacher } = inputs;
  const n = text.shape[0] as number;
  const scale =
    logScale === null
      ? tape.scalar(1 / spec.temperature)
      : tape.exp(tape.clampAbove(logScale, Math.log(LARGEST_SCALE)));
  const identity = graph.weights(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
  );
  const mask = inputs.pictures === null ? null : addMask(tape, inputs.pictures, identity, n);
  const masked = (logits: Value) => (mask === null ? logits : tape.add(logits, mask));
  const logits = masked(tape.multiply(tape.linear(text, image), scale));
  const taught = teacher === null ? null : masked(tape.linear(teacher.text, teacher.image));
  const target = (axis: 0 | 1): Value => {
    if (teacher === null || taught === null) return tape.value(identity, [n, n]);
    const soft = graph.op('Softmax', [taught.name], { axis: { int: axis } });
    const hard = graph.op('Mul', [identity, graph.scalar(1 - teacher.weight)]);
    return tape.value(graph.op('Add', [hard, graph.op('Mul', [soft, graph.scalar(teacher.weight)])]), [n, n]);
  };
  const textToImage =
    inputs.gallery == null
      ? tape.crossEntropy(logits, target(1), 1)
      : tape.crossEntropy(tape.multiply(tape.linear(text, inputs.gallery.image), scale), numbered(tape, inputs), 1);
  if (spec.direction === 'text-to-image') return textToImage;
  return tape.multiply(tape.add(textToImage, tape.crossEntropy(logits, target(0), 0)), tape.scalar(0.5));
}

/** [n, all], 1 where a picture of the gallery is the text's own, else 0. */
function numbered({ graph, value }: Tape, { pictures, gallery }: LossInputs): Value {
  const own = graph.op('Unsqueeze', [pictures!.name, graph.ints([1])]);
  const same = graph.op('Equal', [own, gallery!.numbers.name]);
  return value(graph.cast(same, 'float32'), [pictures!.shape[0]!, 'all']);
}

/** [n, n], {@link MASKED} for two pairs of one picture, else 0. */
function addMask({ graph, value }: Tape, pictures: Value, identity: string, n: number): Value {
  const same = graph.op('Equal', [
    graph.op('Unsqueeze', [pictures.name, graph.ints([0])]),
    graph.op('Unsqueeze', [pictures.name, graph.ints([1])]),
  ]);
  const others = graph.op('Sub', [graph.cast(same, 'float32'), identity]);
  return value(graph.op('Mul', [others, graph.scalar(MASKED)]), [n, n]);
}
