import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Encoders } from '../../core/encode/encoder-pair.ts';
import { loadHead } from '../../core/encode/head.ts';
import { findFolder } from '../../core/encode/model-files.ts';
import { sharedSpace } from '../../core/encode/shared-space.ts';
import { OWN_OUTPUT } from '../../core/encode/text-encoder.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { writeWhole } from '../../core/files/atomic-write.ts';
import { writeJsonFile } from '../../core/files/json-file.ts';
import { LOGITS, packClasses, unpackClasses } from '../../core/picture/top-classes.ts';
import { type CalibrationFile, calibrationFile } from '../../core/search/calibration.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { type CaptionedPicture, listLanguages, readDataset } from '../../training/datasets/dataset.ts';
import type { PairSet } from '../../training/features/extract.ts';
import { agreedWords, type Calibrated, calibrate } from '../../training/metrics/calibrate.ts';
import { type EvaluatedSpace, NO_HEAD } from '../../training/metrics/evaluate-head.ts';
import type { Location } from '../cli/location.ts';

/** Writes the calibration of how well answers fit, beside the graph of a text side. */

/** The image encoder whose classes are the alternatives that a picture may show. */
const NAMED = 'efficientnet-lite2';
const namesSchema = z.array(z.object({ names: z.array(z.string()).min(1), hypernyms: z.array(z.string()) }));
/** With fewer words, results mean little. */
const FEWEST_WORDS = 50;

export interface CalibrationRequest {
  readonly modelDirs: readonly string[];
  readonly encoders: Encoders;
  /** The head or shared space to evaluate, on pictures that it never saw. */
  readonly judged: Pick<EvaluatedSpace, 'folder' | 'vectors'>;
  /**
   * Folder of the head to calibrate: the same, or one that has also seen these pictures. For a shared space the folder
   * of the text encoder.
   */
  readonly into: string;
  /** Pictures that the head never saw. */
  readonly pairs: Pick<PairSet, 'pictures' | 'augmented'>;
  /** Their captions by language, that of `pairs` first; see {@link captionsByLanguage}. */
  readonly captions: ReadonlyMap<string, readonly CaptionedPicture[]>;
  readonly about: CalibrationFile['madeOf'];
  readonly seed: number;
}

/**
 * @throws {invalid-input} if captions agree in too few words
 */
export async function calibrateSide(request: CalibrationRequest): Promise<Calibrated> {
  const { encoders, judged, pairs, captions, into } = request;
  const words = agreedWords(pairs.pictures);
  if (words.length < FEWEST_WORDS) {
    const message =
      `expected at least ${FEWEST_WORDS} words that most captions of a picture have, got ${words.length}: ` +
      'take more pictures, with several captions each';
    throw new SightlineError('invalid-input', message);
  }
  const names = await otherNames(request.modelDirs);
  const own = await readWith(judged.folder, encoders, names);
  const isOther = into !== judged.folder && judged.folder !== NO_HEAD;
  const shipped = isOther ? await readWith(into, encoders, names) : own;
  const bytes = inBytes(joined(own.raw));
  const { dimension } = judged.vectors;
  const logits = encoders.image.classes && pairs.augmented[0]![LOGITS]!;
  const seen = logits && pairs.pictures.map((_, row) => unpackClasses(packClasses(logits.row(row))));
  const asked = async (texts: readonly string[], shownBy: readonly (readonly number[])[]) => {
    const { raw, joint } = await readWith(judged.folder, encoders, texts);
    return { shownBy, texts: joint, own: raw };
  };
  const byLanguage = [];
  const places = new Map(pairs.pictures.map(({ image }, row) => [image, row]));
  for (const pictures of captions.values()) {
    const known = pictures.filter(({ image }) => places.has(image));
    const shownBy = known.map(({ image }) => [places.get(image)!]);
    byLanguage.push(
      await asked(
        known.map(({ captions: [first] }) => first!),
        shownBy,
      ),
    );
  }
  const made = calibrate({
    words: await asked(
      words.map(({ word }) => word),
      words.map(({ pictures }) => pictures),
    ),
    captions: byLanguage,
    images: judged.vectors.images.subarray(0, pairs.pictures.length * dimension),
    // As stored.
    others: Float32Array.from(new Float16Array(own.joint)),
    dimension,
    classes: seen && { names: bytes.values, count: names.length, seen },
    seed: request.seed,
  });
  await write(request, made, { halves: new Float16Array(shipped.joint), ...bytes }, words.length);
  return made;
}

/**
 * The captions of a split in each language that the text encoder reads, the default one first; languages without this
 * split are left out.
 */
export async function captionsByLanguage(
  location: Location,
  split: string,
  { profile: { text } }: Encoders,
): Promise<CalibrationRequest['captions']> {
  const found = new Map<string, readonly CaptionedPicture[]>();
  for (const lang of await listLanguages(location)) {
    if (!text.languages.includes(lang)) continue;
    const dataset = await readDataset(location, { splits: [split], lang }).catch((error: unknown) => {
      if (!isSightlineError(error, 'invalid-input')) throw error;
      return null;
    });
    if (dataset !== null) found.set(lang, dataset.pictures);
  }
  return found;
}

/** Encodes texts one by one: vectors of the text encoder itself, and in the joint space. */
async function readWith(
  folder: string,
  encoders: Encoders,
  texts: readonly string[],
): Promise<{ raw: Float32Array[]; joint: Float32Array }> {
  const shared = folder === NO_HEAD;
  await using head = closing(shared ? sharedSpace(encoders.profile) : await loadHead(folder, encoders));
  const raw = await encoders.text.encode(texts);
  const joint = joined(await head.projectTexts(raw));
  return { raw: raw.map((vector) => vector.slice(0, encoders.text.outputs[OWN_OUTPUT])), joint };
}

/** Concatenates vectors. */
function joined(vectors: readonly Float32Array[]): Float32Array {
  const size = vectors[0]!.length;
  const all = new Float32Array(vectors.length * size);
  for (const [i, vector] of vectors.entries()) all.set(vector, i * size);
  return all;
}

/** Quantises to bytes with one scale; also returns the values that remain. */
function inBytes(values: Float32Array): { bytes: Int8Array<ArrayBuffer>; scale: number; values: Float32Array } {
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12) / 127;
  const bytes = Int8Array.from(values, (value) => Math.round(value / scale));
  return { bytes, scale, values: Float32Array.from(bytes, (value) => value * scale) };
}

/**
 * "A tench, a kind of cyprinid": text encoders know little of rare names, least of all in other languages (prompts with
 * the kind, as in Radford et al. 2021, section 3.1.4).
 */
async function otherNames(modelDirs: readonly string[]): Promise<string[]> {
  const file = join(await findFolder(modelDirs, NAMED), 'classes.json');
  return namesSchema
    .parse(JSON.parse(await readFile(file, 'utf8')))
    .map(({ names: [name], hypernyms: [kind] }) => (kind === undefined ? `a ${name}` : `a ${name}, a kind of ${kind}`));
}

async function write(
  { encoders, judged: { vectors }, into: folder, about, captions }: CalibrationRequest,
  { temperature, poor, good, classes, caught, cost }: Calibrated,
  stored: {
    readonly halves: Float16Array<ArrayBuffer>;
    readonly bytes: Int8Array<ArrayBuffer>;
    readonly scale: number;
  },
  words: number,
): Promise<void> {
  const { name } = encoders.text;
  const others = { path: `calibration-${name}.f16`, rows: stored.halves.length / vectors.dimension };
  const file: CalibrationFile = {
    format: 1,
    temperature,
    poor,
    good,
    others,
    ...(classes !== null && {
      classes: {
        temperature: classes.temperature,
        poor: classes.poor,
        good: classes.good,
        names: { path: `calibration-${name}.i8`, rows: classes.count, scale: stored.scale },
      },
    }),
    madeOf: {
      ...about,
      words,
      caught,
      ...(captions.size > 1 && { languages: [...captions.keys()], cost: { ...cost } }),
    },
  };
  await writeWhole(join(folder, others.path), new Uint8Array(stored.halves.buffer));
  if (file.classes !== undefined) {
    await writeWhole(join(folder, file.classes.names.path), new Uint8Array(stored.bytes.buffer));
  }
  await writeJsonFile(join(folder, calibrationFile(name)), file);
}
