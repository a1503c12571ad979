import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Encoders } from '../../core/encode/encoders.ts';
import { loadHead } from '../../core/encode/head.ts';
import { findFolder } from '../../core/encode/model-files.ts';
import { SightlineError } from '../../core/errors.ts';
import { type CalibrationFile, calibrationFile } from '../../core/fit.ts';
import { writeJsonFile } from '../../core/json-file.ts';
import { agreedWords, type Calibrated, calibrate } from '../../training/metrics/calibrate.ts';
import type { EvaluatedHead } from '../../training/metrics/evaluate-head.ts';

/** Writes how well the answers of a text side fit, beside its graph. */

/** The bundled image encoder, whose classes are the other things that a picture may show. */
const NAMED = 'efficientnet-lite2';
const classes = z.array(z.object({ names: z.array(z.string()).min(1) }));
/** Fewer words say little. */
const FEWEST_WORDS = 50;

export interface CalibrationRequest {
  readonly modelDirs: readonly string[];
  readonly encoders: Encoders;
  /** The head, judged on pictures that it never saw. */
  readonly judged: Pick<EvaluatedHead, 'folder' | 'vectors'>;
  /** Folder to write into. @default that of the head */
  readonly out?: string;
  readonly pictures: readonly { readonly captions: readonly string[] }[];
  readonly about: CalibrationFile['madeOf'];
  readonly seed: number;
}

/** Throws `invalid-input` for captions that agree in too few words. */
export async function calibrateSide(request: CalibrationRequest): Promise<Calibrated> {
  const { encoders, judged, pictures } = request;
  const words = agreedWords(pictures);
  if (words.length < FEWEST_WORDS) {
    const message =
      `expected at least ${FEWEST_WORDS} words that most captions of a picture have, got ${words.length}: ` +
      'take more pictures, with several captions each';
    throw new SightlineError('invalid-input', message);
  }
  const head = await loadHead(judged.folder, encoders);
  try {
    const project = async (texts: readonly string[]) => {
      const vectors = await head.projectTexts(await encoders.text.encode(texts));
      const matrix = new Float32Array(texts.length * head.dimension);
      for (const [i, vector] of vectors.entries()) matrix.set(vector, i * head.dimension);
      return matrix;
    };
    const texts = await project(words.map(({ word }) => word));
    // As they are kept: half floats.
    const halves = new Float16Array(await project(await otherNames(request.modelDirs)));
    const { images, dimension } = judged.vectors;
    const made = calibrate({ words, texts, images, others: Float32Array.from(halves), dimension, seed: request.seed });
    await write(request, made, halves, words.length);
    return made;
  } finally {
    await head.close();
  }
}

async function otherNames(modelDirs: readonly string[]): Promise<string[]> {
  const file = join(await findFolder(modelDirs, NAMED), 'classes.json');
  return classes.parse(JSON.parse(await readFile(file, 'utf8'))).map(({ names }) => `a ${names[0]}`);
}

async function write(
  { encoders, judged: { folder, vectors }, out = folder, about }: CalibrationRequest,
  { temperature, poor, good, caught }: Calibrated,
  halves: Float16Array,
  words: number,
): Promise<void> {
  const { name } = encoders.text;
  const others = { path: `calibration-${name}.f16`, rows: halves.length / vectors.dimension };
  const file: CalibrationFile = {
    format: 1,
    temperature,
    poor,
    good,
    others,
    madeOf: { ...about, words, caught },
  };
  await writeFile(join(out, others.path), new Uint8Array(halves.buffer));
  await writeJsonFile(join(out, calibrationFile(name)), file);
}
