import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../files/json-file.ts';

/** Beside head.json: words of the captions that the head was trained on, for corrections of misspelt queries. */
export const CAPTION_WORDS_FILE = 'caption-words.json';

/** By language (ISO 639-1): words in lower case, the most frequent first. */
const schema = z.record(z.string(), z.array(z.string()));
export type CaptionWords = z.infer<typeof schema>;

/**
 * The words by language; empty for a head without them.
 * @throws {unavailable} when the file cannot be read
 * @throws {invalid-config} when it does not fit
 */
export async function loadCaptionWords(folder: string): Promise<CaptionWords> {
  return (await readJsonFile(join(folder, CAPTION_WORDS_FILE), schema, 'delete it: it only corrects spelling')) ?? {};
}
