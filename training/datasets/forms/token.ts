import type { CaptionForm } from '../caption-form.ts';
import { readTable } from '../csv.ts';
import { splitNamed } from '../splits.ts';

/**
 * Flickr8k and Flickr30k as released by their authors: `Flickr8k.token.txt` and `results_20130124.token`, with one
 * caption per line as `picture.jpg#0<TAB>caption`. Flickr8k defines its splits in separate lists of pictures
 * (`Flickr_8k.trainImages.txt`).
 */
export const token: CaptionForm = {
  name: 'token',

  // Flickr8k also ships lemmatised captions in the same format.
  matches: (path, head) => !/lemma/i.test(path) && LINE.test(head.split('\n', 1)[0]!),

  splitOfList: (path) => splitNamed(/(train|dev|val|test)images\.txt$/i.exec(path)?.[1]),

  async *read(file, findings) {
    for await (const { line, fields } of readTable(file, { delimiter: '\t', quote: null }, findings)) {
      const found = LINE.exec(fields.join('\t'));
      if (found === null) findings.note('broken-line', `${file.path} line ${line}`);
      else yield { image: found[1]!, captions: [found[2]!], split: null };
    }
  },
};

const LINE = /^(\S[^\t]*)#\d+\t(.*)$/;
