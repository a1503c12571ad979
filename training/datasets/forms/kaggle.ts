import type { CaptionForm } from '../caption-form.ts';
import { columnsOf, delimiterOf, readTable } from '../csv.ts';
import { firstLine } from '../source-files.ts';

/**
 * One caption per line, as on Kaggle: `results.csv` of Flickr30k (image_name| comment_number| comment, no quoting) and
 * `captions.txt` of Flickr8k and others (image,caption), also after saving in Excel (semicolons or tabs). The first
 * line shows which one it is. A caption that contains the delimiter yields extra columns, which are joined again.
 */
export const kaggle: CaptionForm = {
  name: 'kaggle',

  matches(path, head) {
    return /\.(csv|txt|tsv)$/i.test(path) && isHeader(head.split('\n', 1)[0]!);
  },

  async *read(file, findings) {
    const delimiter = delimiterOf(await firstLine(file));
    // With bars, quotes are part of the captions. With tabs they may be, or may enclose a cell written by Excel.
    const options = { delimiter, quote: delimiter === '|' || delimiter === '\t' ? null : '"' };
    let first = true;
    let captionColumn = 1;
    for await (const { line, fields } of readTable(file, options, findings)) {
      if (first) {
        captionColumn = fields.findIndex((name) => CAPTION.test(name.trim()));
        first = false;
        continue;
      }
      const image = fields[0]!.trim();
      const caption = captionIn(fields, captionColumn, delimiter);
      if (caption === null || image === '') findings.note('broken-line', `${file.path} line ${line}`);
      else yield { image, captions: [delimiter === '\t' ? unquoted(caption) : caption], split: null };
    }
  },
};

const IMAGE = /^(image|image_name|filename|file_name)$/i;
const CAPTION = /^(caption|comment|text)$/i;

/** Whether a header begins with the picture and ends with the caption. */
function isHeader(line: string): boolean {
  const names = columnsOf(line);
  return names.length > 1 && IMAGE.test(names[0]!) && CAPTION.test(names.at(-1)!);
}

function captionIn(fields: readonly string[], column: number, delimiter: string): string | null {
  if (fields.length > column) return fields.slice(column).join(delimiter);
  // Every copy of Flickr30k's results.csv has "2199200615.jpg| 4   A dog runs across the grass .", with the last bar
  // missing.
  const joined = fields.length === column ? /^\s*\d+\s{2,}(.+)$/s.exec(fields[column - 1]!) : null;
  return joined?.[1] ?? null;
}

function unquoted(cell: string): string {
  return /^"(.*)"$/s.exec(cell)?.[1]?.replaceAll('""', '"') ?? cell;
}
