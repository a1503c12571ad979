import { loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { SightlineError } from '../../core/errors.ts';
import type { Config } from '../../core/settings.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import { readDataset } from '../../training/datasets/dataset.ts';
import { type Verdict, verdictOn, verdictSentence } from '../../training/metrics/compare-heads.ts';
import { type EvaluatedHead, evaluateHead } from '../../training/metrics/evaluate-head.ts';
import { encodePictures } from '../cli/encode-pictures.ts';
import { modelsInUse } from '../cli/head-in-use.ts';
import { type Location, openLocation } from '../cli/location.ts';
import { openFeatures } from '../cli/training-options.ts';

const RESAMPLING = { resamples: 2000, seed: 1 };

/**
 * Refuses a head that is significantly worse than the one in use: on the captioned pictures at `captioned`, or by what
 * its training found, which head.json keeps.
 * @throws {precondition-failed} for a worse head
 */
export async function refuseWorseHead(config: Config, head: string, captioned: string | undefined): Promise<void> {
  const inUse = (await modelsInUse({ ...config, head: undefined }))?.head ?? null;
  if (inUse === null) return;
  const { space } = await loadHeadFile(inUse);
  if ((await loadHeadFile(head)).space === space) return;
  const verdict =
    captioned === undefined ? await trainingVerdict(head, space) : await judge(config, { head, inUse, captioned });
  if (verdict?.result !== 'worse') return;
  throw new SightlineError(
    'precondition-failed',
    `${head} is ${verdictSentence(verdict)}, or change to it all the same with --anyway ` +
      `(judged on ${pluralise(verdict.pictures, 'picture')})`,
    { details: { ...verdict } },
  );
}

/** The training's comparison of this head with the one in use; null without one, or if it was with another head. */
async function trainingVerdict(head: string, space: string): Promise<Verdict | null> {
  const { training } = await loadHeadFile(head);
  const verdict = training.verdict as unknown as (Verdict & { readonly than: string }) | undefined;
  return verdict?.than === space ? verdict : null;
}

async function judge(
  { modelDirs }: Config,
  { head, inUse, captioned }: { readonly head: string; readonly inUse: string; readonly captioned: string },
): Promise<Verdict> {
  await using location = closing(await openLocation(captioned));
  const [before, after] = [await evaluate(inUse, location, modelDirs), await evaluate(head, location, modelDirs)];
  return verdictOn(after, before, RESAMPLING);
}

/** Evaluates a head with its own encoders on the split "test", or on "val" if there is none. */
async function evaluate(folder: string, location: Location, modelDirs: readonly string[]): Promise<EvaluatedHead> {
  const all = await readDataset(location);
  const split = all.pictures.some((picture) => picture.split === 'test') ? 'test' : 'val';
  const dataset = await readDataset(location, { splits: [split] });
  await using features = closing(await openFeatures(undefined));
  await using encoders = closing(await loadEncoders({ modelDirs, profile: (await loadHeadFile(folder)).profile }));
  const encoded = await encodePictures(location, dataset, { encoders, modelDirs, features });
  const pairs = encoded.splits.get(split)!;
  return await evaluateHead(folder, encoders, pairs, { resampling: RESAMPLING }).finally(() => encoded.close());
}
