import { z } from 'zod';
import type { CaptionForm } from '../caption-form.ts';
import { columnsOf, delimiterOf, readTable } from '../csv.ts';
import { firstLine } from '../source-files.ts';

/**
 * `flickr_annotations_30k.csv` of the Hugging Face data set nlphuji/flickr30k: columns raw, sentids, split, filename,
 * img_id in any order; the first two are JSON arrays.
 */
export const flickr30k: CaptionForm = {
  name: 'flickr30k',

  matches(path, head) {
    const columns = columnsOf(head.split('\n', 1)[0]!);
    return path.endsWith('.csv') && ['raw', 'split', 'filename'].every((name) => columns.includes(name));
  },

  async *read(file, findings) {
    const delimiter = delimiterOf(await firstLine(file));
    let columns: readonly string[] | null = null;
    for await (const { line, fields } of readTable(file, { delimiter, quote: '"' }, findings)) {
      if (columns === null) {
        columns = fields.map((name) => name.trim());
        continue;
      }
      const cell = (name: string) => fields[columns!.indexOf(name)] ?? '';
      const captions = captionsIn(cell('raw'));
      const image = cell('filename').trim();
      if (captions === null || image === '') findings.note('broken-line', `${file.path} line ${line}`);
      else yield { image, captions, split: cell('split') };
    }
  },
};

const rawSchema = z.array(z.string());

function captionsIn(raw: string): string[] | null {
  try {
    const parsed = rawSchema.safeParse(JSON.parse(raw));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
