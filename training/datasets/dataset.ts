import { createHash } from 'node:crypto';
import { SightlineError } from '../../core/errors.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import { Random } from '../random.ts';
import {
  CAPTIONS_FILE,
  type CaptionedPicture,
  type CaptionLine,
  captionsFileOf,
  languageOfFile,
  readCaptionLines,
  USUAL_LANGUAGE,
} from './captions-file.ts';
import { listAll } from './source-files.ts';
import { type SplitShares, splitByName, USUAL_SHARES } from './splits.ts';

export type { CaptionedPicture } from './captions-file.ts';

/**
 * A data set in canonical form: a folder, or a prefix in a bucket, with `images/` and `captions.jsonl`, which has one
 * line per picture: {"image": "name.jpg", "captions": ["...", ...], "split": "train", "sha256": "..."}. Split and hash
 * are optional. Pictures are read on demand.
 */

export interface DatasetLocation {
  readonly store: ObjectStore;
  /** For messages: the path or s3://bucket/prefix. */
  readonly name: string;
  /** Files like captions.LANG.jsonl in other places. */
  readonly captionFiles?: readonly CaptionFile[];
}

export interface CaptionFile {
  readonly lang: string;
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Dataset {
  readonly location: DatasetLocation;
  /** Number of pictures in captions.jsonl; missing files show only when they are read. */
  readonly pictures: readonly CaptionedPicture[];
  /** What was skipped or repaired. */
  readonly warnings: DatasetWarnings;
}

/** Number of problems of each kind, with the name of the first picture that has it. */
export type DatasetWarnings = ReadonlyMap<DatasetWarning, { readonly count: number; readonly first: string }>;

/** Notes a problem of a picture. */
export type Warn = (what: DatasetWarning, image: string) => void;

/** Notes problems in `warnings`. */
export function warnInto(warnings: Map<DatasetWarning, { count: number; first: string }>): Warn {
  return (what, image) => {
    const { count, first } = warnings.get(what) ?? { count: 0, first: image };
    warnings.set(what, { count: count + 1, first });
  };
}

/** Kinds of problems, and how each is handled: for one of them, and for several. */
export const DATASET_WARNINGS = {
  'missing-picture': ['line without its picture, left out', 'lines without their pictures, left out'],
  'empty-caption': ['empty caption, left out', 'empty captions, left out'],
  'no-captions': ['picture without captions, left out', 'pictures without captions, left out'],
  'doubled-line': [
    'further line for a picture, its captions added',
    'further lines for pictures, their captions added',
  ],
  'doubled-picture': [
    'picture there twice under different names, joined',
    'pictures there twice under different names, joined',
  ],
  'split-leak': [
    'training picture that is in another split, too, left out',
    'training pictures that are in another split, too, left out',
  ],
  'unreadable-picture': ['picture that cannot be decoded, left out', 'pictures that cannot be decoded, left out'],
} as const;

export type DatasetWarning = keyof typeof DATASET_WARNINGS;

/** Folder of the pictures in a data set. */
export const IMAGES_PREFIX = 'images/';

export interface DatasetOptions {
  /** Only pictures of these splits. @default all */
  readonly splits?: readonly string[];
  /**
   * Split all pictures anew by these shares and ignore the splits in captions.jsonl. By default, pictures are split
   * 80/10/10 only if captions.jsonl has no splits.
   */
  readonly shares?: SplitShares;
  /** Keep one caption per picture, chosen by this seed. */
  readonly captionSeed?: number;
  /** Captions in this language only: lines of captions.jsonl that name it, and captions.LANG.jsonl. @default 'en' */
  readonly lang?: string;
}

/**
 * Reads captions.jsonl.
 * @throws {not-found} if there is no data set
 * @throws {invalid-input} naming the line, for invalid text, JSON or fields, for a picture in two splits, and if only
 * some lines have a split
 */
export async function readDataset(location: DatasetLocation, options: DatasetOptions = {}): Promise<Dataset> {
  const { splits, captionSeed, lang = USUAL_LANGUAGE } = options;
  const warnings = new Map<DatasetWarning, { count: number; first: string }>();
  const warn = warnInto(warnings);
  const { named, spoken } = await readPictures(location, lang, warn);
  const pictures = withSplits(location, [...named.values()], options.shares);
  const usable: CaptionedPicture[] = [];
  for (const picture of pictures.filter(({ image }) => spoken.has(image))) {
    if (splits !== undefined && !splits.includes(picture.split)) continue;
    if (picture.captions.length === 0) warn('no-captions', picture.image);
    else usable.push(captionSeed === undefined ? picture : withOneCaption(picture, captionSeed));
  }
  if (usable.length > 0) return { location, pictures: usable, warnings };
  const languages = await listLanguages(location);
  const known = [...new Set(pictures.map(({ split }) => split))].join(', ') || 'none';
  const wanted = [
    splits === undefined ? '' : ` in split ${splits.join(' or ')}`,
    lang === USUAL_LANGUAGE && languages.length < 2 ? '' : ` in language ${lang}`,
  ].join('');
  const got = `${pluralise(pictures.length, 'line')}, splits: ${known}, languages: ${languages.join(', ') || 'none'}`;
  throw new SightlineError(
    'invalid-input',
    `${location.name}: expected pictures with captions${wanted}, got none (${got}${describeWarnings(warnings)})`,
  );
}

type NamedPicture = Omit<CaptionedPicture, 'split'> & { readonly split: string | null };

interface NamedPictures {
  /** All pictures by name, with their captions in the requested language. */
  readonly named: Map<string, NamedPicture>;
  /** Names of the pictures with a line in that language. */
  readonly spoken: Set<string>;
  readonly languages: Set<string>;
}

/** Pictures in captions.jsonl and in the file of a language. */
async function readPictures(location: DatasetLocation, lang: string, warn: Warn): Promise<NamedPictures> {
  const found: NamedPictures = { named: new Map(), spoken: new Set(), languages: new Set() };
  for (const line of readCaptionLines(await captionsFile(location), `${location.name}: ${CAPTIONS_FILE}`)) {
    addLine(found, { ...line, lang: line.lang ?? USUAL_LANGUAGE }, lang, warn);
  }
  for (const { name, bytes } of await captionFilesOf(location, lang)) {
    for (const line of readCaptionLines(bytes, name)) {
      // Fields missing in this file come from captions.jsonl.
      const split = line.split ?? found.named.get(line.image)?.split ?? null;
      addLine(found, { ...line, split, lang: line.lang ?? lang }, lang, warn);
    }
  }
  return found;
}

/** captions.LANG.jsonl if it exists, and files added to it. */
async function captionFilesOf(
  { store, name, captionFiles = [] }: DatasetLocation,
  lang: string,
): Promise<CaptionFile[]> {
  const added = captionFiles.filter((file) => file.lang === lang);
  const beside = captionsFileOf(lang);
  const file = lang === USUAL_LANGUAGE ? null : await store.get(beside);
  if (file === null) return added;
  return [{ lang, name: `${name}: ${beside}`, bytes: await new Response(file.body).bytes() }, ...added];
}

function addLine(
  { named, spoken, languages }: NamedPictures,
  { where, lang, ...line }: CaptionLine,
  wanted: string,
  warn: Warn,
): void {
  languages.add(lang!);
  const captions = lang === wanted ? line.captions.filter((caption) => caption.trim() !== '') : [];
  const earlier = named.get(line.image);
  if (earlier !== undefined && earlier.split !== line.split) {
    const got = `${earlier.split ?? 'none'} and ${line.split ?? 'none'}`;
    throw new SightlineError('invalid-input', `${where}: expected ${line.image} in one split, got ${got}`);
  }
  const all = [...new Set([...(earlier?.captions ?? []), ...captions])];
  named.set(line.image, earlier === undefined ? { ...line, captions } : { ...earlier, captions: all });
  if (lang !== wanted) return;
  for (let n = captions.length; n < line.captions.length; n++) warn('empty-caption', line.image);
  if (spoken.has(line.image)) warn('doubled-line', line.image);
  spoken.add(line.image);
}

/** Languages of the captions in a data set, the default language first. */
export async function listLanguages(location: DatasetLocation): Promise<string[]> {
  const { languages } = await readPictures(location, USUAL_LANGUAGE, () => undefined);
  for await (const { key } of listAll(location.store, 'captions.')) {
    const lang = languageOfFile(key);
    if (lang !== null && key === captionsFileOf(lang)) languages.add(lang);
  }
  for (const { lang } of location.captionFiles ?? []) languages.add(lang);
  return [...languages];
}

function withSplits(
  { name }: DatasetLocation,
  pictures: readonly NamedPicture[],
  shares: SplitShares | undefined,
): CaptionedPicture[] {
  const unnamed = pictures.filter(({ split }) => split === null).length;
  if (shares === undefined && unnamed > 0 && unnamed < pictures.length) {
    const got = `${unnamed} of ${pictures.length} without one`;
    throw new SightlineError('invalid-input', `${name}: expected a split in every line or in none, got ${got}`);
  }
  if (shares === undefined && unnamed === 0) return pictures as readonly CaptionedPicture[] as CaptionedPicture[];
  const names = pictures.map(({ image }) => image);
  const splits = splitByName(names, shares ?? USUAL_SHARES);
  return pictures.map((picture) => ({ ...picture, split: splits.get(picture.image)! }));
}

function withOneCaption(picture: CaptionedPicture, seed: number): CaptionedPicture {
  const { captions, image } = picture;
  return { ...picture, captions: [captions[new Random(seed, `caption of ${image}`).below(captions.length)]!] };
}

/** `, 3 missing-picture` for each kind of problem. */
export function describeWarnings(warnings: Dataset['warnings']): string {
  return [...warnings].map(([what, { count }]) => `, ${count} ${what}`).join('');
}

/** Names of the existing pictures, as in captions.jsonl. */
export async function listPictures({ store }: DatasetLocation): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { key } of listAll(store, IMAGES_PREFIX)) names.add(key.slice(IMAGES_PREFIX.length));
  return names;
}

/** Bytes and SHA-256 of a picture, or null if it is missing. */
export async function readPicture(
  { location }: Dataset,
  picture: CaptionedPicture,
): Promise<{ bytes: Uint8Array; sha256: string } | null> {
  const found = await location.store.get(IMAGES_PREFIX + picture.image);
  if (found === null) return null;
  const bytes = await new Response(found.body).bytes();
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function captionsFile({ store, name }: DatasetLocation): Promise<Uint8Array> {
  const found = await store.get(CAPTIONS_FILE);
  if (found === null) throw new SightlineError('not-found', `expected ${CAPTIONS_FILE} in ${name}, found none`);
  return new Response(found.body).bytes();
}
