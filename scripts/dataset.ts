// npm run dataset -- prepare --from SOURCE --to PLACE [--captions FILE] [--val N] [--test N] [--json]
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isSightlineError } from '../core/errors.ts';
import { readConfig } from '../server/runtime.ts';
import { describeReport } from '../training/datasets/findings.ts';
import { openJournal } from '../training/datasets/journal.ts';
import { prepareDataset } from '../training/datasets/prepare.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { absolutePlace, openPlace } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import { wholeNumber } from './cli/training-options.ts';
import { openDatasetSource } from './dataset/source.ts';

const usage = `
Usage: npm run dataset -- prepare --from SOURCE --to PLACE [options]

Brings captioned pictures into the form that training and evaluation read: images/ and captions.jsonl (a line a picture:
image, captions, split, sha256), with report.json on what was broken, missing or doubled. Every picture is decoded once.
May be interrupted at any moment: the next call goes on from there. docs/datasets.md describes the forms.

  --from SOURCE    a folder, a .zip, a .tar, s3://BUCKET/PREFIX with any of these, or - for a tar on standard input;
                   hf:OWNER/NAME@REVISION downloads from the Hugging Face hub first (HF_TOKEN, HF_ENDPOINT).
                   Understood: flickr_annotations_30k.csv, Flickr8k.token.txt, results_20130124.token, results.csv and
                   captions.txt of Kaggle, Karpathy's dataset_*.json, COCO's captions_*.json, webdataset shards, a .txt or
                   .json beside each picture, and the canonical form itself
  --to PLACE       a folder or s3://BUCKET/PREFIX (S3_ENDPOINT for other servers than AWS)
  --captions FILE  which captions file, when there are several
  --val N          percent of the pictures that go to "val" where no split is named (default: 5)
  --test N         the same for "test" (default: 5)
  --parallel N     pictures under way at the same time, each in memory (default: 8)
  --replace        write over another data set in the same place
  --data DIR       folder for downloads and the state of an interrupted call (default: data)
  --json           the report as one JSON document
  --help           this text

Exit code 0 when the data set is there, also when some of it had to be left out (see the report), 1 when it is not.
`;

await runCommand(
  {
    usage,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      captions: { type: 'string' },
      val: { type: 'string', default: '5' },
      test: { type: 'string', default: '5' },
      parallel: { type: 'string', default: '8' },
      replace: { type: 'boolean', default: false },
      data: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 1, max: 1 },
  },
  async (flags, [command]) => {
    if (command !== 'prepare') throw new UsageError(`expected the command "prepare", got "${command}"`);
    const { from, to } = flags;
    if (from === undefined || to === undefined) throw new UsageError('expected --from SOURCE and --to PLACE');
    const shares = { val: wholeNumber('--val', flags.val, 0, 100)!, test: wholeNumber('--test', flags.test, 0, 100)! };
    if (shares.val + shares.test > 100) throw new UsageError('expected --val and --test of at most 100 together');
    const parallel = wholeNumber('--parallel', flags.parallel, 1, 64)!;
    const { data } = readConfig({ data: flags.data, logLevel: 'silent' });

    const interrupt = new AbortController();
    process.once('SIGINT', () => interrupt.abort());
    const source = await openDatasetSource(from, to, data);
    const target = await openPlace(to, { create: true });
    const journal = await openJournal(join(data, 'prepare', `${keyOf(source.from, absolutePlace(to))}.jsonl`));
    const progress = createProgress('Preparing', 'pictures', 0);
    try {
      const report = await prepareDataset({
        ...{ source: source.files, from: source.from, commit: source.commit, target, journal, shares, parallel },
        ...{ captions: flags.captions ?? null, replace: flags.replace, signal: interrupt.signal },
        onProgress: (done, total) => progress.update(done, total ?? done),
      }).finally(() => progress.stop());
      if (flags.json) console.log(JSON.stringify({ to: target.name, ...report }, null, 2));
      else console.log(describeReport(report, target.name));
      return EXIT.done;
    } catch (error) {
      if (interrupt.signal.aborted) console.error('Interrupted; the next call goes on from here.');
      else if (isSightlineError(error, 'unavailable')) {
        console.error(`error: ${error.message}\nNothing is lost; the next call goes on from here.`);
      } else throw error;
      return EXIT.failed;
    } finally {
      await journal.close();
      target.close();
      source.close();
    }
  },
);

function keyOf(from: string, to: string): string {
  return createHash('sha256').update(`${from}\n${to}`).digest('hex').slice(0, 16);
}
