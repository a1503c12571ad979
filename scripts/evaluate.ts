// npm run evaluate -- --data PLACE [--split val] [--profile compact] [--head DIR] [--json]
import { join } from 'node:path';
import { loadEncoders } from '../core/encode/encoders.ts';
import { loadHead } from '../core/encode/head.ts';
import { readDataset } from '../core/train/dataset.ts';
import { embedPairs } from '../core/train/embed-pairs.ts';
import { loadFeatures } from '../core/train/features.ts';
import { type DirectionFigures, evaluate } from '../core/train/metrics.ts';
import { FULL } from '../core/train/views.ts';
import { EXIT, runCommand, UsageError } from '../functions/cli.ts';
import { openPlace } from '../functions/places.ts';
import { encodingProgress, FEATURE_CACHE, MODEL_DIRS, PARALLEL_PICTURES, printWarnings } from './training-options.ts';

const usage = `
Usage: npm run evaluate -- --data PLACE [options]

Recall at 1, 5 and 10 and the median rank of a head on captioned pictures, both ways. Text to image: every caption is a
query and its picture the right answer. Image to text: every picture is a query and counts with the best rank of any of
its captions. Ties count against the head.

  --data PLACE       the captioned pictures (images/ and captions.jsonl): a folder, or s3://BUCKET/PREFIX
  --split NAME       which of them (default: val)
  --profile NAME     encoders, a profile of models/manifest.json (default: compact)
  --head DIR         folder of head.onnx and head.json (default: models/head-PROFILE)
  --features DIR     cache of encoder outputs (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models)
  --json             one JSON document with the six recalls added up as recallSum
  --help             this text
`;

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string' },
      split: { type: 'string', default: 'val' },
      profile: { type: 'string', default: 'compact' },
      head: { type: 'string' },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data PLACE');
    const modelDirs = flags.models === undefined ? MODEL_DIRS : [flags.models];
    const folder = flags.head ?? join(modelDirs[0]!, `head-${flags.profile}`);
    const place = await openPlace(flags.data);
    const dataset = await readDataset(place, [flags.split]);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      const head = await loadHead(folder, encoders);
      try {
        const progress = encodingProgress();
        const { splits, warnings } = await loadFeatures(dataset, {
          ...{ encoders, modelDirs, cache: flags.features, views: [FULL], parallel: PARALLEL_PICTURES },
          onProgress: progress.update,
        }).finally(progress.stop);
        printWarnings(warnings);
        const pairs = splits.get(flags.split)!;
        const figures = await evaluate(await embedPairs(head, pairs));
        const about = { head: folder, recipe: head.info.recipe, space: head.info.space, split: flags.split };
        const counts = { pictures: pairs.pictures.length, captions: pairs.captions.rows };
        if (flags.json) console.log(JSON.stringify({ ...about, ...counts, ...figures }, null, 2));
        else {
          console.log(`${folder} (${head.info.recipe}) on ${counts.pictures} pictures, ${counts.captions} captions`);
          console.log(line('text to image', figures.textToImage));
          console.log(line('image to text', figures.imageToText));
          console.log(`sum of recalls  ${figures.recallSum.toFixed(1)}`);
        }
        return EXIT.done;
      } finally {
        await head.close();
      }
    } finally {
      await encoders.close();
      place.close();
    }
  },
);

function line(name: string, { recall, medianRank }: DirectionFigures): string {
  const share = (k: 1 | 5 | 10) => `R@${k} ${recall[k].toFixed(1).padStart(5)}`;
  return `${name}   ${share(1)}   ${share(5)}   ${share(10)}   median rank ${medianRank}`;
}
