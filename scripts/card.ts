// npm run card -- --data PLACE [--data PLACE ...] [--head models/head-compact]
import { basename, join } from 'node:path';
import { loadEncoders } from '../core/encode/encoders.ts';
import { loadHeadFile } from '../core/encode/head.ts';
import { userPath } from '../server/runtime.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { evaluateHead } from '../training/metrics/evaluate-head.ts';
import { writeWhole } from '../training/trainer/checkpoint.ts';
import { type CardParts, modelCard } from './card/markdown.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { encodePictures } from './cli/encoding-options.ts';
import { openPlace } from './cli/location.ts';
import { FEATURE_CACHE, modelFolders, openFeatures } from './cli/training-options.ts';

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
  --features PLACE   cache of encoder outputs, a folder or s3://BUCKET/PREFIX (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models, and those that SIGHTLINE_EXTRA_MODELS names)
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
    const modelDirs = modelFolders(flags.models);
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
          const encoded = await encodePictures(place, dataset, { encoders, modelDirs, features });
          const pairs = encoded.splits.get(flags.split)!;
          const head = await evaluateHead(folder, encoders, pairs, { resampling: RESAMPLING });
          await encoded.close();
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
