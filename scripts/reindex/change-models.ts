import { knownAs } from '../../core/encode/image-embedder.ts';
import { SightlineError } from '../../core/errors.ts';
import type { Embedder, Spaces } from '../../core/ports.ts';
import { type BuildOptions, type BuildReport, buildSpace } from '../../core/reindex/build-candidate.ts';
import { decimal, toggle, whole } from '../../core/setting-value.ts';
import type { Config } from '../../core/settings.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import { createLogger, expectIndex, openBuckets, openEmbedder, openSpaces } from '../../server/composition-root.ts';
import { readConfig } from '../../server/environment.ts';
import { expectRoom, noteLeft } from '../../server/reindex/background-reindex.ts';
import { configuredModels, expectModels, rememberModels } from '../../server/reindex/space-models.ts';
import { EXIT, type Values } from '../cli/command.ts';
import { CONCURRENCY, INDEX, JSON_OUTPUT } from '../cli/options.ts';
import { createProgress } from '../cli/progress.ts';

/** Options of the commands that fill a space. */
export const BUILD_OPTIONS = {
  rate: decimal({
    above: 0,
    max: 1e6,
    text: 'maximum number of pictures a second',
    shown: 'no limit; with a bucket, 500',
  }),
  concurrency: CONCURRENCY,
  sample: whole({ max: 1000, text: 'pictures and captions to search for in the check, 0 to 1000', shown: '100' }),
  'skip-missing': toggle({
    text: 'skip pictures that are gone or changed since they were indexed, instead of refusing',
  }),
  ...INDEX,
  json: JSON_OUTPUT,
};

type Options = Pick<BuildOptions, 'rate' | 'sample' | 'minOverlap' | 'skipMissing' | 'switch'> & {
  readonly concurrency?: number;
  readonly json: boolean;
};

/** Build options from the flags. */
export function buildOptions(
  flags: Pick<Values<typeof BUILD_OPTIONS>, 'rate' | 'concurrency' | 'sample' | 'skip-missing'>,
  minOverlap: number,
): Omit<Options, 'switch' | 'json'> {
  const { rate = Infinity, concurrency, sample = 100, 'skip-missing': skipMissing } = flags;
  return { rate, concurrency, sample, minOverlap, skipMissing };
}

/**
 * Fills a space beside the live one and makes it live: that of the configured models, or `wanted`, whose models are
 * searched for. Prints the result; returns the exit code.
 */
export async function changeSpace(
  flags: Parameters<typeof readConfig>[0],
  wanted: string | null,
  options: Options,
): Promise<number> {
  const config = expectIndex(readConfig({ ...flags, concurrency: options.concurrency, logLevel: 'warn' }));
  await using spaces = closing(await openSpaces(config));
  const live = await spaces.live();
  if (live === null)
    throw new SightlineError('not-found', 'expected an index with pictures, found none: npm run index');
  if (wanted !== null) await expectSpace(spaces, wanted);
  const models = wanted === null ? await configuredModels(config) : await expectModels(wanted, config);
  const ids = (await spaces.list()).map(({ space }) => space);
  const made = await openEmbedder(config, models);
  const known = ids.find((id) => made.sameAs.includes(id));
  await using embedder = closing(knownAs(made, known));
  if (embedder.space === live.space) return tell(options.json, { space: live.space, live: true, already: true });
  await rememberModels(config.data, embedder.space, models);
  return await fill(config, spaces, embedder, options);
}

async function expectSpace(spaces: Spaces, wanted: string): Promise<void> {
  const known = (await spaces.list()).map(({ space }) => space);
  if (known.includes(wanted)) return;
  throw new SightlineError('not-found', `expected one of the spaces ${known.join(', ')}, got ${wanted}`);
}

async function fill(config: Config, spaces: Spaces, embedder: Embedder, options: Options): Promise<number> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const candidate = await spaces.openCandidate(embedder.space, embedder.dimension);
  const { buckets, bucket } = await openBuckets(config, createLogger(config), candidate.from);
  const [all, there] = [await candidate.from.count({}), await candidate.to.count({})];
  const progress = createProgress('Embedding', 'pictures and captions', 0);
  try {
    if (config.qdrantUrl === undefined) await expectRoom(config.data, all - there, embedder.dimension);
    if (!options.json)
      console.error(`Filling space ${embedder.space} beside ${candidate.live}, which goes on answering.`);
    const report = await buildSpace(
      { candidate, embedder, buckets },
      {
        ...options,
        concurrency: config.concurrency,
        signal: interrupt.signal,
        onProgress: ({ embedded }) => progress.update(embedded, Math.max(embedded, all - there)),
      },
    );
    progress.stop();
    if (report.switched) await noteLeft(config.data, candidate.live);
    return tell(options.json, { space: embedder.space, before: candidate.live, live: report.switched, ...report });
  } catch (error) {
    progress.stop();
    if (!interrupt.signal.aborted) throw error;
    console.error('Interrupted; the next call goes on from here.');
    return EXIT.failed;
  } finally {
    await candidate.close();
    bucket?.close();
  }
}

type Told = { readonly space: string; readonly live: boolean } & (
  | { readonly already: true }
  | ({ readonly before: string } & BuildReport)
);

function tell(json: boolean, told: Told): number {
  if (json) console.log(JSON.stringify(told, null, 2));
  else if ('already' in told) console.log(`The space ${told.space} is live already; there is nothing to do.`);
  else print(told);
  return EXIT.done;
}

function print(report: { readonly space: string; readonly before: string } & BuildReport): void {
  const { space, before, verification: found } = report;
  console.log(`Pictures and captions embedded: ${report.embedded}; entries copied: ${report.copied}.`);
  if (report.missingCount > 0) console.log(`${pluralise(report.missingCount, 'picture')} left out:`);
  for (const { bucket, key, reason } of report.missing) console.log(`  ${key} of ${bucket}: ${reason}`);
  console.log(
    `Check: ${found.built.images} of ${pluralise(found.live.images, 'picture')}, ${found.built.captions} of ` +
      `${pluralise(found.live.captions, 'caption')}, ` +
      `${found.foundThemselves} of ${found.sampled} found by their own vectors` +
      (found.overlap === null ? '.' : `, ${Math.round(found.overlap * 100)} % of the nearest pictures as before.`),
  );
  if (!report.switched) console.log(`Not switched: npm run spaces -- use ${space} does it.`);
  else {
    console.log(`The space ${space} is live.`);
    console.log(
      `${before} is kept: "npm run spaces -- use ${before}" goes back, "npm run spaces -- rm ${before}" deletes it.`,
    );
  }
}
