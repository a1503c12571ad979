import { buffer } from 'node:stream/consumers';
import type { CaptionForm } from '../caption-form.ts';
import { CAPTIONS_FILE, readCaptionLines } from '../captions-file.ts';

/** What this project itself reads: so that a data set can be moved to another place, and checked on the way. */
export const canonical: CaptionForm = {
  name: 'canonical',
  matches: (path) => path === CAPTIONS_FILE || path.endsWith(`/${CAPTIONS_FILE}`),
  async *read(file) {
    for (const { image, captions, split, sha256 } of readCaptionLines(await buffer(file.open()), file.path)) {
      yield { image, captions, split, ...(sha256 !== null && { sha256 }) };
    }
  },
};
