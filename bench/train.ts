import { Random } from '../training/random.ts';
import { headParameters, initialise } from '../training/trainer/head-graph.ts';
import { RECIPES, type Recipe, teacherOf } from '../training/trainer/recipes.ts';
import { createTrainingStep, initialState, type PairBatch, type State } from '../training/trainer/step.ts';
import { stepRows } from '../training/trainer/step-graph.ts';
import { createTeachers } from '../training/trainer/teachers.ts';

/**
 * A training step of the published recipe: one ONNX graph, compared with plain loops of the same arithmetic. Then steps
 * of the default recipe, alone and with teachers, and the duration of a whole training with teachers.
 */

const WIDTHS = { text: 384, image: 1000 };
const DIMENSION = 64;
const STEPS = 30;

export async function run(): Promise<void> {
  await seedSteps();
  await bestSteps();
}

async function seedSteps(): Promise<void> {
  const seed = RECIPES.seed!;
  const recipe: Recipe = { ...seed, batch: 64 };
  const random = new Random(1, 'bench');
  const start = initialState(recipe, WIDTHS, initialise(headParameters(recipe.head, WIDTHS), random));
  const batch: PairBatch = {
    text: unitRows(random, recipe.batch, WIDTHS.text),
    image: unitRows(random, recipe.batch, WIDTHS.image),
    pictures: new Float32Array(recipe.batch),
  };

  const table: Record<string, { 'ms a step': string; 'loss after 30 steps': string; ratio: string }> = {};
  let reference = 0;
  const report = (name: string, milliseconds: number, loss: number) => {
    reference ||= milliseconds;
    table[name] = {
      'ms a step': milliseconds.toFixed(2),
      'loss after 30 steps': loss.toFixed(5),
      ratio: (milliseconds / reference).toFixed(2),
    };
  };
  for (const threads of [1, 2]) {
    const step = await createTrainingStep({ recipe, widths: WIDTHS, threads }, start);
    let loss = 0;
    const times = await timed(async (t) => {
      loss = await step.run(batch, { t, learningRate: recipe.learningRate, random });
    });
    await step.close();
    report(`one ONNX graph, ${threads} thread${threads > 1 ? 's' : ''}`, times, loss);
  }
  const plain = new PlainStep(start, recipe.batch);
  let loss = 0;
  const times = await timed(async (t) => {
    loss = plain.run(batch, t, recipe.learningRate);
  });
  report('plain loops', times, loss);
  console.table(table);
}

/** Widths of the default recipe on the default encoders, and the captions of Flickr8k's training split. */
const BEST_WIDTHS = { text: 1152, image: 2496 };
const BEST_CAPTIONS = 30_000;
const BEST_STEPS = 10;

async function bestSteps(): Promise<void> {
  const best = RECIPES.best!;
  const { teachers } = best.distil!;
  const teacher = teacherOf(best)!;
  const random = new Random(1, 'bench');
  const rows = stepRows(best);
  const batch: PairBatch = {
    text: unitRows(random, rows, BEST_WIDTHS.text),
    image: unitRows(random, rows, BEST_WIDTHS.image),
    pictures: Float32Array.from({ length: rows }, (_, i) => i),
  };
  const startOf = (recipe: Recipe) =>
    initialState(recipe, BEST_WIDTHS, initialise(headParameters(recipe.head, BEST_WIDTHS), random));
  const table: Record<string, { 'alone, ms': string; 'taught, ms': string; [whole: string]: string }> = {};
  for (const threads of [1, 2]) {
    const ms: number[] = [];
    for (const recipe of [teacher, best]) {
      const options = { recipe, widths: BEST_WIDTHS, threads };
      const step = await createTrainingStep(options, startOf(recipe));
      const taught = await createTeachers(
        { ...options, recipe: teacher },
        Array(recipe.distil === null ? 0 : teachers).fill(startOf(teacher)),
      );
      const once = async (t: number) => {
        const full = recipe.distil === null ? batch : await taught.teach(batch);
        await step.run(full, { t, learningRate: recipe.learningRate, random });
      };
      ms.push(await timed(once, BEST_STEPS));
      await step.close();
      await taught.close();
    }
    const [alone, full] = ms as [number, number];
    const steps = Math.floor(BEST_CAPTIONS / best.batch) * best.epochs;
    table[`best, ${threads} thread${threads > 1 ? 's' : ''}`] = {
      'alone, ms': alone.toFixed(0),
      'taught, ms': full.toFixed(0),
      [`minutes for ${teachers} x ${steps} steps alone and ${steps} taught`]: (
        (steps * (teachers * alone + full)) /
        60_000
      ).toFixed(1),
    };
  }
  console.table(table);
}

/** Median milliseconds over this many runs. */
async function timed(step: (t: number) => Promise<void>, runs = STEPS): Promise<number> {
  const times: number[] = [];
  for (let t = 1; t <= runs; t++) {
    const before = performance.now();
    await step(t);
    times.push(performance.now() - before);
  }
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)]!;
}

interface Forward {
  readonly x: Float32Array;
  readonly width: number;
  readonly hidden: Float32Array;
  readonly out: Float32Array;
  readonly unit: Float32Array;
}

/** The step written without a library; loops are ordered for the cache. */
class PlainStep {
  readonly #state: Map<string, Float32Array>;
  readonly #n: number;

  constructor(start: State, batch: number) {
    this.#state = new Map([...start].map(([name, values]) => [name, values.slice()]));
    this.#n = batch;
  }

  run({ text: texts, image: images }: PairBatch, t: number, learningRate: number): number {
    const text = this.#forward('text', texts, WIDTHS.text);
    const image = this.#forward('image', images, WIDTHS.image);
    const { loss, dText, dImage } = this.#contrast(text.unit, image.unit);
    const gradients = new Map<string, Float32Array>();
    this.#backward('text', text, dText, gradients);
    this.#backward('image', image, dImage, gradients);
    for (const [name, gradient] of gradients) this.#adam(name, gradient, t, learningRate);
    return loss;
  }

  #forward(side: string, x: Float32Array, width: number): Forward {
    const hidden = this.#linear(`${side}.hidden`, x, width).map((v) => Math.max(v, 0));
    const out = this.#linear('output', hidden, DIMENSION);
    return { x, width, hidden, out, unit: normaliseRows(out, DIMENSION) };
  }

  #linear(name: string, x: Float32Array, width: number): Float32Array {
    const [weight, bias] = [this.#state.get(`${name}.weight`)!, this.#state.get(`${name}.bias`)!];
    const out = new Float32Array(this.#n * DIMENSION);
    for (let i = 0; i < this.#n; i++) {
      for (let j = 0; j < DIMENSION; j++) {
        let sum = bias[j]!;
        for (let k = 0; k < width; k++) sum += x[i * width + k]! * weight[j * width + k]!;
        out[i * DIMENSION + j] = sum;
      }
    }
    return out;
  }

  #contrast(text: Float32Array, image: Float32Array) {
    const [n, scale] = [this.#n, 1 / 0.07];
    const [dText, dImage] = [new Float32Array(text.length), new Float32Array(image.length)];
    let loss = 0;
    const logits = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let d = 0; d < DIMENSION; d++) sum += text[i * DIMENSION + d]! * image[j * DIMENSION + d]!;
        logits[j] = sum * scale;
      }
      const most = logits.reduce((a, b) => Math.max(a, b));
      const total = logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
      loss -= (logits[i]! - most - Math.log(total)) / n;
      for (let j = 0; j < n; j++) {
        const gradient = ((Math.exp(logits[j]! - most) / total - (i === j ? 1 : 0)) * scale) / n;
        for (let d = 0; d < DIMENSION; d++) {
          dText[i * DIMENSION + d]! += gradient * image[j * DIMENSION + d]!;
          dImage[j * DIMENSION + d]! += gradient * text[i * DIMENSION + d]!;
        }
      }
    }
    return { loss, dText, dImage };
  }

  #backward(
    side: string,
    { x, width, hidden, out, unit }: Forward,
    dUnit: Float32Array,
    gradients: Map<string, Float32Array>,
  ): void {
    const dOut = new Float32Array(out.length);
    for (let i = 0; i < this.#n; i++) {
      let [along, squares] = [0, 0];
      for (let d = i * DIMENSION; d < (i + 1) * DIMENSION; d++) {
        along += dUnit[d]! * unit[d]!;
        squares += out[d]! ** 2;
      }
      const length = Math.sqrt(squares);
      for (let d = i * DIMENSION; d < (i + 1) * DIMENSION; d++) dOut[d] = (dUnit[d]! - unit[d]! * along) / length;
    }
    const dHidden = this.#linearBackward('output', hidden, DIMENSION, dOut, gradients);
    for (let i = 0; i < dHidden.length; i++) if (hidden[i]! <= 0) dHidden[i] = 0;
    this.#linearBackward(`${side}.hidden`, x, width, dHidden, gradients, false);
  }

  #linearBackward(
    name: string,
    x: Float32Array,
    width: number,
    dOut: Float32Array,
    gradients: Map<string, Float32Array>,
    wantInput = true,
  ): Float32Array {
    const weight = this.#state.get(`${name}.weight`)!;
    const dWeight = gradients.get(`${name}.weight`) ?? new Float32Array(weight.length);
    const dBias = gradients.get(`${name}.bias`) ?? new Float32Array(DIMENSION);
    const dX = new Float32Array(wantInput ? x.length : 0);
    for (let i = 0; i < this.#n; i++) {
      for (let j = 0; j < DIMENSION; j++) {
        const gradient = dOut[i * DIMENSION + j]!;
        dBias[j]! += gradient;
        for (let k = 0; k < width; k++) dWeight[j * width + k]! += gradient * x[i * width + k]!;
        if (wantInput) for (let k = 0; k < width; k++) dX[i * width + k]! += gradient * weight[j * width + k]!;
      }
    }
    gradients.set(`${name}.weight`, dWeight).set(`${name}.bias`, dBias);
    return dX;
  }

  #adam(name: string, gradient: Float32Array, t: number, learningRate: number): void {
    const [value, m, v] = ['', '.moment1', '.moment2'].map((suffix) => this.#state.get(name + suffix)!);
    const [c1, c2] = [1 - 0.9 ** t, Math.sqrt(1 - 0.999 ** t)];
    for (let i = 0; i < gradient.length; i++) {
      m![i] = 0.9 * m![i]! + 0.1 * gradient[i]!;
      v![i] = 0.999 * v![i]! + 0.001 * gradient[i]! ** 2;
      value![i]! -= ((learningRate / c1) * m![i]!) / (Math.sqrt(v![i]!) / c2 + 1e-8);
    }
  }
}

function unitRows(random: Random, count: number, width: number): Float32Array {
  const rows = Float32Array.from({ length: count * width }, () => Math.abs(random.normal()) + 0.1);
  return normaliseRows(rows, width);
}

function normaliseRows(x: Float32Array, width: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += x[i]! ** 2;
    const length = Math.max(Math.sqrt(squares), 1e-12);
    for (let i = start; i < start + width; i++) out[i] = x[i]! / length;
  }
  return out;
}
