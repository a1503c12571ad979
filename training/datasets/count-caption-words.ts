import { join } from 'node:path';
import { CAPTION_WORDS_FILE, type CaptionWords, loadCaptionWords } from '../../core/encode/caption-words.ts';
import { writeJsonFile } from '../../core/files/json-file.ts';
import { isSpelled, WORD } from '../../core/search/spelling.ts';
import type { CaptionedPicture } from './dataset.ts';

/** Slips are rarer, and a word of so many captions says nothing about any of them. */
const LEAST_CAPTIONS = 5;

/** The words of at least five captions, in lower case, the most frequent first, equally frequent ones by alphabet. */
export function frequentWords(pictures: readonly Pick<CaptionedPicture, 'captions'>[]): string[] {
  const counts = new Map<string, number>();
  for (const caption of pictures.flatMap(({ captions }) => captions)) {
    const words = new Set(caption.normalize('NFC').toLowerCase().match(WORD)?.filter(isSpelled));
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const frequent = [...counts].filter(([, count]) => count >= LEAST_CAPTIONS);
  return frequent.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([word]) => word);
}

/** Stores the words of these languages beside a head, and keeps those of other languages. */
export async function writeCaptionWords(folder: string, words: CaptionWords): Promise<void> {
  const all = { ...(await loadCaptionWords(folder)), ...words };
  await writeJsonFile(join(folder, CAPTION_WORDS_FILE), all);
}
