import type { CaptionForm } from '../caption-form.ts';
import { readTable } from '../csv.ts';
import { headOf } from '../source-files.ts';

/**
 * One caption a line, as on Kaggle: `results.csv` of Flickr30k (image_name| comment_number| comment, no quoting) and
 * `captions.txt` of Flickr8k and others (image,caption). Which one it is, its first line says. A caption that holds the
 * delimiter itself makes a line too long, and is put together again.
 */
export const kaggle: CaptionForm = {
  name: 'kaggle',

  matches(path, head) {
    return /\.(csv|txt|tsv)$/i.test(path) && layoutOf(head.split('\n', 1)[0]!) !== null;
  },

  async *read(file, findings) {
    const options = await tableOptions(file);
    let first = true;
    let captionColumn = 1;
    for await (const { line, fields } of readTable(file, options, findings)) {
      if (first) {
        captionColumn = fields.findIndex((name) => CAPTION.test(name.trim()));
        first = false;
        continue;
      }
      const image = fields[0]!.trim();
      const caption = captionIn(fields, captionColumn, options.delimiter);
      if (caption === null || image === '') findings.note('broken-line', `${file.path} line ${line}`);
      else yield { image, captions: [caption], split: null };
    }
  },
};

const IMAGE = /^(image|image_name|filename|file_name)$/i;
const CAPTION = /^(caption|comment|text)$/i;
const DELIMITERS = ['|', '\t', ','];

/** The delimiter of a header that begins with the picture and ends with the caption; null for another one. */
function layoutOf(header: string): string | null {
  const found = DELIMITERS.find((delimiter) => header.includes(delimiter));
  if (found === undefined) return null;
  const names = header.split(found).map((name) => name.replace(/["\uFEFF]/g, '').trim());
  return IMAGE.test(names[0]!) && CAPTION.test(names.at(-1)!) ? found : null;
}

function captionIn(fields: readonly string[], column: number, delimiter: string): string | null {
  if (fields.length > column) return fields.slice(column).join(delimiter);
  // Every copy of Flickr30k's results.csv has "2199200615.jpg| 4   A dog runs across the grass .", without its last bar.
  const joined = fields.length === column ? /^\s*\d+\s{2,}(.+)$/s.exec(fields[column - 1]!) : null;
  return joined?.[1] ?? null;
}

async function tableOptions(file: Parameters<CaptionForm['read']>[0]) {
  const delimiter = layoutOf(new TextDecoder().decode(await headOf(file, 1024)).split('\n', 1)[0]!) ?? ',';
  // With bars, quotes are part of the captions.
  return { delimiter, quote: delimiter === ',' ? '"' : null };
}
