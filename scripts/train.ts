import { existsSync } from 'node:fs';
import { cp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Encoders, loadEncoders } from '../core/encode/encoder-pair.ts';
import { HEAD_FILE, type HeadFile, headBytes, loadHeadFile } from '../core/encode/head-file.ts';
import { choice, listed, path, text, toggle, whole } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { dataFolder, ownModels, readConfig } from '../server/environment.ts';
import { rememberModels } from '../server/reindex/space-models.ts';
import { USUAL_LANGUAGE } from '../training/datasets/captions-file.ts';
import { frequentWords, writeCaptionWords } from '../training/datasets/count-caption-words.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { TRAINING } from '../training/datasets/deduplicate.ts';
import { readPhrases } from '../training/datasets/phrases.ts';
import type { HalfMatrix } from '../training/features/float16-matrix.ts';
import { type Verdict, verdictOn, verdictSentence } from '../training/metrics/compare-heads.ts';
import { type EvaluatedHead, evaluateHead } from '../training/metrics/evaluate-head.ts';
import { continuing, fineTuning, withFittingBatch } from '../training/trainer/fine-tuning.ts';
import { RECIPES, type Recipe } from '../training/trainer/recipes.ts';
import { readTrainedHead } from '../training/trainer/stored-head.ts';
import { statePath, type TrainingResult, trainHead } from '../training/trainer/trainer.ts';
import { availableOutputs, TRAINING_SPLITS, type TrainingData } from '../training/trainer/training-data.ts';
import { type HeadFiles, headFiles, type StoredHead, writeHeadFiles } from '../training/trainer/write-head.ts';
import { command, EXIT, UsageError, type Values } from './cli/command.ts';
import { type EncodingOptions, encodeTexts, encodeTrainingData } from './cli/encode-pictures.ts';
import { headInUse, wasTrainedOn } from './cli/head-in-use.ts';
import { createProgress } from './cli/progress.ts';
import {
  CAPTIONS,
  DATASET,
  FEATURES,
  headFolder,
  isFixed,
  MODELS,
  modelFolders,
  openCaptioned,
  openFeatures,
  PROFILE,
  seed,
  splitShares,
  THREADS,
} from './cli/training-options.ts';
import { comparisonWithLiveLines, judgedOn, languageLines, warnOfFew } from './evaluate/print.ts';
import { trainSideInto } from './train/text-side.ts';

const OPTIONS = {
  data: DATASET,
  split: text({
    unit: 'A/B/C',
    pattern: /^\d+\/\d+(\/\d+)?$/,
    expected: 'percentages such as 80/10/10',
    text: 'split the pictures into these percentages of training, validation and test, always in the same way',
    shown: 'as in captions.jsonl, else 80/10/10',
  }),
  captions: CAPTIONS,
  profile: PROFILE,
  recipe: choice(['seed', 'best'], { text: `recipe: ${listed(['seed', 'best'])}`, default: 'best' }),
  refit: path({
    unit: 'HEAD',
    text: 'start from this head of nearly equal encoders, and train everything with recipe refit',
  }),
  'from-scratch': toggle({ text: 'start at random instead of from the head in use; recipe seed always does' }),
  'with-validation': toggle({
    text: 'also train on the validation pictures, and export the last epoch; once the number of epochs is chosen',
  }),
  'text-side': text({
    unit: 'ENCODER',
    text: 'only train a text side for this text encoder, into a head whose image side does not change',
  }),
  'text-sides': toggle({ text: 'the same for every text side of the head' }),
  twin: path({
    unit: 'HEAD',
    text: 'with a text side: a head like --into that has not seen the validation pictures, evaluated instead',
  }),
  phrases: path({
    unit: 'FILE',
    text: 'what people search for, a JSON object a line with a text for each language: a text side also learns it',
    shown: 'models/phrases.jsonl',
  }),
  into: path({ text: 'head that --text-side and --text-sides change', shown: 'with --replace, models/head-PROFILE' }),
  hidden: whole({ min: 64, max: 65_536, text: "with a text side: hidden units instead of the recipe's number" }),
  epochs: whole({ min: 1, max: 10_000, text: "epochs instead of the recipe's number" }),
  epoch: whole({ min: 1, max: 10_000, text: 'export this epoch instead of the best one on the validation pictures' }),
  seed: seed('seed of everything random'),
  threads: THREADS,
  out: path({ text: 'folder for the head', shown: 'a new folder in data/heads' }),
  replace: toggle({ text: 'replace the head in --out, or in models/head-PROFILE; the old one is kept in data/heads' }),
  run: path({ text: 'folder for checkpoints', shown: 'data/runs/PROFILE-RECIPE' }),
  resume: toggle({ text: 'resume the run there after its last complete epoch' }),
  features: FEATURES,
  models: MODELS,
  json: toggle({ text: 'print the results as one JSON document' }),
};

type Flags = Values<typeof OPTIONS>;

const phrasesOf = ({ phrases }: Flags) => phrases ?? join(ownModels(), 'phrases.jsonl');

export default command({
  usage: '--data LOCATION [options]',
  about: `
Trains a head on captioned pictures (LOCATION/images and LOCATION/captions.jsonl) and writes it, ready for serving, to a
new folder; the head in use is not changed. Training continues from that head, and ends by comparing both on held-out
pictures. Encoder outputs are cached; a second run needs only them.`,
  options: OPTIONS,
  run: async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data LOCATION');
    if (flags['text-side'] !== undefined || flags['text-sides']) return trainSides(flags, flags.data);
    if (flags['with-validation'] && !flags['from-scratch'] && !flags.refit && flags.recipe !== 'seed') {
      throw new UsageError(
        '--with-validation: expected --from-scratch or --refit, too: going on from a head needs pictures to judge by',
      );
    }
    const folder = await outFolder(flags);
    await using location = closing(await openCaptioned(flags.data, flags.captions));
    await using features = closing(await openFeatures(flags.features));
    const shares = splitShares(flags.split);
    const captionSeed = isFixed(flags.captions) ? flags.seed : undefined;
    const dataset = await readDataset(location, { splits: TRAINING_SPLITS, shares, captionSeed });
    const modelDirs = modelFolders(flags.models);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    // Only the description of the encoders is needed from here on; their weights are larger than the head in training.
    const { augmentations, head } = recipeNamed(flags);
    const trainOn = flags['with-validation'] ? [TRAINING, 'val'] : undefined;
    const options = { encoders, modelDirs, features, trainOn };
    const encode = async () => {
      const phrases = head.localScaling && flags['from-scratch'] ? await englishPhrases(flags, options) : undefined;
      return { ...(await encodeTrainingData(location, dataset, augmentations, options)), phrases };
    };
    await using data = closing(await encode().finally(() => encoders.close()));
    const seen = dataset.pictures.filter(({ split }) => (trainOn ?? [TRAINING]).includes(split));
    const words = frequentWords(seen);
    await trainAndJudge(flags, { data, encoders, folder, words, name: basename(location.name) });
    return EXIT.done;
  },
});

async function englishPhrases(flags: Flags, options: EncodingOptions): Promise<HalfMatrix> {
  return encodeTexts(
    (await readPhrases(phrasesOf(flags))).map(({ en }) => en),
    'phrases',
    options,
  );
}

/** Trains text sides into an existing head, one after the other. */
async function trainSides(flags: Flags, data: string): Promise<number> {
  const { profile, seed, threads, epochs, hidden } = flags;
  const modelDirs = modelFolders(flags.models);
  const folder = flags.into ?? headFolder(modelDirs, profile);
  if (flags.into === undefined && !flags.replace) {
    throw new UsageError(`expected --into HEAD, such as a copy of ${folder}, or --replace to change that one`);
  }
  const all = (await loadHeadFile(folder)).texts.map(({ encoder }) => encoder);
  await using location = closing(await openCaptioned(data, flags.captions));
  await using features = closing(await openFeatures(flags.features));
  const [withValidation, fromScratch] = [flags['with-validation'], flags['from-scratch']];
  const { twin } = flags;
  const job = {
    phrases: phrasesOf(flags),
    fromScratch,
    location,
    features,
    modelDirs,
    profile,
    folder,
    seed,
    threads,
    epochs,
    hidden,
    withValidation,
    twin,
  };

  for (const encoder of flags['text-sides'] ? all : [flags['text-side']!]) {
    const { judged } = await trainSideInto({ ...job, encoder });
    console.log(`${encoder}, by a side that has not seen the validation pictures:\n`);
    console.log(languageLines(judged.map(({ lang, head }) => ({ lang, heads: [head] }))).join('\n'));
  }
  return EXIT.done;
}

/**
 * The folder to write to, or null for a new one.
 * @throws {UsageError} for a folder with other files, unless they are those of a head and --replace is given
 */
async function outFolder({ out, replace, profile, models }: Flags): Promise<string | null> {
  if (out === undefined && !replace) return null;
  const folder = resolve(out ?? join(models ?? ownModels(), `head-${profile}`));
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`--out: expected a folder, got ${folder} (${error.code})`);
  });
  const hasHead = there.includes(HEAD_FILE);
  if (there.length === 0 || (hasHead && replace)) return folder;
  const found = hasHead ? `its ${HEAD_FILE} (--replace puts the new one there and keeps it)` : `${there[0]} in it`;
  throw new UsageError(`--out: expected a new or an empty folder, got ${folder} with ${found}`);
}

interface Training {
  readonly data: TrainingData;
  readonly encoders: Encoders;
  readonly folder: string | null;
  /** Frequent words of the training captions. */
  readonly words: readonly string[];
  /** Name of the data set. */
  readonly name: string;
}

async function trainAndJudge(flags: Flags, training: Training): Promise<void> {
  const { data, encoders } = training;
  const inUse = await headInUse(
    readConfig({ logLevel: 'silent', modelDirs: modelFolders(flags.models) }),
    flags.profile,
  );
  const start = await startOf(flags, inUse, training);
  const recipe = recipeOf(flags, start, data);
  const result = await train(flags, recipe, start, data);
  const judged = data.test ?? (flags['with-validation'] ? null : data.validation);
  const split = data.test === null ? 'val' : 'test';
  const options = { resampling: { resamples: 2000, seed: 1 } };
  // A head that starts from the one in use has learned from these pictures through it.
  const knows = inUse !== null && start === null && wasTrainedOn(await loadHeadFile(inUse), training.name, split);
  // Before anything is written: the new head may replace this one.
  const before =
    inUse === null || judged === null || knows ? null : await evaluateHead(inUse, encoders, judged, options);
  const from = start === null ? null : (await loadHeadFile(flags.refit ?? inUse!)).space;
  const files = filesOf(flags, result, { ...training, recipe, start: from });
  const out = training.folder ?? join(dataFolder(), 'heads', `${flags.profile}-${files.file.space}`);
  const old = flags.replace ? await loadHeadFile(out).catch(() => null) : null;
  // Written beside a head that it replaces: one that is in use must be whole at every moment.
  const at = old === null ? out : `${out}.new`;
  if (old !== null) await rm(at, { recursive: true, force: true });
  await writeHeadFiles(at, files);
  await writeCaptionWords(at, { [USUAL_LANGUAGE]: [...training.words] });
  const head = judged === null ? null : await evaluateHead(at, encoders, judged, options);
  const verdict = before === null || head === null ? null : verdictOn(head, before, options.resampling);
  if (verdict !== null) await writeHeadFiles(at, withVerdict(files, verdict, before!));
  if (old !== null) await replaceHead(out, at, { old, new: files.file });
  if (judged !== null) warnOfFew(judged.pictures.length);
  if (flags.json) console.log(JSON.stringify({ out, ...files.file, verdict }, null, 2));
  else if (result.share === 0) {
    const where = old?.space === files.file.space ? 'it stays' : 'a copy of it is';
    console.log(`nothing better than the head in use was found; ${where} in ${out}`);
  } else if (head !== null) console.log(summary(out, result.epoch, { head, before, verdict, split, knows }));
  else console.log(`${writtenLine(out, result.epoch, files.file)}\nIt has seen all pictures; judge it on others.`);
}

/**
 * Puts a new head in the place of another, with all its files: sides and calibrations of the old one do not fit the new
 * one. The old one is kept in data/heads, where an index of its space finds it. The same head again changes nothing.
 */
async function replaceHead(folder: string, by: string, head: { old: HeadFile; new: HeadFile }): Promise<void> {
  const { profile, space } = head.old;
  if (space === head.new.space) return rm(by, { recursive: true });
  const name = join(dataFolder(), 'heads', `${profile}-${space}-replaced`);
  let kept = name;
  for (let n = 2; existsSync(kept); n++) kept = `${name}-${n}`;
  await cp(folder, kept, { recursive: true });
  await rememberModels(dataFolder(), space, { profile, head: kept });
  const aside = `${folder}.old`;
  // Left behind by a call that was killed right here; that head is kept, too.
  await rm(aside, { recursive: true, force: true });
  await rename(folder, aside);
  await rename(by, folder);
  await rm(aside, { recursive: true });
  console.error(
    `The head that was in ${folder} is kept in ${kept}; to take it back, copy it to where it was. ` +
      'Start servers that use it again: they go on with the old one until you reindex.',
  );
}

/** The head to continue from, or null to start at random. */
async function startOf(flags: Flags, inUse: string | null, { data, encoders }: Training): Promise<StoredHead | null> {
  if (flags.refit !== undefined) {
    const start = await readTrainedHead(flags.refit, encoders, availableOutputs(data), { refit: true });
    if (start !== null) return start;
    throw new UsageError(`--refit: expected a head for encoders of these outputs, got ${flags.refit}`);
  }
  if (flags['from-scratch'] || flags.recipe === 'seed' || inUse === null) return null;
  const start = await readTrainedHead(inUse, encoders, availableOutputs(data));
  if (start === null) console.error(`${inUse} cannot be gone on from; the new head starts at random.`);
  return start;
}

function recipeNamed({ recipe, refit }: Flags): Recipe {
  return RECIPES[refit === undefined ? recipe : 'refit']!;
}

function recipeOf(flags: Flags, start: StoredHead | null, data: TrainingData): Recipe {
  const named = recipeNamed(flags);
  const usual = start === null ? named : (named.allTheWay ? continuing : fineTuning)(named, start);
  const pairs = usual.captions === 'all' ? data.train.captions.rows : data.train.pictures.length;
  const epochs = flags.epochs ?? usual.epochs;
  // Training pictures do not show which epoch is best.
  const last = flags['with-validation'] ? ({ select: 'last', patience: null } as const) : {};
  const recipe = { ...withFittingBatch(usual, pairs), ...last, epochs };
  if (recipe.batch < usual.batch) {
    console.error(
      `Only ${pluralise(pairs, 'training pair')}: a step takes ${recipe.batch} of them instead of ${usual.batch}.`,
    );
  }
  if (flags.epoch === undefined || flags.epoch <= recipe.epochs) return recipe;
  throw new UsageError(`--epoch: expected a whole number from 1 to ${recipe.epochs}, got "${flags.epoch}"`);
}

async function train(
  { seed, threads, epoch, resume, run, profile }: Flags,
  recipe: Recipe,
  start: StoredHead | null,
  data: TrainingData,
): Promise<TrainingResult> {
  const folder = run ?? join(dataFolder(), 'runs', `${profile}-${recipe.name}`);
  if (!resume && existsSync(statePath(folder))) {
    console.error(`The checkpoints of an earlier run in ${folder} are overwritten; --resume would go on with them.`);
  }
  const progress = createProgress('training', 'steps', 0);
  let last = 0;
  const stopped = () => {
    progress.stop();
    console.error(`stopped ${last === 0 ? 'within an epoch' : `after epoch ${last}`}; go on with --resume`);
    // Nobody else hears the signal now: it ends the process as usual.
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', stopped);
  const result = await trainHead({
    recipe,
    seed,
    threads,
    epoch,
    data,
    resume,
    start: start ?? undefined,
    run: folder,
    onStep: (done, total) => progress.update(done, total),
    onEpoch: ({ epoch: at, trainLoss, validationLoss }) => {
      last = at;
      console.error(`epoch ${at}: train loss ${trainLoss.toFixed(4)}, validation loss ${validationLoss.toFixed(4)}`);
    },
  }).finally(() => {
    progress.stop();
    process.off('SIGINT', stopped);
  });
  console.error(await checkpointsLine(folder));
  if (result.share && !recipe.allTheWay) {
    console.error(`${100 * result.share} % of the way from the head in use are best on the validation pictures.`);
  }
  return result;
}

/** Where the checkpoints of a run and of its teachers are, and how large they are. */
async function checkpointsLine(run: string): Promise<string> {
  const folders = (await readdir(dirname(run))).filter((name) => name === basename(run) || isTeacher(name, run));
  let bytes = 0;
  for (const name of folders) {
    const folder = join(dirname(run), name);
    for (const file of await readdir(folder)) bytes += (await stat(join(folder, file))).size;
  }
  const teachers = folders.length > 1 ? ` and ${pluralise(folders.length - 1, 'folder')} of teachers beside it` : '';
  return `Checkpoints of ${(bytes / 1e6).toFixed(0)} MB are in ${run}${teachers}; only --resume needs them.`;
}

function isTeacher(name: string, run: string): boolean {
  return name.startsWith(`${basename(run)}.teacher-`);
}

function filesOf(
  flags: Flags,
  result: TrainingResult,
  { data, encoders, name, recipe, start }: Training & { readonly recipe: Recipe; readonly start: string | null },
): HeadFiles {
  const { seed, threads, profile } = flags;
  const training = {
    seed,
    threads,
    epoch: result.epoch,
    curves: result.curves.map((figures) => ({ ...figures })),
    data: name,
    ...(result.resumedAfter.length > 0 && { resumedAfter: [...result.resumedAfter] }),
    ...(start !== null && { start, share: result.share }),
    splits: flags['with-validation'] ? [TRAINING, 'val'] : [TRAINING],
    pairs: { pictures: data.train.pictures.length, captions: data.train.captions.rows },
    recipe: JSON.parse(JSON.stringify(recipe)),
  };
  return headFiles(result.head, { name: `head-${profile}`, recipe, encoders, training });
}

/** Stores the verdict in head.json, for `reindex`. */
function withVerdict({ file, graphs }: HeadFiles, verdict: Verdict, inUse: EvaluatedHead): HeadFiles {
  const training = { ...file.training, verdict: { ...verdict, than: inUse.info.space } };
  return { file: { ...file, training }, graphs };
}

function writtenLine(out: string, epoch: number, info: HeadFile): string {
  return `epoch ${epoch} written to ${out}: space ${info.space}, ${headBytes(info)} bytes`;
}

function summary(
  out: string,
  epoch: number,
  {
    head,
    before,
    verdict,
    split,
    knows,
  }: { head: EvaluatedHead; before: EvaluatedHead | null; verdict: Verdict | null; split: string; knows: boolean },
): string {
  const written = writtenLine(out, epoch, head.info);
  const use = `npm run reindex -- --head ${out}`;
  if (before === null || verdict === null) {
    const sum = `${head.figures.recallSum.toFixed(1)} ${judgedOn(head, split)}`;
    const why = knows
      ? 'the head in use was trained on these pictures, too, so compare them on others (evaluate --compare)'
      : 'there is no head in use to compare it with';
    return `${written}\nSum of recalls ${sum}; ${why}. To use it:\n\n    ${use}`;
  }
  const table = [`${judgedOn(head, split)}:\n`, ...comparisonWithLiveLines(head, before)].join('\n');
  const others = before.info.texts.slice(1).map(({ encoder }) => encoder);
  const sides =
    others.length === 0 || verdict.result === 'worse'
      ? ''
      : `\n\nIt has no side for ${listed(others)} yet, which the one in use has for more languages:\n\n` +
        `    npm run train -- --data LOCATION --text-side ${others[0]} --into ${out}`;
  const line =
    verdict.result === 'worse' ? `To use it all the same:\n\n    ${use} --anyway` : `To use it:\n\n    ${use}`;
  return `${written}\n\n${table}\n\nThis head is ${verdictSentence(verdict)}. ${line}${sides}`;
}
