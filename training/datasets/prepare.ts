import { createHash } from 'node:crypto';
import { DEFAULT_LIMITS } from '../../core/encode/encoder-pair.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { decodeImage } from '../../core/picture/decode.ts';
import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';
import { inParallel } from '../parallel.ts';
import { CAPTIONS_FILE, captionsFileOf, readCaptionLines, USUAL_LANGUAGE } from './captions-file.ts';
import { type CaptionFile, type DatasetLocation, IMAGES_PREFIX } from './dataset.ts';
import type { Journal } from './journal.ts';
import { type Pair, pairsOf } from './pairs.ts';
import { Findings, type PreparationSummary } from './problems-found.ts';
import { contentOf, listAll, type SourceFiles } from './source-files.ts';
import { describeRule, type SplitShares, splitByHash } from './splits.ts';

const REPORT_FILE = 'report.json';

export interface PrepareOptions {
  readonly source: SourceFiles;
  /** The source as the user wrote it, for the report. */
  readonly from: string;
  /** The downloaded commit, or null. */
  readonly commit: string | null;
  readonly target: DatasetLocation;
  readonly journal: Journal;
  /** End of the path of the captions file, if there are several. */
  readonly captions: string | null;
  /** Files like captions.LANG.jsonl whose captions are added. */
  readonly added: readonly CaptionFile[];
  readonly shares: SplitShares;
  /** Pictures processed concurrently, each in memory. */
  readonly parallel: number;
  /** Overwrite a captions.jsonl that came from another source. */
  readonly replace: boolean;
  readonly signal?: AbortSignal;
  /** @param total null while unknown */
  readonly onProgress?: (done: number, total: number | null) => void;
}

/** A future line of captions.jsonl, with its position. */
interface CaptionedLine {
  readonly order: number;
  readonly image: string;
  readonly captions: readonly string[];
  readonly split: string;
  readonly sha256: string;
  /** Captions in other languages, by language. */
  readonly translations: ReadonlyMap<string, readonly string[]>;
}

/**
 * Writes a data set in canonical form: each picture unchanged, after a test decode; then captions.jsonl, last and
 * atomically; then a report. Can be interrupted at any time; the next call skips what is in the journal.
 * @throws {invalid-input} if the source cannot be read
 * @throws {precondition-failed} if the target contains another data set
 * @throws {unavailable} if writing fails (the next call resumes), and the signal's reason
 */
export async function prepareDataset(options: PrepareOptions): Promise<PreparationSummary> {
  const startedAt = performance.now();
  const findings = new Findings();
  await refuseOthers(options);
  const pairs = await pairsOf(options.source, options.captions, findings);
  const stored = await storedPictures(options.target);
  const work = { ...options, stored, findings, counts: { written: 0, kept: 0, byRule: 0 } };
  const lines: CaptionedLine[] = [];
  let done = 0;
  await inParallel(options.parallel, pairs.each(), async (pair) => {
    options.signal?.throwIfAborted();
    const line = await settle(pair, work);
    if (line !== null) lines.push(line);
    options.onProgress?.(++done, pairs.total);
  });
  if (lines.length === 0) {
    const found = JSON.stringify(findings);
    throw new SightlineError(
      'invalid-input',
      `${options.source.name}: expected pictures with captions, got none: ${found}`,
    );
  }
  lines.sort((a, b) => a.order - b.order);
  const all = withAdded(lines, options.added, findings);
  compareContents(all, findings);
  noteLeftOvers(stored, all, findings);
  const report = reportOf(all, {
    from: options.from,
    commit: options.commit,
    form: pairs.form,
    findings,
    counts: work.counts,
    splitRule: work.counts.byRule > 0 ? describeRule(options.shares) : null,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  });
  await write(options.target, all, report);
  return report;
}

/** Protects existing captions from being overwritten by mistake. */
async function refuseOthers({ target, from, replace }: PrepareOptions): Promise<void> {
  if (replace || (await target.store.head(CAPTIONS_FILE)) === null) return;
  const found = await target.store.get(REPORT_FILE);
  const report: unknown = found && (await new Response(found.body).json().catch(() => null));
  const earlier = (report as Partial<PreparationSummary> | null)?.from ?? 'something else';
  if (earlier === from) return;
  throw new SightlineError(
    'precondition-failed',
    `${target.name}: expected no data set, or one prepared from ${from}; got one from ${earlier} ` +
      '(--replace writes over it)',
  );
}

async function storedPictures({ store }: DatasetLocation): Promise<Map<string, string>> {
  const etags = new Map<string, string>();
  for await (const { key, etag } of listAll(store, IMAGES_PREFIX)) etags.set(key.slice(IMAGES_PREFIX.length), etag);
  return etags;
}

type Work = PrepareOptions & {
  /** Entity tags of existing files in images/. */
  readonly stored: ReadonlyMap<string, string>;
  readonly findings: Findings;
  readonly counts: { written: number; kept: number; byRule: number };
};

/** Reads, checks and writes a picture; returns its line, or null if it was left out. */
async function settle(pair: Pair, work: Work): Promise<CaptionedLine | null> {
  const { image, order } = pair;
  const { captions, split, sha256: expected, translations = new Map() } = await pair.described();
  if (captions.length === 0 && translations.size === 0) return null;
  const sha256 = await written(pair, expected ?? null, work);
  if (sha256 === null) return null;
  if (split === null) {
    work.counts.byRule++;
    work.findings.note('split-by-rule', image);
  }
  return { order, image, captions, split: split ?? splitByHash(sha256, work.shares), sha256, translations };
}

/** Stores the picture under its new name; returns its hash, or null if it was skipped. */
async function written(pair: Pair, expected: string | null, work: Work): Promise<string | null> {
  const { image, file } = pair;
  const { stored, journal, findings, counts, target } = work;
  const known = journal.find(image, file.stamp);
  if (known !== null && known.etag === stored.get(image)) {
    counts.kept++;
    return known.sha256;
  }
  const bytes = await goodPicture(pair, findings);
  if (bytes === null) return null;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (expected !== null && expected !== sha256) {
    findings.note('changed-picture', `${image}: expected SHA-256 ${expected}, got ${sha256}`);
    return null;
  }
  try {
    const { etag } = await target.store.put(IMAGES_PREFIX + image, bytes, { signal: work.signal });
    await journal.add({ image, stamp: file.stamp, sha256, etag });
  } catch (error) {
    if (!isSightlineError(error, 'invalid-key')) throw error;
    findings.note('unsafe-name', error.message);
    return null;
  }
  counts.written++;
  return sha256;
}

/** Decodes all pixels to detect damaged files; the result is discarded. */
const CHECK: Preprocessing = {
  resize: { mode: 'squash', size: 32, kernel: 'bilinear' },
  crop: 32,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** The bytes of a picture that can be decoded, or null. */
async function goodPicture({ image, file }: Pair, findings: Findings): Promise<Uint8Array | null> {
  try {
    const bytes = await contentOf(file, DEFAULT_LIMITS.maxBytes);
    if (bytes === null) {
      findings.note('unreadable-picture', `${image}: more than ${DEFAULT_LIMITS.maxBytes} bytes`);
      return null;
    }
    await decodeImage(bytes, CHECK, DEFAULT_LIMITS);
    return bytes;
  } catch (error) {
    if (!isSightlineError(error)) throw error;
    if (error.code === 'invalid-input') findings.note('broken-file', error.message);
    else if (error.code === 'unreadable-image' || error.code === 'too-large') {
      findings.note('unreadable-picture', `${image}: ${error.message}`);
    } else throw error;
    return null;
  }
}

/** Adds the captions from files about the same pictures. */
function withAdded(
  lines: readonly CaptionedLine[],
  added: readonly CaptionFile[],
  findings: Findings,
): readonly CaptionedLine[] {
  const byImage = new Map(lines.map((line) => [line.image, line]));
  for (const { lang: usual, name, bytes } of added) {
    for (const { image, captions, lang, where } of readCaptionLines(bytes, name)) {
      const line = byImage.get(image);
      if (line === undefined) {
        findings.note('missing-picture', `${image}, named in ${where}`);
        continue;
      }
      const translations = new Map(line.translations);
      const language = lang ?? usual;
      translations.set(language, [...(translations.get(language) ?? []), ...captions]);
      const isUsual = language === USUAL_LANGUAGE;
      byImage.set(image, isUsual ? { ...line, captions: [...line.captions, ...captions] } : { ...line, translations });
    }
  }
  return [...byImage.values()];
}

/** Finds identical pictures within a split and across splits. */
function compareContents(lines: readonly CaptionedLine[], findings: Findings): void {
  for (const same of Map.groupBy(lines, ({ sha256 }) => sha256).values()) {
    if (same.length === 1) continue;
    const [first, ...others] = same;
    for (const other of others) {
      const pair = `${first!.image} (${first!.split}) and ${other.image} (${other.split})`;
      findings.note(other.split === first!.split ? 'doubled-picture' : 'split-leak', pair);
    }
  }
  for (const split of ['train', 'val'])
    if (!lines.some((line) => line.split === split)) findings.note('empty-split', split);
}

function noteLeftOvers(stored: ReadonlyMap<string, string>, lines: readonly CaptionedLine[], findings: Findings): void {
  const named = new Set(lines.map(({ image }) => image));
  for (const image of stored.keys()) if (!named.has(image)) findings.note('left-over', image);
}

function reportOf(
  lines: readonly CaptionedLine[],
  facts: Pick<PreparationSummary, 'from' | 'commit' | 'form' | 'splitRule' | 'seconds'> &
    Pick<Work, 'findings' | 'counts'>,
): PreparationSummary {
  const { findings, counts, from, commit, form, splitRule, seconds } = facts;
  const count = (some: readonly CaptionedLine[]) => ({
    pictures: some.length,
    captions: some.reduce((sum, { captions }) => sum + captions.length, 0),
  });
  const bySplit = Map.groupBy(lines, ({ split }) => split);
  return {
    format: 1,
    from,
    commit,
    form,
    ...count(lines),
    splits: Object.fromEntries([...bySplit].map(([name, some]) => [name, count(some)])),
    splitRule,
    findings: findings.toJSON(),
    written: counts.written,
    kept: counts.kept,
    seconds,
  };
}

async function write(
  { store }: DatasetLocation,
  lines: readonly CaptionedLine[],
  report: PreparationSummary,
): Promise<void> {
  const text = lines.map(({ order: _, translations: __, ...line }) => `${JSON.stringify(line)}\n`);
  // The report names the source, so that the next call may write here again.
  await store.put(REPORT_FILE, Buffer.from(`${JSON.stringify(report, null, 2)}\n`), {
    contentType: 'application/json',
  });
  for (const lang of new Set(lines.flatMap(({ translations }) => [...translations.keys()]))) {
    const own = lines.flatMap(({ image, split, translations }) => {
      const captions = translations.get(lang);
      return captions === undefined ? [] : [`${JSON.stringify({ image, captions, split, lang })}\n`];
    });
    await store.put(captionsFileOf(lang), Buffer.from(own.join('')), { contentType: 'application/jsonl' });
  }
  await store.put(CAPTIONS_FILE, Buffer.from(text.join('')), { contentType: 'application/jsonl' });
}
