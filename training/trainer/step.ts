import { float32, loadOnnx, type OnnxModel, type Tensor, uint8 } from '../../core/onnx/onnx-session.ts';
import type { HalfRows } from '../features/float16-matrix.ts';
import type { Random } from '../random.ts';
import type { TowerWidths } from './head-graph.ts';
import { TEMPERATURE } from './loss.ts';
import { adamCorrections } from './optimizer.ts';
import type { Recipe } from './recipes.ts';
import {
  AVERAGE,
  GALLERY,
  GALLERY_NUMBERS,
  type GraphOptions,
  lossGraph,
  NEXT,
  PULL,
  stateSlots,
  stepRows,
  TEACHER,
  towerGraph,
  trainable,
  trainingGraph,
} from './step-graph.ts';

/** Runs the training graphs: keeps the state between steps and feeds the inputs. */

/** Inputs of a step: row i of every input belongs to pair i. */
export interface PairBatch {
  /** [batch, width], transformed encoder outputs. */
  readonly text: Float32Array;
  readonly image: Float32Array;
  /** [batch], equal for pairs whose texts fit each other's pictures. */
  readonly pictures: Float32Array;
  /** [batch, teachers * their dimension] each, if the recipe distils: see {@link createTeachers}. */
  readonly teacher?: { readonly text: Float32Array; readonly image: Float32Array };
  /** [batch, dimension], unit vectors, if the recipe trains a text side into a space. */
  readonly pull?: Float32Array;
  /** [all pictures, dimension], unit vectors, number p in row p, if texts are told apart among all pictures. */
  readonly gallery?: Float32Array;
}

/** Parameters, moments of Adam and, if the recipe averages, averaged weights, by name. */
export type State = ReadonlyMap<string, Float32Array>;

export interface StepOptions extends GraphOptions {
  /** Threads inside one operator. The same number gives the same bits; another may round differently. */
  readonly threads: number;
}

export interface TrainingStep {
  /** The values after the last step, by name. Valid until the next step: copy them to keep them. */
  state(): State;
  /**
   * Runs step `t`, counted from 1, and returns the loss before the update. `random` determines the dropout. The batch
   * may be smaller than the recipe's.
   */
  run(batch: PairBatch, step: { t: number; learningRate: number; random: Random }): Promise<number>;
  close(): Promise<void>;
}

/** The state before the first step, from the parameters of the head. */
export function initialState(recipe: Recipe, widths: TowerWidths, parameters: State): State {
  const start = new Map(parameters);
  if (recipe.loss.learnTemperature) start.set(TEMPERATURE, Float32Array.of(-Math.log(recipe.loss.temperature)));
  return new Map(
    stateSlots(recipe, widths).map(({ name, shape }) => {
      const value = start.get(name.endsWith(AVERAGE) ? name.slice(0, -AVERAGE.length) : name);
      return [name, value?.slice() ?? new Float32Array(elements(shape))];
    }),
  );
}

/** Copies of the parameters to export and validate, averaged if the recipe averages. */
export function exportedParameters(recipe: Recipe, widths: TowerWidths, state: State): State {
  const suffix = recipe.average === null ? '' : AVERAGE;
  return new Map(trainable(recipe, widths).map(({ name }) => [name, state.get(name + suffix)!.slice()]));
}

/** Builds and loads the graph of a step. */
export async function createTrainingStep(options: StepOptions, initial: State): Promise<TrainingStep> {
  const { recipe, widths } = options;
  const graphOf = bySize(async (own) => {
    const { bytes, masks } = trainingGraph(own);
    const drops = masks.map((mask) => ({ ...mask, data: new Uint8Array(stepRows(own.recipe) * mask.width) }));
    return { onnx: await loadOnnx(bytes, { threads: options.threads, arena: true }), drops };
  }, options);
  const slots = stateSlots(recipe, widths);
  // onnxruntime must not write a tensor that it reads, so the state exists twice and the copies swap roles in every
  // step.
  let now = new Map(
    slots.map(({ name, shape }) => [name, float32(checkedValue(initial, name, elements(shape)).slice(), shape)]),
  );
  let next = new Map(slots.map(({ name, shape }) => [name, float32(new Float32Array(elements(shape)), shape)]));
  const loss = float32(new Float32Array(1), []);
  return {
    state: () => new Map([...now].map(([name, tensor]) => [name, tensor.data as Float32Array])),
    async run(batch, { t, learningRate, random }) {
      const { onnx, drops } = await graphOf.of(batch);
      const corrections = adamCorrections(recipe.optimizer, t);
      const feeds: Record<string, Tensor> = {
        ...Object.fromEntries(now),
        ...batchFeeds(options, batch),
        learning_rate: scalar(learningRate),
        correction1: scalar(corrections.correction1),
        correction2: scalar(corrections.correction2),
      };
      for (const { name, width, keep, data } of drops) {
        random.bernoulli(data, keep);
        feeds[name] = uint8(data, [data.length / width, width]);
      }
      await onnx.run(feeds, { loss, ...Object.fromEntries([...next].map(([name, tensor]) => [name + NEXT, tensor])) });
      [now, next] = [next, now];
      return (loss.data as Float32Array)[0]!;
    },
    close: () => graphOf.close(({ onnx }) => onnx.release()),
  };
}

/** Evaluates a head with given parameters, without dropout. */
export interface Validator {
  /** Mean loss over the batches. */
  loss(batches: Iterable<PairBatch>, parameters: State): Promise<number>;
  /** Unit vectors [rows, dimension] of transformed rows. */
  embed(side: 'text' | 'image', rows: HalfRows, parameters: State): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Rows embedded at a time: a few megabytes. */
const ROWS = 1024;

/** Builds and loads the graph of each tower. */
export async function loadTowers(options: StepOptions) {
  const { threads } = options;
  return {
    text: await loadOnnx(towerGraph(options, 'text'), { threads }),
    image: await loadOnnx(towerGraph(options, 'image'), { threads }),
  };
}

/** Builds and loads the graphs of the loss and of each tower. They run once per epoch and keep no memory in between. */
export async function createValidator(options: StepOptions): Promise<Validator> {
  const { recipe, widths, threads } = options;
  const lossOf = bySize((own) => loadOnnx(lossGraph(own), { threads }), options);
  const towers = await loadTowers(options);
  const slots = trainable(recipe, widths);
  const fixed = (model: OnnxModel, parameters: State) =>
    Object.fromEntries(
      slots
        .filter(({ name }) => model.inputNames.includes(name))
        .map(({ name, shape }) => [name, float32(checkedValue(parameters, name, elements(shape)), shape)]),
    );
  return {
    async loss(batches, parameters) {
      let [sum, count] = [0, 0];
      for (const batch of batches) {
        const lossModel = await lossOf.of(batch);
        const feeds = fixed(lossModel, parameters);
        const answer = await lossModel.run({ ...feeds, ...batchFeeds(options, batch) });
        sum += (answer.loss!.data as Float32Array)[0]!;
        count++;
      }
      return sum / count;
    },
    async embed(side, rows, parameters) {
      const { dimension } = recipe.head;
      const feeds = fixed(towers[side], parameters);
      const out = new Float32Array(rows.rows * dimension);
      for (let start = 0; start < rows.rows; start += ROWS) {
        const count = Math.min(ROWS, rows.rows - start);
        const input = float32(rows.block(start, count), [count, rows.columns]);
        const answer = await towers[side].run({ ...feeds, [side]: input });
        out.set(answer.embedding!.data as Float32Array, start * dimension);
      }
      return out;
    },
    async close() {
      await lossOf.close((model) => model.release());
      for (const model of [towers.text, towers.image]) await model.release();
    },
  };
}

/**
 * Graphs by the number of rows in a batch, which is a constant of the graph: most batches have one size, the last may
 * differ.
 */
function bySize<T>(load: (options: StepOptions) => Promise<T>, options: StepOptions) {
  const { recipe } = options;
  const loaded = new Map<number, Promise<T>>();
  return {
    of({ pictures }: PairBatch): Promise<T> {
      const batch = pictures.length - (recipe.pseudo?.batch ?? 0);
      const found = loaded.get(batch) ?? load({ ...options, recipe: { ...recipe, batch } });
      loaded.set(batch, found);
      return found;
    },
    async close(release: (graph: T) => Promise<void>): Promise<void> {
      for (const graph of loaded.values()) await release(await graph);
    },
  };
}

function batchFeeds({ recipe, widths }: GraphOptions, batch: PairBatch): Record<string, Tensor> {
  const rows = batch.pictures.length;
  const feeds: Record<string, Tensor> = {
    text: float32(batch.text, [rows, widths.text]),
    image: float32(batch.image, [rows, widths.image]),
  };
  if (recipe.loss.maskSamePicture) feeds.pictures = float32(batch.pictures, [rows]);
  if (recipe.into !== undefined) {
    const { dimension } = recipe.head;
    feeds[PULL] = float32(batch.pull!, [rows, dimension]);
    const all = batch.gallery!.length / dimension;
    feeds[GALLERY] = float32(batch.gallery!, [all, dimension]);
    feeds[GALLERY_NUMBERS] = float32(
      Float32Array.from({ length: all }, (_, at) => at),
      [1, all],
    );
  }
  if (recipe.distil !== null) {
    const shape = [rows, recipe.distil.teachers * recipe.distil.teacher.dimension];
    for (const side of ['text', 'image'] as const) feeds[TEACHER + side] = float32(batch.teacher![side], shape);
  }
  return feeds;
}

function checkedValue(values: State, name: string, length: number): Float32Array {
  const value = values.get(name);
  if (value?.length !== length) throw new Error(`expected ${length} values of ${name}, got ${value?.length ?? 'none'}`);
  return value;
}

function scalar(value: number): Tensor {
  return float32(Float32Array.of(value), []);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
