import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptionWords } from '../../core/encode/caption-words.ts';
import { type Encoders, loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHead } from '../../core/encode/head.ts';
import { loadHeadFile, type TextSideFile } from '../../core/encode/head-file.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { dataFolder } from '../../server/environment.ts';
import { frequentWords, writeCaptionWords } from '../../training/datasets/count-caption-words.ts';
import { listLanguages, readDataset } from '../../training/datasets/dataset.ts';
import { TRAINING } from '../../training/datasets/deduplicate.ts';
import { type Phrase, readPhrases } from '../../training/datasets/phrases.ts';
import type { PairSet } from '../../training/features/extract.ts';
import type { CacheLocation } from '../../training/features/shared-cache.ts';
import { type EvaluatedHead, evaluateHead } from '../../training/metrics/evaluate-head.ts';
import { withFittingBatch } from '../../training/trainer/fine-tuning.ts';
import { learnedSpace } from '../../training/trainer/local-scaling.ts';
import { TEXT_SIDE, type TextSideRecipe } from '../../training/trainer/recipes.ts';
import { readTextSide } from '../../training/trainer/stored-head.ts';
import { trainTextSide } from '../../training/trainer/text-side.ts';
import { type NamedClasses, type ParallelPhrases, textSideData } from '../../training/trainer/text-side-data.ts';
import { headGraph, type TrainedHead, type TrainedTextSide, writeTextSide } from '../../training/trainer/write-head.ts';
import { encodePictures, encodeTexts } from '../cli/encode-pictures.ts';
import type { Location } from '../cli/location.ts';
import { createProgress } from '../cli/progress.ts';
import { calibrateSide, captionsByLanguage } from '../evaluate/calibrate.ts';

/** Trains a text side into a head, evaluates it by language, and writes it beside the existing sides. */

export interface TextSideJob {
  readonly location: Location;
  readonly features: CacheLocation;
  readonly modelDirs: readonly string[];
  readonly profile: string;
  /** File with phrases in several languages. */
  readonly phrases: string;
  /** The head to train the side into. */
  readonly folder: string;
  /** Text encoder in manifest.json: the profile's own, whose side is then replaced, or another. */
  readonly encoder: string;
  readonly seed: number;
  readonly threads: number;
  readonly epochs?: number;
  /** Hidden units of the side. */
  readonly hidden?: number;
  /** Start at random, even if the head has a side of this encoder to continue from. */
  readonly fromScratch: boolean;
  /** Also train on the validation pictures before writing; the twin has been evaluated on them. */
  readonly withValidation: boolean;
  /**
   * For a head whose image side has seen the validation pictures: one like it that has not, with a side of this
   * encoder, which is judged in this one's place; all pictures are trained on at once.
   */
  readonly twin?: string;
}

export interface TextSideReport {
  readonly encoder: string;
  /** Results by language on the validation pictures, of a side that never saw them. */
  readonly judged: readonly {
    readonly lang: string;
    readonly head: EvaluatedHead;
  }[];
}

const VALIDATION = 'val';
/** How many names of each class of the image encoder are used as its texts. */
const NAMES_A_CLASS = 3;

/**
 * Trains the text side of a job on the captions of all languages in the data set, or of the languages of the side that
 * it replaces.
 * @throws {model-mismatch} without such a head or encoder
 * @throws {invalid-input} for a data set without captions of a language
 */
export async function trainSideInto(job: TextSideJob): Promise<TextSideReport> {
  const { modelDirs, profile, folder, encoder } = job;
  const encoders = await loadEncoders({ modelDirs, profile });
  const own = encoder === encoders.text.name ? encoders : await loadEncoders({ modelDirs, profile, text: encoder });
  const twinFolder = join(dataFolder(), 'runs', `text-side-${encoder}`);
  try {
    const languages = await languagesOf(job, encoders, own);
    const parties = { first: encoders, own, languages, phrases: await readPhrases(job.phrases) };
    const hasTwin = job.twin !== undefined;
    const start = job.fromScratch ? null : await readTextSide(folder, own.text, { hasTwin });
    const about = await describeSide(job, parties);
    const last =
      job.twin === undefined
        ? await trainWithTwin(job, parties, start, { about, folder: twinFolder })
        : await trainLikeTwin(job, parties, start, job.twin);
    const judged = await judge(job, parties, job.twin ?? twinFolder);
    const validation = figuresByLanguage(judged);
    const training = { ...about.training, validation, ...(job.twin && { twin: (await loadHeadFile(job.twin)).space }) };
    await writeTextSide(folder, { ...about, training, graph: headGraph(last, ['text']) }, encoders.image.fingerprint);
    await calibrate(job, parties, judged);
    await writeCaptionWords(folder, await captionWords(job, parties.languages));
    return { encoder, judged };
  } finally {
    await rm(twinFolder, { recursive: true, force: true });
    await encoders.close();
    if (own !== encoders) await own.close();
  }
}

/** Trains a side, and in its own folder its twin, which does not see the validation pictures. */
async function trainWithTwin(
  job: TextSideJob,
  parties: Parties,
  start: TrainedHead | null,
  { about, folder }: { readonly about: SideFacts; readonly folder: string },
): Promise<TrainedHead> {
  // Before anything is written: the new side may replace the one that it is pulled to.
  const twin = await train(job, parties, [TRAINING], start);
  const last = job.withValidation ? await train(job, parties, [TRAINING, VALIDATION], twin) : twin;
  await rm(folder, { recursive: true, force: true });
  await cp(job.folder, folder, { recursive: true });
  await writeTextSide(folder, { ...about, graph: headGraph(twin, ['text']) }, parties.first.image.fingerprint);
  return last;
}

/**
 * Trains a side on all pictures.
 * @throws {invalid-input} if the twin has no side of the same encoder to evaluate
 */
async function trainLikeTwin(
  job: TextSideJob,
  parties: Parties,
  start: TrainedHead | null,
  twin: string,
): Promise<TrainedHead> {
  const { texts } = await loadHeadFile(twin);
  if (!texts.some(({ encoderKey }) => encoderKey === parties.own.text.key)) {
    throw new SightlineError(
      'invalid-input',
      `${twin}: expected a side of ${job.encoder}: train it into the twin first`,
    );
  }
  return train(job, parties, [TRAINING, VALIDATION], start);
}

interface Parties {
  /** Encoders with the text encoder of the head's first side. */
  readonly first: Encoders;
  /** Encoders with the text encoder of the new side. */
  readonly own: Encoders;
  /** Caption languages to train on. */
  readonly languages: readonly string[];
  readonly phrases: readonly Phrase[];
}

/** The language of the head's first side, whose captions the others are pulled to. */
const FIRST_LANGUAGE = 'en';

async function languagesOf({ location }: TextSideJob, first: Encoders, own: Encoders): Promise<string[]> {
  if (own === first) return [FIRST_LANGUAGE];
  const all = await listLanguages(location);
  const read = new Set(own.profile.text.languages);
  if (all.includes(FIRST_LANGUAGE)) return all.filter((lang) => read.has(lang));
  const got = all.join(', ') || 'none';
  throw new SightlineError('invalid-input', `${location.name}: expected captions in English among others, got ${got}`);
}

/** Captions of these splits in a language with their pictures, as one set; read it before `close`. */
async function pairsOf(
  { location, modelDirs, features }: TextSideJob,
  encoders: Encoders,
  splits: readonly string[],
  lang: string,
  augmentations?: TextSideRecipe['augmentations'],
): Promise<{ pairs: PairSet; close(): Promise<void> }> {
  const dataset = await readDataset(location, { splits, lang });
  const pictures = dataset.pictures.map((picture) => ({ ...picture, split: TRAINING }));
  const { splits: found, close } = await encodePictures(
    location,
    { ...dataset, pictures },
    { encoders, modelDirs, features },
    augmentations,
  );
  return { pairs: found.get(TRAINING)!, close };
}

/** The frequent words of the training captions, by language. */
async function captionWords(
  { location, withValidation, twin }: TextSideJob,
  languages: readonly string[],
): Promise<CaptionWords> {
  const splits = withValidation || twin !== undefined ? [TRAINING, VALIDATION] : [TRAINING];
  const words: Record<string, string[]> = {};
  for (const lang of languages) words[lang] = frequentWords((await readDataset(location, { splits, lang })).pictures);
  return words;
}

function recipeOf({ epochs = TEXT_SIDE.epochs, hidden = TEXT_SIDE.text.hidden }: TextSideJob): TextSideRecipe {
  return { ...TEXT_SIDE, text: { ...TEXT_SIDE.text, hidden }, epochs };
}

/** Trains a side on these splits, from scratch or, in a third of the epochs, from an existing one. */
async function train(
  job: TextSideJob,
  parties: Parties,
  splits: readonly string[],
  start: TrainedHead | null,
): Promise<TrainedHead> {
  const { first, own, languages } = parties;
  const { folder, seed, threads } = job;
  const whole = recipeOf(job);
  const { inputDropout, hiddenDropout } = whole.text;
  const recipe: TextSideRecipe =
    start === null
      ? whole
      : { ...whole, text: { ...start.spec.text, inputDropout, hiddenDropout }, epochs: Math.ceil(whole.epochs / 3) };
  const open: { close(): Promise<void> }[] = [];
  const read = async (encoders: Encoders, lang: string) => {
    const { pairs, close } = await pairsOf(job, encoders, splits, lang, recipe.augmentations);
    open.push({ close });
    return pairs;
  };
  const head = await loadHead(folder, first);
  open.push(head);
  const progress = createProgress(`training ${own.text.name}`, 'steps', 0);
  try {
    const captions = new Map<string, PairSet>();
    for (const lang of languages) captions.set(lang, await read(own, lang));
    const anchors = captions.get(FIRST_LANGUAGE)!;
    const sources = { head: learnedSpace(head), anchors, captions, textOutputs: own.text.outputs };
    const ofFirst = own === first ? anchors : await read(first, FIRST_LANGUAGE);
    const [classes, phrases] = [await namedClasses(job, { first, own }), await parallelPhrases(job, parties)];
    const data = await textSideData({ ...sources, first: ofFirst, classes, phrases });
    const onStep = (done: number, total: number) => progress.update(done, total);
    const fitting = withFittingBatch(recipe, data.captions.rows);
    return await trainTextSide({ recipe: fitting, data, start, seed, threads, onStep });
  } finally {
    progress.stop();
    for (const one of open) await one.close();
  }
}

/** The image encoder's class names through both text encoders, or null without names. */
async function namedClasses(
  job: TextSideJob,
  { first, own }: Pick<Parties, 'first' | 'own'>,
): Promise<NamedClasses | null> {
  const { classes } = first.image;
  if (classes === null || TEXT_SIDE.classes === null) return null;
  const texts = classes.map(({ names }) => names.slice(0, NAMES_A_CLASS));
  return {
    own: await encodeTexts(texts.flat(), 'class names', { ...job, encoders: own }),
    first: await encodeTexts(texts.flat(), 'class names', { ...job, encoders: first }),
    firstText: firstRows(texts),
    pseudo: TEXT_SIDE.classes,
    seed: job.seed,
  };
}

/** The phrases in the languages of the new side's encoder through both text encoders. */
async function parallelPhrases(
  job: TextSideJob,
  { first, own, phrases }: Pick<Parties, 'first' | 'own' | 'phrases'>,
): Promise<ParallelPhrases> {
  const languages = own === first ? [FIRST_LANGUAGE] : own.profile.text.languages;
  const texts = phrases.map((phrase) => languages.flatMap((lang) => phrase[lang] ?? []));
  const english = phrases.map((phrase) => phrase[FIRST_LANGUAGE]!);
  return {
    own: await encodeTexts(texts.flat(), 'phrases', { ...job, encoders: own }),
    first: await encodeTexts(english, 'phrases', { ...job, encoders: first }),
    firstText: firstRows(texts),
  };
}

/** Where the texts of each group begin when all are in one list, and at last where they end. */
function firstRows(groups: readonly (readonly string[])[]): Uint32Array {
  const first = new Uint32Array(groups.length + 1);
  for (const [at, texts] of groups.entries()) first[at + 1] = first[at]! + texts.length;
  return first;
}

async function judge(job: TextSideJob, { own, languages }: Parties, folder: string): Promise<TextSideReport['judged']> {
  const options = { resampling: { resamples: 500, seed: 1 }, threads: job.threads, top: 1 };
  const all = await pairsOf(job, own, [VALIDATION], FIRST_LANGUAGE);
  const judged: TextSideReport['judged'][number][] = [];
  try {
    for (const lang of languages) {
      const { pairs, close } = await pairsOf(job, own, [VALIDATION], lang);
      const head = await evaluateHead(folder, own, pairs, { ...options, among: all.pairs }).finally(close);
      judged.push({ lang, head });
    }
  } finally {
    await all.close();
  }
  return judged;
}

/** Writes the calibration of how well answers fit: by English words, lowered for other languages. */
async function calibrate(job: TextSideJob, { own }: Parties, judged: TextSideReport['judged']): Promise<void> {
  const { location, modelDirs, folder, seed } = job;
  const { lang, head } = judged.find((one) => one.lang === FIRST_LANGUAGE)!;
  const about = { data: dataName(location), split: VALIDATION, lang };
  const { pairs, close } = await pairsOf(job, own, [VALIDATION], lang);
  try {
    const captions = await captionsByLanguage(location, VALIDATION, own);
    await calibrateSide({ modelDirs, encoders: own, judged: head, pairs, captions, about, seed, into: folder });
  } catch (error) {
    if (!isSightlineError(error, 'invalid-input')) throw error;
    console.error(`warning: answers of ${own.text.name} will not say how well they fit: ${error.message}`);
  } finally {
    await close();
  }
}

function figuresByLanguage(judged: TextSideReport['judged']) {
  return Object.fromEntries(
    judged.map(({ lang, head: { figures } }) => {
      const { textToImage, imageToText, recallSum } = figures;
      const sides = {
        textToImage: { recall: { ...textToImage.recall } },
        imageToText: { recall: { ...imageToText.recall } },
      };
      return [lang, { captions: textToImage.queries, pictures: imageToText.queries, ...sides, recallSum }];
    }),
  );
}

function dataName({ name }: Location): string {
  return name.split('/').at(-1)!;
}

type SideFacts = Omit<TrainedTextSide, 'graph'> & { readonly training: TextSideFile['training'] };

async function describeSide(job: TextSideJob, { own, languages }: Parties): Promise<SideFacts> {
  const { location, folder, encoder, seed, threads, withValidation, twin } = job;
  const { texts } = await loadHeadFile(folder);
  const replaced = texts.find((side) => side.encoder === encoder)?.languages ?? [];
  const training = {
    data: dataName(location),
    captionLanguages: [...languages],
    seed,
    threads,
    withValidation: withValidation || twin !== undefined,
    recipe: JSON.parse(JSON.stringify(recipeOf(job))),
  };
  return {
    encoder,
    dimension: own.text.dimension,
    encoderKey: own.text.key,
    languages: replaced.length > 0 ? replaced : own.profile.text.languages,
    training,
  };
}
