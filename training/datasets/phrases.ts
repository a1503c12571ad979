import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SightlineError } from '../../core/errors.ts';

/** What people search for, in many languages, without pictures: most of it is in no caption. */

const phraseSchema = z.record(z.string(), z.string().min(1)).and(z.object({ en: z.string() }));

/** One phrase, by ISO 639-1 code of the language; English is among them. */
export type Phrase = z.infer<typeof phraseSchema>;

/**
 * Reads phrases from a file with one JSON object per line.
 * @throws {not-found} if there is no such file
 * @throws {invalid-input} for a line that is no phrase
 */
export async function readPhrases(path: string): Promise<readonly Phrase[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new SightlineError('not-found', `expected a file with phrases, got ${path} (${error.code})`);
  });
  return text
    .trimEnd()
    .split('\n')
    .map((line, at) => {
      const { data } = phraseSchema.safeParse(parsed(line));
      if (data !== undefined) return data;
      const expected = 'expected a JSON object with a text for each language, "en" among them';
      throw new SightlineError('invalid-input', `${path}, line ${at + 1}: ${expected}, got ${line.slice(0, 100)}`);
    });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
