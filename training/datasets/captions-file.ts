import { z } from 'zod';
import { SightlineError } from '../../core/errors.ts';

/** captions.jsonl: one line per picture. */

export const CAPTIONS_FILE = 'captions.jsonl';
/** The default language of captions. */
export const USUAL_LANGUAGE = 'en';

/** The file with captions in another language, next to captions.jsonl. */
export function captionsFileOf(lang: string): string {
  return CAPTIONS_FILE.replace('.', `.${lang}.`);
}

/** The language in the name of such a file; null for other names. */
export function languageOfFile(path: string): string | null {
  return /(?:^|\/)captions\.([^./]+)\.jsonl$/.exec(path)?.[1] ?? null;
}

export interface CaptionedPicture {
  /** Path below `images/`, with forward slashes. */
  readonly image: string;
  readonly captions: readonly string[];
  /** The split: `train`, `val`, `test` or another name. */
  readonly split: string;
  /** Hash of the picture's bytes in lower-case hex, if captions.jsonl has it. */
  readonly sha256: string | null;
}

const lineSchema = z.object({
  image: z
    .string()
    .min(1)
    .refine(
      (name) => !/^[/\\]|^[A-Za-z]:|\0|\\/.test(name) && !name.split('/').includes('..'),
      'expected a path inside images/',
    ),
  captions: z.array(z.string()),
  split: z.string().min(1).optional(),
  lang: z.string().min(1).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

/** A line with its captions unchanged. */
export interface CaptionLine extends Omit<CaptionedPicture, 'split'> {
  /** Null if the line has none. */
  readonly split: string | null;
  /** Language of the captions, such as `de`; null if the line has none. */
  readonly lang: string | null;
  /** File and line number, from 1, for messages. */
  readonly where: string;
}

/**
 * Reads the lines of captions.jsonl.
 * @throws {invalid-input} naming the line, for invalid text, JSON or fields
 */
export function* readCaptionLines(bytes: Uint8Array, file: string): Generator<CaptionLine> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new SightlineError('invalid-input', `${file} line ${brokenLine(bytes)}: expected UTF-8`, { cause: error });
  }
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') yield parseLine(line, `${file} line ${index + 1}`);
  }
}

function brokenLine(bytes: Uint8Array): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const stop = end === -1 ? bytes.length : end;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, stop));
    } catch {
      return line;
    }
    start = stop + 1;
  }
  return line;
}

function parseLine(line: string, where: string): CaptionLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new SightlineError('invalid-input', `${where}: expected JSON, got ${(error as Error).message}`, {
      cause: error,
    });
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'line'}: ${issue.message}`);
    throw new SightlineError('invalid-input', `${where}: ${problems.join('; ')}`);
  }
  const { image, captions, split = null, lang = null, sha256 } = parsed.data;
  return { image, captions, split, lang, sha256: sha256 ?? null, where };
}
