import { SightlineError } from '../../core/errors.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import type { CaptionRecord } from './caption-form.ts';
import { isSidecarName, readSidecars, sampleKey } from './caption-sidecars.ts';
import { USUAL_LANGUAGE } from './captions-file.ts';
import { readTable } from './csv.ts';
import { type FoundCaptions, findCaptions } from './detect-form.ts';
import { isLitter, isPictureName, unsafeName } from './picture-names.ts';
import type { Findings } from './problems-found.ts';
import type { SourceFile, SourceFiles } from './source-files.ts';
import { splitNamed } from './splits.ts';

/** Pairs pictures with captions, for every format. */

/** A picture with captions; its bytes are not read yet. */
export interface Pair {
  /** Its new name below images/. */
  readonly image: string;
  /** Its position in captions.jsonl. */
  readonly order: number;
  readonly file: SourceFile;
  /** Texts beside a picture are separate files, read on demand. */
  described(): Promise<Described>;
}

export interface Described extends Pick<CaptionRecord, 'captions' | 'split' | 'sha256'> {
  /** Captions in languages other than the default, by language; empty if the format has no languages. */
  readonly translations?: ReadonlyMap<string, readonly string[]>;
}

export interface Pairs {
  readonly form: string;
  /** Maximum number of pairs; null if it is not known until the end. */
  readonly total: number | null;
  each(): AsyncIterable<Pair>;
}

/**
 * Detects the format of a source and reads its captions.
 * @param chosen the captions file, if there are several
 * @throws {invalid-input} if no captions can be matched to pictures
 */
export async function pairsOf(source: SourceFiles, chosen: string | null, findings: Findings): Promise<Pairs> {
  const found = await findCaptions(source.files, chosen);
  if (found !== null) {
    const records = await readRecords(found, findings);
    return { form: found.form.name, total: records.size, each: () => byName(source, records, findings) };
  }
  const files = source.files.filter(({ path }) => !isLitter(path));
  const pictures = files.filter(({ path }) => isPictureName(path));
  const sharded = source.shards.length > 0;
  if (!sharded && !(pictures.length > 0 && files.some(({ path }) => isSidecarName(path)))) {
    throw new SightlineError(
      'invalid-input',
      `${source.name}: expected pictures and a captions file, a text beside each picture, or tar shards of both, ` +
        `got ${pluralise(pictures.length, 'picture')} and ${pluralise(files.length - pictures.length, 'other file')}`,
    );
  }
  const each = async function* () {
    yield* besidePictures(files, findings);
    yield* inShards(source, findings);
  };
  return { form: sharded ? 'webdataset' : 'sidecars', total: sharded ? null : pictures.length, each };
}

type Records = Map<string, Described & { readonly order: number }>;

async function readRecords({ form, files, lists }: FoundCaptions, findings: Findings): Promise<Records> {
  const records: Records = new Map();
  const listed = await readLists(lists, findings);
  for (const file of files) {
    for await (const { image, captions, split, sha256, lang = USUAL_LANGUAGE } of form.read(file, findings)) {
      const problem = unsafeName(image);
      if (problem !== null) {
        findings.note('unsafe-name', `${JSON.stringify(image)} in ${file.path} ${problem}`);
        continue;
      }
      const earlier = records.get(image);
      const named = splitNamed(split) ?? listed.get(image) ?? null;
      if (earlier !== undefined && named !== null && earlier.split !== named) {
        throw new SightlineError(
          'invalid-input',
          `${file.path}: expected ${image} in one split, got ${earlier.split} and ${named}`,
        );
      }
      const texts = trimmed(captions, image, findings);
      const inLanguage = new Map(earlier?.translations);
      if (lang !== USUAL_LANGUAGE) inLanguage.set(lang, [...(inLanguage.get(lang) ?? []), ...texts]);
      records.set(image, {
        captions: [...(earlier?.captions ?? []), ...(lang === USUAL_LANGUAGE ? texts : [])],
        split: named ?? earlier?.split ?? null,
        sha256: sha256 ?? earlier?.sha256,
        order: earlier?.order ?? records.size,
        translations: inLanguage,
      });
    }
  }
  for (const [image, { captions, translations }] of records) {
    if (captions.length > 0 || translations!.size > 0) continue;
    findings.note('no-captions', image);
    records.delete(image);
  }
  if (records.size > 0) return records;
  const names = files.map(({ path }) => path).join(', ');
  throw new SightlineError('invalid-input', `${names}: expected captions (${form.name}), got none that can be used`);
}

/** The split of each listed picture. */
async function readLists(lists: FoundCaptions['lists'], findings: Findings): Promise<Map<string, string>> {
  const splits = new Map<string, string>();
  for (const { split, file } of lists) {
    for await (const { fields } of readTable(file, { delimiter: '\t', quote: null }, findings)) {
      splits.set(fields[0]!.trim(), split);
    }
  }
  return splits;
}

function trimmed(captions: readonly string[], image: string, findings: Findings): string[] {
  return captions.flatMap((caption) => {
    const text = caption.trim();
    if (text === '') findings.note('empty-caption', image);
    return text === '' ? [] : [text];
  });
}

/** Finds the captions' pictures by the longest suffix of their path that matches a name. */
async function* byName(source: SourceFiles, records: Records, findings: Findings): AsyncGenerator<Pair> {
  const taken = new Set<string>();
  const nameOf = (path: string) => endsOf(path).find((end) => records.has(end)) ?? null;
  const pair = (file: SourceFile): Pair | null => {
    const image = nameOf(file.path);
    if (image === null && !isPictureName(file.path)) return null;
    if (!isSafe(file, findings)) return null;
    if (image === null) {
      findings.note('no-captions', file.path);
      return null;
    }
    if (taken.has(image)) {
      findings.note('second-file', file.path);
      return null;
    }
    taken.add(image);
    const { order, ...described } = records.get(image)!;
    return { image, order, file, described: async () => described };
  };
  for (const file of source.files) {
    const found = pair(file);
    if (found !== null) yield found;
  }
  for (const shard of source.shards) {
    for await (const file of shard.files((path) => nameOf(path) !== null)) {
      const found = pair(file);
      if (found !== null) yield found;
    }
  }
  for (const image of records.keys()) if (!taken.has(image)) findings.note('missing-picture', image);
}

/** `a/b/c` as a/b/c, b/c, c. */
function endsOf(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(i).join('/'));
}

function isSafe(file: SourceFile, findings: Findings): boolean {
  const problem = unsafeName(file.path);
  if (problem !== null) findings.note('unsafe-name', `${JSON.stringify(file.path)} ${problem}`);
  return problem === null;
}

/** Pictures in folders and zips with the texts beside them. */
function* besidePictures(files: readonly SourceFile[], findings: Findings): Generator<Pair> {
  // Two archives may contain the same names.
  const archives = new Set(files.map(({ archive }) => archive)).size;
  const placeOf = ({ archive, path }: SourceFile) => (archives > 1 && archive !== null ? `${archive}/${path}` : path);
  const texts = Map.groupBy(
    files.filter((file) => isSidecarName(file.path)),
    (file) => sampleKey(placeOf(file), false),
  );
  let order = 0;
  for (const file of files) {
    if (!isPictureName(file.path) || !isSafe(file, findings)) continue;
    const image = placeOf(file);
    const key = sampleKey(image, false);
    const own = texts.get(key) ?? [];
    texts.delete(key);
    yield { image, order: order++, file, described: () => describedBeside(own, image, image, findings) };
  }
  for (const [, [text]] of texts) findings.note('missing-picture', text!.path);
}

/** Samples of webdataset shards: adjacent files with the same name up to the first dot. */
async function* inShards(source: SourceFiles, findings: Findings): AsyncGenerator<Pair> {
  let order = 0;
  for (const shard of source.shards) {
    let sample: SourceFile[] = [];
    const finished = (): Pair[] => {
      const [picture, ...further] = sample.filter(({ path }) => isPictureName(path));
      const texts = sample.filter(({ path }) => isSidecarName(path));
      sample = [];
      for (const { path } of further) findings.note('second-file', path);
      if (picture === undefined) {
        if (texts.length > 0) findings.note('missing-picture', `${shard.name}: ${texts[0]!.path}`);
        return [];
      }
      const image = `${picture.archive}/${picture.path}`;
      return [
        {
          image,
          order: order++,
          file: picture,
          described: () => describedBeside(texts, image, `${shard.name}/${image}`, findings),
        },
      ];
    };
    for await (const file of shard.files((path) => !isLitter(path) && (isPictureName(path) || isSidecarName(path)))) {
      if (!isSafe(file, findings)) continue;
      const last = sample.at(-1);
      if (last !== undefined && sampleKey(last.path, true) !== sampleKey(file.path, true)) yield* finished();
      sample.push(file);
    }
    yield* finished();
  }
}

async function describedBeside(texts: readonly SourceFile[], image: string, where: string, findings: Findings) {
  const { captions, split } = await readSidecars(texts, where, findings);
  if (captions.length === 0) findings.note('no-captions', image);
  return { captions, split: splitNamed(split) };
}
