import type { Tape, Value } from './autodiff.ts';
import type { LossSpec } from './recipes.ts';

/** Lowest temperature that is learned: CLIP's logits are scaled by at most 100 (Radford et al. 2021, section 2.5). */
const LARGEST_SCALE = 100;
/** Added to the logit of a pair that is neither right nor wrong; its share of a softmax is then exactly 0. */
const MASKED = -1e4;

/** The learned logarithm of 1 / temperature, a parameter like the others but never decayed. */
export const TEMPERATURE = 'log_scale';

/**
 * InfoNCE (van den Oord et al. 2018): pair i of text [n, d] and image [n, d] is right, all others of the batch are wrong.
 * @param pictures [n], which picture each pair is of; needed for `maskSamePicture` only
 */
export function addContrastiveLoss(
  tape: Tape,
  spec: LossSpec,
  { text, image, pictures, logScale }: { text: Value; image: Value; pictures: Value | null; logScale: Value | null },
): Value {
  const { graph } = tape;
  const n = text.shape[0] as number;
  const scale =
    logScale === null
      ? tape.scalar(1 / spec.temperature)
      : tape.exp(tape.clampAbove(logScale, Math.log(LARGEST_SCALE)));
  let logits = tape.multiply(tape.linear(text, image), scale);
  const identity = graph.weights(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
  );
  if (pictures !== null) {
    const same = graph.op('Equal', [
      graph.op('Unsqueeze', [pictures.name, graph.ints([0])]),
      graph.op('Unsqueeze', [pictures.name, graph.ints([1])]),
    ]);
    const others = graph.op('Sub', [graph.op('Cast', [same], { to: { int: 1 } }), identity]);
    logits = tape.add(logits, tape.value(graph.op('Mul', [others, graph.scalar(MASKED)]), [n, n]));
  }
  const target = tape.value(identity, [n, n]);
  const textToImage = tape.crossEntropy(logits, target, 1);
  if (spec.direction === 'text-to-image') return textToImage;
  return tape.multiply(tape.add(textToImage, tape.crossEntropy(logits, target, 0)), tape.scalar(0.5));
}
