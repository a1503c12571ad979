import { OnnxGraph } from '../../core/onnx/graph-builder.ts';
import { Tape, type Value } from './autodiff.ts';
import { addTower, type Dropout, headParameters, layersOf, type TowerWidths } from './head-graph.ts';
import { addContrastiveLoss, TEMPERATURE } from './loss.ts';
import { addAdam, addClipping } from './optimizer.ts';
import type { IntoSpec, Recipe } from './recipes.ts';

/** The graphs that training runs: a complete optimisation step, and the loss alone. */

export interface GraphOptions {
  readonly recipe: Recipe;
  readonly widths: TowerWidths;
}

export interface Slot {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A dropout mask fed to a step: uint8 [batch, width], 1 with probability `keep`, else 0. */
export interface MaskInput {
  readonly name: string;
  readonly width: number;
  readonly keep: number;
}

const MOMENTS = ['.moment1', '.moment2'] as const;
export const AVERAGE = '.average';
/** Prefix of the graph inputs for the teachers' vectors of a batch: [batch, teachers * dimension]. */
export const TEACHER = 'teacher.';
/** Graph input for the target vectors of texts when a text side is trained alone. */
export const PULL = 'pull';
/** Graph inputs for the vectors of all pictures [n, dimension], and their numbers [1, n]. */
export const GALLERY = 'gallery';
export const GALLERY_NUMBERS = 'gallery.numbers';
/** Suffix of the graph's output for the new value of an input. */
export const NEXT = '.next';

/** Learned parameters: of the head or only its text side, and optionally the temperature. */
export function trainable({ head, loss, into }: Recipe, widths: TowerWidths): Slot[] {
  const all = headParameters(head, widths);
  const parameters: Slot[] = into === undefined ? all : all.filter(({ name }) => name.startsWith('text.'));
  return loss.learnTemperature ? [...parameters, { name: TEMPERATURE, shape: [] }] : parameters;
}

/** Rows of a batch: real pairs, then pseudo-features. */
export function stepRows({ batch, pseudo }: Recipe): number {
  return batch + (pseudo?.batch ?? 0);
}

/** The state of a step: each parameter with its moments and, if averaged, its average. */
export function stateSlots(recipe: Recipe, widths: TowerWidths): Slot[] {
  const suffixes = ['', ...MOMENTS, ...(recipe.average === null ? [] : [AVERAGE])];
  return trainable(recipe, widths).flatMap(({ name, shape }) =>
    suffixes.map((suffix) => ({ name: name + suffix, shape })),
  );
}

/**
 * The step as one graph. Inputs: the state by name, `text` and `image` [batch, width], `pictures` [batch] if captions
 * of one picture are masked, the {@link TEACHER} vectors of the batch if there are teachers, dropout masks, and the
 * scalars `learning_rate`, `correction1`, `correction2`. Outputs: `loss` before the update, and every state value under
 * its name + `.next`.
 */
export function trainingGraph(options: GraphOptions): { bytes: Uint8Array; masks: MaskInput[] } {
  const { recipe, widths } = options;
  const tape = new Tape(new OnnxGraph());
  const { graph } = tape;
  const slots = trainable(recipe, widths);
  const parameters = slots.map(({ name, shape }) => tape.parameter(name, shape));
  const masks: MaskInput[] = [];
  const dropout: Dropout = (name, value, rate) => {
    if (rate === 0) return value;
    const width = value.shape[1] as number;
    const mask = graph.input(`${name}.mask`, 'uint8', [stepRows(recipe), width]);
    masks.push({ name: mask, width, keep: 1 - rate });
    // Scaled up in training so that nothing has to be scaled down later (Srivastava et al. 2014, "inverted" dropout).
    const scaled = graph.op('Mul', [graph.cast(mask, 'float32'), graph.scalar(1 / (1 - rate))]);
    return tape.multiply(value, tape.value(scaled, value.shape));
  };
  const loss = addLoss(tape, options, new Map(parameters.map((value) => [value.name, value])), dropout);
  const raw = tape.gradients(loss, parameters);
  const { clipNorm } = recipe.optimizer;
  const gradients = clipNorm === null ? raw : addClipping(graph, raw, clipNorm);

  const schedule = {
    learningRate: graph.input('learning_rate', 'float32', []),
    correction1: graph.input('correction1', 'float32', []),
    correction2: graph.input('correction2', 'float32', []),
  };
  graph.output('loss', loss.name, 'float32', []);
  for (const [i, { name, shape }] of slots.entries()) {
    const output = (suffix: string, value: string) => graph.output(name + suffix + NEXT, value, 'float32', shape);
    const input = (suffix: string) => graph.input(name + suffix, 'float32', shape);
    const updated = addAdam(graph, recipe.optimizer, schedule, {
      parameter: name,
      gradient: gradients[i]!,
      moment1: input(MOMENTS[0]),
      moment2: input(MOMENTS[1]),
      decay: name.endsWith('.weight'),
    });
    output('', updated.parameter);
    output(MOMENTS[0], updated.moment1);
    output(MOMENTS[1], updated.moment2);
    if (recipe.average !== null) {
      const old = graph.op('Mul', [input(AVERAGE), graph.scalar(recipe.average)]);
      const fresh = graph.op('Mul', [updated.parameter, graph.scalar(1 - recipe.average)]);
      output(AVERAGE, graph.op('Add', [old, fresh]));
    }
  }
  return { bytes: graph.toBytes({ name: 'training-step' }), masks };
}

/** The loss of a batch without dropout: inputs as in {@link trainingGraph}, without moments, masks and schedule. */
export function lossGraph(options: GraphOptions): Uint8Array {
  const tape = new Tape(new OnnxGraph());
  const parameters = trainable(options.recipe, options.widths).map(({ name, shape }) => tape.parameter(name, shape));
  const loss = addLoss(tape, options, new Map(parameters.map((value) => [value.name, value])), keepAll);
  tape.graph.output('loss', loss.name, 'float32', []);
  return tape.graph.toBytes({ name: 'validation-loss' });
}

/**
 * One tower alone: inputs are its parameters and `text` or `image` [n, width]; output is `embedding` [n, dimension].
 */
export function towerGraph({ recipe, widths }: GraphOptions, side: 'text' | 'image'): Uint8Array {
  const tape = new Tape(new OnnxGraph());
  const { head: spec } = recipe;
  const own = headParameters(spec, widths).filter(
    ({ name }) => name.startsWith(`${side}.`) || name.startsWith('output'),
  );
  const parameters = new Map(own.map(({ name, shape }) => [name, tape.parameter(name, shape)]));
  const input = tape.input(side, ['n', widths[side]]);
  const parts = { spec, linear: layersOf(tape, parameters), inputs: { text: input, image: input }, dropout: keepAll };
  tape.graph.output('embedding', addTower(tape, side, parts).name, 'float32', ['n', spec.dimension]);
  return tape.graph.toBytes({ name: `${side}-tower` });
}

/** No dropout: validation and serving. */
export const keepAll: Dropout = (_, value) => value;

function addLoss(
  tape: Tape,
  { recipe, widths }: GraphOptions,
  parameters: ReadonlyMap<string, Value>,
  dropout: Dropout,
): Value {
  const { head: spec } = recipe;
  const batch = stepRows(recipe);
  const inputs = {
    text: tape.input('text', [batch, widths.text]),
    image: tape.input('image', [batch, widths.image]),
  };
  const parts = { spec, linear: layersOf(tape, parameters), inputs, dropout };
  const { distil, into } = recipe;
  const taught = distil === null ? null : [batch, distil.teachers * distil.teacher.dimension];
  const text = addTower(tape, 'text', parts);
  const loss = addContrastiveLoss(tape, recipe.loss, {
    text,
    image: into === undefined ? addTower(tape, 'image', parts) : inputs.image,
    pictures: recipe.loss.maskSamePicture ? tape.input('pictures', [batch]) : null,
    logScale: parameters.get(TEMPERATURE) ?? null,
    teacher:
      distil === null || taught === null
        ? null
        : {
            text: tape.input(`${TEACHER}text`, taught),
            image: tape.input(`${TEACHER}image`, taught),
            weight: distil.weight,
          },
    gallery:
      into === undefined
        ? null
        : {
            image: tape.input(GALLERY, ['all', spec.dimension]),
            numbers: tape.input(GALLERY_NUMBERS, [1, 'all']),
          },
  });
  return into === undefined ? loss : tape.add(loss, addPull(tape, text, into));
}

/** The mean over the rows of `pull` * (1 - cosine to their target vectors). */
function addPull(tape: Tape, text: Value, { pull }: IntoSpec): Value {
  const cosines = tape.multiply(text, tape.input(PULL, text.shape));
  const scale = tape.scalar(-pull / (text.shape[0] as number));
  return tape.add(tape.multiply(tape.sum(cosines), scale), tape.scalar(pull));
}
