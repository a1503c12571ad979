// npm run card -- --data PLACE [--data PLACE ...] [--head models/head-compact]
import { basename, join } from 'node:path';
import { loadEncoders } from '../core/encode/encoders.ts';
import { loadHeadFile } from '../core/encode/head.ts';
import { writeWhole } from '../core/train/checkpoint.ts';
import { readDataset } from '../core/train/dataset.ts';
import { evaluateHead } from '../core/train/evaluate-head.ts';
import { loadFeatures } from '../core/train/features.ts';
import { FULL } from '../core/train/views.ts';
import { EXIT, runCommand, UsageError } from '../functions/cli.ts';
import { openPlace } from '../functions/places.ts';
import { userPath } from '../functions/runtime.ts';
import { type CardParts, modelCard } from './card/markdown.ts';
import {
  encodingProgress,
  FEATURE_CACHE,
  MODEL_DIRS,
  openFeatures,
  parallelPictures,
  printWarnings,
} from './training-options.ts';

const usage = `
Usage: npm run card -- --data PLACE [--data PLACE ...] [options]

Writes the model card of a head, its README.md: data, recipe, figures with intervals on each of the data sets, encoders with
licences and hashes, known limits. To be run again whenever the head changes.

  --data PLACE       captioned pictures (images/ and captions.jsonl), a folder or s3://BUCKET/PREFIX, that the head is judged
                     on; may be given more than once
  --split NAME       which of them (default: val)
  --head DIR         folder of head.onnx and head.json (default: models/head-compact)
  --trained-on NAME  data it was trained on, where head.json does not say
  --out FILE         default: README.md beside the head
  --features PLACE   cache of encoder outputs (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models)
  --help             this text
`;

const RESAMPLING = { resamples: 2000, seed: 1 };

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string', multiple: true, default: [] },
      split: { type: 'string', default: 'val' },
      head: { type: 'string' },
      'trained-on': { type: 'string' },
      out: { type: 'string' },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.data.length === 0) throw new UsageError('expected --data PLACE');
    const modelDirs = flags.models === undefined ? MODEL_DIRS : [flags.models];
    const folder = flags.head === undefined ? join(modelDirs[0]!, 'head-compact') : userPath(flags.head);
    const info = await loadHeadFile(folder);
    const features = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: info.profile });
    try {
      const judged: CardParts['judged'][number][] = [];
      for (const at of flags.data) {
        const place = await openPlace(at);
        try {
          const dataset = await readDataset(place, [flags.split]);
          const progress = encodingProgress();
          const { splits, warnings } = await loadFeatures(dataset, {
            ...{ encoders, modelDirs, views: [FULL], parallel: parallelPictures(place) },
            ...features,
            onProgress: progress.update,
          }).finally(progress.stop);
          printWarnings(warnings);
          const head = await evaluateHead(folder, encoders, splits.get(flags.split)!, { resampling: RESAMPLING });
          judged.push({ data: basename(place.name.replace(/\/+$/, '')), split: flags.split, head });
        } finally {
          place.close();
        }
      }
      const { text, image } = encoders.profile;
      const out = flags.out === undefined ? join(folder, 'README.md') : userPath(flags.out);
      await writeWhole(
        out,
        modelCard({ info, trainedOn: flags['trained-on'] ?? null, encoders: { text, image }, judged }),
      );
      console.log(
        `${out}: ${judged.map(({ data, head }) => `${data} ${head.figures.recallSum.toFixed(1)}`).join(', ')}`,
      );
      return EXIT.done;
    } finally {
      await encoders.close();
      features.close();
    }
  },
);
