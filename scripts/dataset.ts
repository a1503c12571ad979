import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isSightlineError } from '../core/errors.ts';
import { many, path, text, toggle, whole } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { readConfig } from '../server/environment.ts';
import { openJournal } from '../training/datasets/journal.ts';
import { prepareDataset } from '../training/datasets/prepare.ts';
import { describeSummary } from '../training/datasets/problems-found.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { absoluteLocation, openLocation } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import { ADDED, addedCaptions, LOCATION } from './cli/training-options.ts';
import { openDatasetSource } from './dataset/source.ts';

const SOURCES =
  'a folder, a .zip, a .tar, s3://BUCKET/PREFIX with any of these, or - for a tar on standard input; ' +
  'hf:OWNER/NAME@REVISION downloads from the Hugging Face hub first (HF_TOKEN, HF_ENDPOINT). Understood: ' +
  'flickr_annotations_30k.csv, Flickr8k.token.txt, results_20130124.token, results.csv and captions.txt of Kaggle, ' +
  "Karpathy's dataset_*.json, COCO's " +
  'captions_*.json, webdataset shards, a .txt or .json beside each picture, and the canonical form itself';

export default command({
  usage: 'prepare --from SOURCE --to LOCATION [options]',
  about: `
Converts captioned pictures to the format of training and evaluation: images/ and captions.jsonl (one line per picture:
image, captions, split, sha256), with report.json about broken, missing and duplicate ones. Every picture is decoded
once. Can be interrupted at any moment; the next call resumes. docs/datasets.md describes the formats.`,
  words: { min: 1, max: 1 },
  options: {
    from: text({ unit: 'SOURCE', text: SOURCES }),
    to: text({ ...LOCATION, text: 'a folder or s3://BUCKET/PREFIX (S3_ENDPOINT for servers other than AWS)' }),
    captions: many(
      text({
        unit: 'FILE',
        text:
          'which captions file, when there are several; FILE:LANG adds captions in a language from a file of this ' +
          'computer, like captions.LANG.jsonl',
      }),
    ),
    val: whole({ max: 100, default: 5, text: 'percentage of pictures for "val", where no split is named' }),
    test: whole({ max: 100, default: 5, text: 'the same for "test"' }),
    parallel: whole({ min: 1, max: 64, default: 8, text: 'pictures to process at the same time, each in memory' }),
    replace: toggle({ text: 'overwrite another data set in the same place' }),
    data: path({ text: 'folder for downloads and the state of interrupted calls', shown: 'data' }),
    json: toggle({ text: 'print the report as one JSON document' }),
  },
  notes: 'Exit code 0 when the data set is complete, even if parts were left out (see the report), otherwise 1.',
  run: async (flags, [what]) => {
    if (what !== 'prepare') throw new UsageError(`expected the command "prepare", got "${what}"`);
    const { from, to } = flags;
    if (from === undefined || to === undefined) throw new UsageError('expected --from SOURCE and --to LOCATION');
    const shares = { val: flags.val, test: flags.test };
    if (shares.val + shares.test > 100) throw new UsageError('expected --val and --test of at most 100 together');
    const added = addedCaptions(flags.captions);
    const [captions = null, another] = flags.captions.filter((one) => !ADDED.test(one));
    if (another !== undefined) throw new UsageError(`--captions: expected one file to choose, got ${another}, too`);
    const { data } = readConfig({ data: flags.data, logLevel: 'silent' });

    const interrupt = new AbortController();
    process.once('SIGINT', () => interrupt.abort());
    await using source = closing(await openDatasetSource(from, to, data));
    await using target = closing(await openLocation(to, { create: true }));
    await using journal = closing(
      await openJournal(join(data, 'prepare', `${keyOf(source.from, absoluteLocation(to))}.jsonl`)),
    );
    const progress = createProgress('Preparing', 'pictures', 0);
    try {
      const report = await prepareDataset({
        source: source.files,
        from: source.from,
        commit: source.commit,
        target,
        journal,
        shares,
        parallel: flags.parallel,
        captions,
        added,
        replace: flags.replace,
        signal: interrupt.signal,
        onProgress: (done, total) => progress.update(done, total ?? done),
      }).finally(() => progress.stop());
      if (flags.json) console.log(JSON.stringify({ to: target.name, ...report }, null, 2));
      else console.log(describeSummary(report, target.name));
      return EXIT.done;
    } catch (error) {
      if (interrupt.signal.aborted) console.error('Interrupted; the next call goes on from here.');
      else if (isSightlineError(error, 'unavailable')) {
        console.error(`error: ${error.message}\nNothing is lost; the next call goes on from here.`);
      } else throw error;
      return EXIT.failed;
    }
  },
});

function keyOf(from: string, to: string): string {
  return createHash('sha256').update(`${from}\n${to}`).digest('hex').slice(0, 16);
}
