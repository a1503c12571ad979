import { float32 } from '../../core/onnx/onnx-session.ts';
import { TEMPERATURE } from './loss.ts';
import { loadTowers, type PairBatch, type State, type StepOptions } from './step.ts';

/** Trained heads that tell another head how similar texts and pictures are. */
export interface Teachers {
  /**
   * The batch with the vectors of all teachers, concatenated: the product of a text row and a picture row is the mean
   * of the teachers' logits, that is, cosines divided by each teacher's own temperature.
   */
  teach(batch: PairBatch): Promise<PairBatch>;
  close(): Promise<void>;
}

/** `teachers` are the parameters of heads with the same recipe. */
export async function createTeachers(options: StepOptions, teachers: readonly State[]): Promise<Teachers> {
  const { recipe, widths } = options;
  const { dimension } = recipe.head;
  const width = teachers.length * dimension;
  const towers = await loadTowers(options);
  const scales = teachers.map((teacher) => {
    const learned = teacher.get(TEMPERATURE);
    return (learned === undefined ? 1 / recipe.loss.temperature : Math.exp(learned[0]!)) / teachers.length;
  });
  const embed = async (side: 'text' | 'image', values: Float32Array): Promise<Float32Array> => {
    const rows = values.length / widths[side];
    const out = new Float32Array(rows * width);
    const input = float32(values, [rows, widths[side]]);
    for (const [k, teacher] of teachers.entries()) {
      const parameters = towers[side].inputNames
        .filter((name) => name !== side)
        .map((name) => [name, float32(teacher.get(name)!, towers[side].shapeOf(name) as number[])] as const);
      const answer = await towers[side].run({ ...Object.fromEntries(parameters), [side]: input });
      const vectors = answer.embedding!.data as Float32Array;
      const scale = side === 'text' ? scales[k]! : 1;
      for (let row = 0; row < rows; row++) {
        for (let d = 0; d < dimension; d++) {
          out[row * width + k * dimension + d] = scale * vectors[row * dimension + d]!;
        }
      }
    }
    return out;
  };
  return {
    async teach(batch) {
      return { ...batch, teacher: { text: await embed('text', batch.text), image: await embed('image', batch.image) } };
    },
    async close() {
      for (const tower of [towers.text, towers.image]) await tower.release();
    },
  };
}
