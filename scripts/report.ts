// npm run report -- --data PLACE [--split val] [--head DIR] [--beside DIR ...] [--out report.html]
import { basename, join } from 'node:path';
import { userPath } from '../server/runtime.ts';
import { type CaptionedPicture, type Dataset, readDataset } from '../training/datasets/dataset.ts';
import { writeWhole } from '../training/trainer/checkpoint.ts';
import { Random } from '../training/trainer/random.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { openPlace } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import { FEATURE_CACHE, modelFolders, openFeatures, wholeNumber } from './cli/training-options.ts';
import { reportData } from './report/data.ts';
import { reportDocument } from './report/document.ts';
import { judgeHeads } from './report/judge.ts';
import { pictureLines } from './report/lines.ts';
import { makeThumbnails } from './report/thumbnails.ts';

const usage = `
Usage: npm run report -- --data PLACE [options]

Writes one HTML file about a head that opens without a network: figures with intervals, loss curves, other heads and
published figures beside it, the similarity matrix, what is found for each picture and each caption, the best and the
worst, and a browser of the data. Beside it, the pictures as JSON lines for other programs (docs/evaluation.md).

  --data PLACE       the captioned pictures (images/ and captions.jsonl): a folder, or s3://BUCKET/PREFIX
  --split NAME       which of them the head is judged on (default: val)
  --head DIR         folder of head.onnx and head.json (default: models/head-compact)
  --beside DIR       another head to show beside it; may be given more than once
  --browse N         pictures of each other split in the data browser, drawn at random (default: 100)
  --out FILE         the report (default: data/report.html); the JSON lines go beside it as .jsonl
  --resamples N      of the pictures, for intervals (default: 2000)
  --seed N           of everything drawn at random (default: 1)
  --features PLACE   cache of encoder outputs, a folder or s3://BUCKET/PREFIX (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models, and those that SIGHTLINE_EXTRA_MODELS names)
  --json             what was written as one JSON document
  --help             this text
`;

/** Beyond that a browser takes long to open the file. */
const MANY = 5000;

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string' },
      split: { type: 'string', default: 'val' },
      head: { type: 'string' },
      beside: { type: 'string', multiple: true, default: [] },
      browse: { type: 'string', default: '100' },
      out: { type: 'string' },
      resamples: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data PLACE');
    const out = flags.out === undefined ? join('data', 'report.html') : userPath(flags.out);
    if (!/\.html?$/.test(out)) throw new UsageError(`--out: expected a name that ends in .html, got "${flags.out}"`);
    const modelDirs = modelFolders(flags.models);
    const usual = join(modelDirs[0]!, 'head-compact');
    const folders = [flags.head === undefined ? usual : userPath(flags.head), ...flags.beside.map(userPath)];
    const seed = wholeNumber('--seed', flags.seed, 0, 2 ** 48)!;
    const resampling = { resamples: wholeNumber('--resamples', flags.resamples, 1, 1_000_000)!, seed };
    const browse = wholeNumber('--browse', flags.browse, 0, 100_000)!;
    const place = await openPlace(flags.data);
    const features = await openFeatures(flags.features);
    try {
      const dataset = await readDataset(place);
      const others = drawOthers(dataset, flags.split, browse, seed);
      const { heads, ...parts } = await judgeHeads(folders, {
        ...{ place, dataset, split: flags.split, others, resampling, modelDirs, features },
      });
      if (parts.pictures.length > MANY) {
        console.error(
          `warning: ${parts.pictures.length} pictures make a report of about ${Math.round(parts.pictures.length / 100)} MB`,
        );
      }
      const shown = [...parts.pictures, ...parts.others.map(({ picture }) => picture)];
      const progress = createProgress('thumbnails', 'pictures', shown.length);
      const thumbnails = await makeThumbnails(dataset, shown, progress.update).finally(progress.stop);
      const name = basename(flags.data.replace(/\/+$/, ''));
      const data = reportData({ ...parts, dataset: name, split: flags.split, heads, thumbnails });
      const document = await reportDocument(data);
      const lines = `${[...pictureLines(data)].map((line) => JSON.stringify(line)).join('\n')}\n`;
      const linesFile = out.replace(/\.html?$/, '.jsonl');
      await writeWhole(linesFile, lines);
      await writeWhole(out, document);
      const bytes = Buffer.byteLength(document);
      if (flags.json) console.log(JSON.stringify({ report: out, bytes, lines: linesFile, pictures: shown.length }));
      else console.log(`${out}: ${(bytes / 1e6).toFixed(1)} MB, ${shown.length} pictures; ${linesFile}`);
      return EXIT.done;
    } finally {
      place.close();
      features.close();
    }
  },
);

/** At most `count` pictures of each split but this one, in the order of the data. */
function drawOthers(dataset: Dataset, split: string, count: number, seed: number): CaptionedPicture[] {
  const others = Map.groupBy(
    dataset.pictures.filter((picture) => picture.split !== split),
    (picture) => picture.split,
  );
  return [...others].flatMap(([name, pictures]) => {
    const drawn = new Random(seed, `browse ${name}`).permutation(pictures.length).slice(0, count).sort();
    return Array.from(drawn, (i) => pictures[i]!);
  });
}
