import { buffer } from 'node:stream/consumers';
import type { CaptionForm } from '../caption-form.ts';
import { CAPTIONS_FILE, languageOfFile, readCaptionLines, USUAL_LANGUAGE } from '../captions-file.ts';

/** This project's own format, so that a data set can be copied elsewhere and checked on the way. */
export const canonical: CaptionForm = {
  name: 'canonical',
  matches: (path) => path === CAPTIONS_FILE || path.endsWith(`/${CAPTIONS_FILE}`),
  isInLanguage: (path) => languageOfFile(path) !== null,
  async *read(file) {
    const usual = languageOfFile(file.path) ?? USUAL_LANGUAGE;
    for (const { image, captions, split, sha256, lang } of readCaptionLines(await buffer(file.open()), file.path)) {
      yield { image, captions, split, lang: lang ?? usual, ...(sha256 !== null && { sha256 }) };
    }
  },
};
