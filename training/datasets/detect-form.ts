import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { SightlineError } from '../../core/errors.ts';
import type { CaptionForm } from './caption-form.ts';
import { isSidecarName } from './caption-sidecars.ts';
import { canonical } from './forms/canonical.ts';
import { coco } from './forms/coco.ts';
import { flickr30k } from './forms/flickr30k.ts';
import { kaggle } from './forms/kaggle.ts';
import { karpathy } from './forms/karpathy.ts';
import { token } from './forms/token.ts';
import { isLitter, isPictureName, stemOf } from './picture-names.ts';
import { headOf, type SourceFile } from './source-files.ts';
import { asUtf8 } from './utf8.ts';

/**
 * Formats with a captions file, most specific first. Without such a file, captions are read from files beside the
 * pictures (`caption-sidecars.ts`).
 */
const CAPTION_FORMS: readonly CaptionForm[] = [canonical, flickr30k, kaggle, token, karpathy, coco];

/** Enough bytes for a header or the first entry of a JSON document. */
const HEAD_BYTES = 4096;

export interface FoundCaptions {
  readonly form: CaptionForm;
  /** More than one for COCO, which has one file per split. */
  readonly files: readonly SourceFile[];
  /** Lists of pictures per split, for formats with such files. */
  readonly lists: readonly { readonly split: string; readonly file: SourceFile }[];
}

/**
 * Finds the captions files among `files`, and their format; null if there are none. Identical copies count once.
 * @throws {invalid-input} if the choice is ambiguous; `chosen`, the end of a path, resolves it
 */
export async function findCaptions(files: readonly SourceFile[], chosen: string | null): Promise<FoundCaptions | null> {
  const pictures = new Set(files.filter(({ path }) => isPictureName(path)).map(({ path }) => stemOf(path)));
  const isBesidePicture = (path: string) => isSidecarName(path) && pictures.has(stemOf(path));
  const candidates = files.filter(({ path }) =>
    chosen === null
      ? /\.(csv|tsv|txt|token|jsonl?)$/i.test(path) && !isLitter(path) && !isBesidePicture(path)
      : path === chosen || path.endsWith(`/${chosen}`),
  );
  const found: { form: CaptionForm; file: SourceFile }[] = [];
  for (const file of candidates.map(asUtf8)) {
    const head = new TextDecoder().decode(await headOf(file, HEAD_BYTES));
    const form = CAPTION_FORMS.find((known) => known.matches(file.path, head));
    if (form !== undefined) found.push({ form, file });
  }
  const [first] = found;
  if (first === undefined) {
    if (chosen === null) return null;
    throw new SightlineError(
      'invalid-input',
      `expected ${chosen} to be a captions file (${CAPTION_FORMS.map(({ name }) => name).join(', ')}), ` +
        `got ${candidates.length === 0 ? 'no such file' : 'none of these forms'}`,
    );
  }
  const own = await withoutCopies(found.filter(({ form }) => form === first.form).map(({ file }) => file));
  const others = found.filter(({ form }) => form !== first.form);
  if (others.length > 0 || (own.length > 1 && first.form !== coco)) {
    const names = found.map(({ form, file }) => `${file.path} (${form.name})`).join(', ');
    throw new SightlineError('invalid-input', `expected one captions file, got ${names}: choose one with --captions`);
  }
  const lists = files.flatMap((file) => {
    const split = first.form.splitOfList?.(file.path) ?? null;
    return split === null ? [] : [{ split, file: asUtf8(file) }];
  });
  const folder = posix.dirname(own[0]!.path);
  const inLanguages = files.filter(({ path }) => first.form.isInLanguage?.(path) && posix.dirname(path) === folder);
  return { form: first.form, files: [...own, ...inLanguages.map(asUtf8)], lists };
}

async function withoutCopies(files: readonly SourceFile[]): Promise<SourceFile[]> {
  if (files.length === 1) return [...files];
  const byContent = new Map<string, SourceFile>();
  for (const file of files) {
    const hash = createHash('sha256');
    for await (const chunk of file.open()) hash.update(chunk);
    const key = hash.digest('hex');
    if (!byContent.has(key)) byContent.set(key, file);
  }
  return [...byContent.values()];
}
