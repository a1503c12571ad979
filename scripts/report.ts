import { basename, join } from 'node:path';
import { writeWhole } from '../core/files/atomic-write.ts';
import { many, path, toggle, whole } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { dataFolder } from '../server/environment.ts';
import { type CaptionedPicture, type Dataset, readDataset } from '../training/datasets/dataset.ts';
import { Random } from '../training/random.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { openLocation } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import {
  DATASET,
  FEATURES,
  headFolder,
  MODELS,
  modelFolders,
  openFeatures,
  RESAMPLES,
  SPLIT,
  seed,
} from './cli/training-options.ts';
import { reportDocument } from './report/document.ts';
import { judgeHeads } from './report/evaluate-heads.ts';
import { pictureLines } from './report/lines.ts';
import { reportData } from './report/report-data.ts';
import { makeThumbnails } from './report/thumbnails.ts';

/** With more, browsers take long to open the file. */
const MANY = 5000;

export default command({
  usage: '--data LOCATION [options]',
  about: `
Writes one HTML file about a head that needs no network: results with intervals, loss curves, other heads and published
results, the similarity matrix, what each picture and caption finds, the best and the worst, and a data browser. Also
writes the pictures as JSON lines for other programs (docs/evaluation.md).`,
  options: {
    data: DATASET,
    split: SPLIT,
    head: path({ text: 'folder of the head', shown: 'models/head-compact' }),
    beside: many(path({ text: 'another head to compare with' })),
    browse: whole({
      max: 100_000,
      default: 100,
      text: 'random pictures of each other split to include in the data browser',
    }),
    out: path({
      unit: 'FILE',
      text: 'file to write; the JSON lines go beside it as .jsonl',
      shown: 'data/report.html',
    }),
    resamples: RESAMPLES,
    seed: seed('seed of everything random'),
    features: FEATURES,
    models: MODELS,
    json: toggle({ text: 'print what was written as one JSON document' }),
  },
  run: async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data LOCATION');
    const out = flags.out ?? join(dataFolder(), 'report.html');
    if (!/\.html?$/.test(out)) throw new UsageError(`--out: expected a name that ends in .html, got "${flags.out}"`);
    const modelDirs = modelFolders(flags.models);
    const usual = headFolder(modelDirs, 'compact');
    const folders = [flags.head ?? usual, ...flags.beside];
    const resampling = { resamples: flags.resamples, seed: flags.seed };
    await using location = closing(await openLocation(flags.data));
    await using features = closing(await openFeatures(flags.features));
    const dataset = await readDataset(location);
    const others = drawOthers(dataset, flags.split, flags.browse, flags.seed);
    const { heads, ...parts } = await judgeHeads(folders, {
      location,
      dataset,
      split: flags.split,
      others,
      resampling,
      modelDirs,
      features,
    });
    if (parts.pictures.length > MANY) {
      console.error(
        `warning: ${parts.pictures.length} pictures make a report of about ` +
          `${Math.round(parts.pictures.length / 100)} MB`,
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
    else console.log(`${out}: ${(bytes / 1e6).toFixed(1)} MB, ${pluralise(shown.length, 'picture')}; ${linesFile}`);
    return EXIT.done;
  },
});

/** At most `count` pictures of each other split, in the order of the data. */
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
