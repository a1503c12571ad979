import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { canonicalJson, isJsonObject } from '../../core/util/canonical-json.ts';
import { type TransformedPairs, transformRows } from '../features/feature-transform.ts';
import { HalfMatrix, type HalfRows } from '../features/float16-matrix.ts';
import { evaluate } from '../metrics/retrieval-metrics.ts';
import { Random } from '../random.ts';
import { stepsAnEpoch, trainingBatches, validationBatches } from './batches.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { bestOnTheWay, startingState } from './fine-tuning.ts';
import { headParameters, initialise, type TowerWidths } from './head-graph.ts';
import { learningRateAt } from './learning-rate.ts';
import { type Banks, bankOf } from './local-scaling.ts';
import { type Recipe, recipeFor, teacherOf } from './recipes.ts';
import {
  createTrainingStep,
  createValidator,
  exportedParameters,
  initialState,
  type State,
  type TrainingStep,
  type Validator,
} from './step.ts';
import { createTeachers } from './teachers.ts';
import { availableOutputs, type TrainingData } from './training-data.ts';
import { type TransformedData, transformData } from './transformed-data.ts';
import type { StoredHead, TrainedHead } from './write-head.ts';

/** Trains a head from features: a checkpoint after each epoch, and the best epoch at the end. */

export interface TrainingOptions {
  readonly recipe: Recipe;
  readonly data: Pick<TrainingData, 'train' | 'validation' | 'textOutputs' | 'classes' | 'phrases' | 'key'>;
  readonly seed: number;
  /** Threads inside one operator; affects the exact bits of the result. */
  readonly threads: number;
  /** Folder of the checkpoints. */
  readonly run: string;
  /** Resume after the last complete epoch in `run` instead of starting over. */
  readonly resume: boolean;
  /** Continue from this head with a recipe from `fineTuning`, instead of starting at random. */
  readonly start?: StoredHead;
  /** Export this epoch, counted from 1, instead of the one with the lowest validation loss. */
  readonly epoch?: number;
  readonly onStep?: (done: number, total: number) => void;
  readonly onEpoch?: (figures: EpochFigures) => void;
}

export interface EpochFigures {
  /** From 1. */
  readonly epoch: number;
  /** Mean loss of its steps, with dropout. */
  readonly trainLoss: number;
  readonly validationLoss: number;
  /** Sum of the six recalls on validation, 0 to 600. */
  readonly recallSum: number;
}

export interface TrainingResult {
  readonly head: TrainedHead;
  /** The epoch that `head` comes from. */
  readonly epoch: number;
  /** How far `head` is between the start and that epoch, 0 to 1; null if training started at random. */
  readonly share: number | null;
  readonly curves: readonly EpochFigures[];
  /** Epochs after which the run was interrupted and resumed. */
  readonly resumedAfter: readonly number[];
}

/**
 * Trains a head. The same options give the same head bit for bit on the same machine, even if the run was interrupted
 * and resumed.
 * @throws {invalid-input} for fewer pairs than a batch, and if the loss becomes NaN or infinite
 * @throws {schema-mismatch} for a checkpoint of another run
 * @throws {unavailable} if a checkpoint cannot be written
 */
export async function trainHead(given: TrainingOptions): Promise<TrainingResult> {
  const options = { ...given, recipe: recipeFor(given.recipe, availableOutputs(given.data)) };
  checkEpoch(options);
  await using transformed = closing(
    await transformData(options.recipe, options.data, {
      seed: options.seed,
      // Not in the run's folder, which is emptied when a run starts.
      folder: `${options.run}.transformed`,
      learned: options.start?.transform,
    }),
  );
  const recipe = teacherOf(options.recipe);
  const start = options.start === undefined ? null : startingState(options.start);
  const runs = start === null ? (options.recipe.distil?.teachers ?? 0) + 1 : 1;
  const teachers: State[] = start === null ? [] : [start];
  for (let k = 1; k < runs && recipe !== null; k++) {
    const own = { seed: options.seed + k * TEACHER_SEEDS, run: `${options.run}.teacher-${k}`, epoch: undefined };
    const report = { onStep: partOf(options.onStep, k - 1, runs), onEpoch: undefined };
    teachers.push((await trainOnce({ ...options, ...own, ...report, recipe }, transformed, [])).parameters);
  }
  const student = { ...options, onStep: partOf(options.onStep, runs - 1, runs) };
  const { parameters, ...run } = await trainOnce(student, transformed, teachers);
  const found =
    start === null || options.recipe.allTheWay
      ? null
      : await searchTheWay(options, transformed.validation, start, parameters);
  const chosen = found?.parameters ?? parameters;
  const banks = options.start === undefined ? await banksOf(options, transformed, chosen) : options.start.banks;
  return {
    head: { spec: options.recipe.head, transform: transformed.transform, parameters: chosen, ...(banks && { banks }) },
    share: found?.share ?? (start === null ? null : 1),
    ...run,
  };
}

/** Vectors of training captions, phrases and pictures. A head that another continues from has some of more pictures. */
async function banksOf(
  { recipe, threads, data: { phrases } }: TrainingOptions,
  { transform, training, validation }: TransformedData,
  parameters: State,
): Promise<Banks | undefined> {
  if (!recipe.head.localScaling) return undefined;
  const judged = validated(recipe, validation);
  const validator = await createValidator({ recipe: judged, widths: widthsOf(validation), threads });
  const embed = (side: 'text' | 'image', rows: HalfRows) => validator.embed(side, rows, parameters);
  try {
    const { texts, images } = training.pairs;
    const captions = await embed('text', sampled(texts));
    const others = phrases === undefined ? [] : transform.text.map(() => phrases);
    const more = phrases === undefined ? [] : await embed('text', await transformRows(transform.text, others));
    const text = new Float32Array(captions.length + more.length);
    text.set(captions);
    text.set(more, captions.length);
    return { text, image: await embed('image', sampled(images[0]!)) };
  } finally {
    await validator.close();
  }
}

function sampled(rows: HalfRows): HalfRows {
  const bank = bankOf(rows.rows, (row) => rows.block(row, 1));
  return new HalfMatrix(bank.length / rows.columns, rows.columns, new Float16Array(bank));
}

/** Large enough that teachers of neighbouring seeds differ. */
const TEACHER_SEEDS = 1_000_003;

/** Converts the progress of one run to that of several equal ones. */
function partOf(onStep: TrainingOptions['onStep'], before: number, runs: number): TrainingOptions['onStep'] {
  return onStep && ((done, total) => onStep(before * total + done, runs * total));
}

/** Chooses how far to move from the initial to the trained weights, by validation loss. */
async function searchTheWay(
  { recipe, threads }: TrainingOptions,
  validation: TransformedPairs,
  start: State,
  trained: State,
): Promise<{ parameters: State; share: number }> {
  const judged = validated(recipe, validation);
  const validator = await createValidator({ recipe: judged, widths: widthsOf(validation), threads });
  const loss = (parameters: State) =>
    validator.loss(validationBatches(judged, validation, new Random(0, 'validation')), parameters);
  return bestOnTheWay(start, trained, loss).finally(() => validator.close());
}

/** The recipe for validation: no pseudo-features, no teachers, and batches that fit the number of pictures. */
function validated(recipe: Recipe, { images }: TransformedPairs): Recipe {
  return { ...recipe, pseudo: null, distil: null, batch: Math.min(recipe.batch, images[0]!.rows) };
}

function widthsOf({ texts, images }: TransformedPairs): TowerWidths {
  return { text: texts.columns, image: images[0]!.columns };
}

type TrainedRun = Omit<TrainingResult, 'head' | 'share'> & { readonly parameters: State };

/** One run over transformed pairs, from the start or its checkpoint to the best epoch. */
async function trainOnce(
  options: TrainingOptions,
  { training, validation }: TransformedData,
  teachers: readonly State[],
): Promise<TrainedRun> {
  const { recipe, seed, threads } = options;
  const widths = widthsOf(validation);
  const steps = stepsAnEpoch(recipe, training.pairs);

  const judged = validated(recipe, validation);
  const { step, curves, resumedAfter } = await beginRun(options, widths);
  const validator = await createValidator({ recipe: judged, widths, threads });
  const taughtBy = teacherOf(recipe);
  const taught = taughtBy === null ? null : await createTeachers({ recipe: taughtBy, widths, threads }, teachers);
  try {
    while (curves.length < recipe.epochs && !hasStopped(options, curves)) {
      const epoch = curves.length + 1;
      const random = new Random(seed, `epoch ${epoch}`);
      let [sum, t] = [0, (epoch - 1) * steps];
      for (const batch of trainingBatches(recipe, training, random)) {
        const learningRate = learningRateAt(recipe, ++t, steps * recipe.epochs);
        const full = taught === null ? batch : await taught.teach(batch);
        sum += finite(await step.run(full, { t, learningRate, random }), epoch, t);
        options.onStep?.(t, steps * recipe.epochs);
      }
      const exported = exportedParameters(recipe, widths, step.state());
      const batches = validationBatches(judged, validation, new Random(0, 'validation'));
      const validationLoss = finite(await validator.loss(batches, exported), epoch, t);
      const recallSum = await validationRecall(validator, validation, exported, options);
      const figures = { epoch, trainLoss: sum / steps, validationLoss, recallSum };
      curves.push(figures);
      await saveEpoch(options, { curves, resumedAfter, state: step.state() }, exported);
      options.onEpoch?.(figures);
    }
  } finally {
    await step.close();
    await validator.close();
    await taught?.close();
  }
  const epoch = options.epoch ?? bestFirst(recipe, curves)[0]!.epoch;
  const chosen = await readCheckpoint(weightsPath(options.run, epoch));
  if (chosen === null)
    throw new SightlineError('not-found', `expected the weights of epoch ${epoch} in ${options.run}`);
  return { parameters: chosen.tensors, epoch, curves, resumedAfter };
}

/** The step at the start of the run or after its last complete epoch; only it keeps the state. */
async function beginRun(
  options: TrainingOptions,
  widths: TowerWidths,
): Promise<Omit<Progress, 'state'> & { readonly step: TrainingStep }> {
  const { recipe, seed, threads } = options;
  const random = new Random(seed, 'initialise');
  const initial = options.start?.parameters ?? initialise(headParameters(recipe.head, widths), random);
  const fresh = { curves: [], resumedAfter: [], state: initialState(recipe, widths, initial) };
  const { state, curves, resumedAfter } = await startingPoint(options, fresh);
  return { curves, resumedAfter, step: await createTrainingStep({ recipe, widths, threads }, state) };
}

/** Early stopping (Prechelt 1998): whether the last epochs brought no improvement; off if an epoch is requested. */
function hasStopped({ recipe, epoch }: TrainingOptions, curves: readonly EpochFigures[]): boolean {
  if (recipe.patience === null || epoch !== undefined || curves.length === 0) return false;
  return curves.length - bestFirst(recipe, curves)[0]!.epoch >= recipe.patience;
}

interface Progress {
  readonly curves: EpochFigures[];
  readonly resumedAfter: readonly number[];
  readonly state: State;
}

/** Everything a run depends on; a checkpoint of anything else is not resumed. */
function configuration({ recipe, seed, threads, data, start }: TrainingOptions): string {
  return canonicalJson({ recipe, seed, threads, data: data.key, ...(start && { start: start.sha256 }) });
}

/** Settings in which two configurations differ, by name: "epochs 200, this one 2". */
function differences(that: unknown, own: unknown, name = ''): string[] {
  if (canonicalJson([that]) === canonicalJson([own])) return [];
  // Two hashes would say nothing.
  if (name === 'data') return ['other captioned pictures or encoders'];
  if (name === 'start') return ['another head to start from'];
  if (!isJsonObject(that) || !isJsonObject(own)) {
    const [theirs, ours] = [that, own].map((value) => (value === undefined ? 'none' : canonicalJson(value)));
    return [`${name} ${theirs}, this one ${ours}`];
  }
  const below = name === '' || name === 'recipe' ? '' : `${name}.`;
  const keys = Object.keys({ ...that, ...own });
  return keys.flatMap((key) => differences(that[key], own[key], `${below}${key}`));
}

async function startingPoint(options: TrainingOptions, fresh: Progress): Promise<Progress> {
  const path = statePath(options.run);
  const found = options.resume ? await readCheckpoint(path) : null;
  if (found === null) {
    await rm(options.run, { recursive: true, force: true });
    await mkdir(options.run, { recursive: true });
    return fresh;
  }
  const [expected, got] = [configuration(options), String(found.facts.configuration)];
  if (got !== expected) {
    const has = differences(JSON.parse(got), JSON.parse(expected)).join('; ');
    throw new SightlineError('schema-mismatch', `${path}: expected a checkpoint of the same run; that run has ${has}`);
  }
  const curves = found.facts.curves as unknown as EpochFigures[];
  const earlier = (found.facts.resumedAfter ?? []) as number[];
  // A finished run is only read.
  const resumedAfter = curves.length < options.recipe.epochs ? [...new Set([...earlier, curves.length])] : earlier;
  return { curves, resumedAfter, state: found.tensors };
}

/** Writes the weights first, then the state that refers to them. */
async function saveEpoch(
  options: TrainingOptions,
  { curves, resumedAfter, state }: Progress,
  exported: State,
): Promise<void> {
  const { epoch } = curves.at(-1)!;
  await writeCheckpoint(weightsPath(options.run, epoch), { tensors: exported, facts: { epoch } });
  const facts: Checkpoint['facts'] = {
    configuration: configuration(options),
    curves: curves.map((figures) => ({ ...figures })),
    resumedAfter: [...resumedAfter],
  };
  await writeCheckpoint(statePath(options.run), { tensors: state, facts });
  await dropOldWeights(options, curves);
}

/** Long runs keep only the best epochs; short ones keep all, to choose from. */
const EPOCHS_KEPT = 8;

async function dropOldWeights({ run, epoch, recipe }: TrainingOptions, curves: readonly EpochFigures[]): Promise<void> {
  if (curves.length <= EPOCHS_KEPT) return;
  const best = bestFirst(recipe, curves).slice(0, EPOCHS_KEPT);
  for (const figures of curves) {
    if (best.includes(figures) || figures.epoch === epoch) continue;
    await rm(weightsPath(run, figures.epoch), { force: true });
  }
}

/** The file that says how far the run in a folder is. */
export function statePath(run: string): string {
  return join(run, 'state.checkpoint');
}

function weightsPath(run: string, epoch: number): string {
  return join(run, `epoch-${String(epoch).padStart(3, '0')}.weights`);
}

function bestFirst({ select }: Recipe, curves: readonly EpochFigures[]): EpochFigures[] {
  const order = {
    loss: (a: EpochFigures, b: EpochFigures) => a.validationLoss - b.validationLoss,
    recall: (a: EpochFigures, b: EpochFigures) => b.recallSum - a.recallSum,
    last: (a: EpochFigures, b: EpochFigures) => b.epoch - a.epoch,
  };
  return curves.toSorted(order[select]);
}

async function validationRecall(
  validator: Validator,
  { texts, images, firstCaption }: TransformedPairs,
  parameters: State,
  { recipe, threads }: TrainingOptions,
): Promise<number> {
  const pairs = {
    texts: await validator.embed('text', texts, parameters),
    images: await validator.embed('image', images[0]!, parameters),
    firstCaption,
    dimension: recipe.head.dimension,
  };
  return (await evaluate(pairs, { threads })).recallSum;
}

function checkEpoch({ epoch, recipe }: TrainingOptions): void {
  if (epoch !== undefined && !(Number.isInteger(epoch) && epoch >= 1 && epoch <= recipe.epochs)) {
    throw new SightlineError('invalid-input', `expected an epoch from 1 to ${recipe.epochs}, got ${epoch}`);
  }
}

function finite(loss: number, epoch: number, step: number): number {
  if (Number.isFinite(loss)) return loss;
  throw new SightlineError(
    'invalid-input',
    `expected the loss to be a number, got ${loss} in epoch ${epoch} at step ${step}: try a smaller learning rate`,
  );
}
