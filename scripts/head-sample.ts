// npm run head-sample -- --data PLACE [--split val] [--source TEXT] [--out test/golden/head-sample]
import { loadEncoders } from '../core/encode/encoders.ts';
import { readDataset } from '../core/train/dataset.ts';
import { writeFeatureSample } from '../core/train/feature-sample.ts';
import { loadFeatures } from '../core/train/features.ts';
import { FULL } from '../core/train/views.ts';
import { EXIT, runCommand, UsageError } from '../functions/cli.ts';
import { openPlace } from '../functions/places.ts';
import {
  encodingProgress,
  FEATURE_CACHE,
  MODEL_DIRS,
  openFeatures,
  parallelPictures,
  printWarnings,
} from './training-options.ts';

const usage = `
Usage: npm run head-sample -- --data PLACE [options]

Writes the encoder outputs of a few captioned pictures, without the pictures and without the texts, for the test that a
worse head cannot pass (test/golden/head-sample.test.ts). To be run again when an encoder or its preprocessing changes.

  --data PLACE       the captioned pictures, a folder or s3://BUCKET/PREFIX; none that a head was trained on
  --split NAME       which of them (default: val)
  --source TEXT      where they are from, kept in the sample (default: the folder's name)
  --out DIR          default: test/golden/head-sample
  --profile NAME     encoders, a profile of models/manifest.json (default: compact)
  --features PLACE   cache of encoder outputs, a folder or s3://BUCKET/PREFIX (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models)
  --help             this text
`;

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string' },
      split: { type: 'string', default: 'val' },
      source: { type: 'string' },
      out: { type: 'string', default: 'test/golden/head-sample' },
      profile: { type: 'string', default: 'compact' },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data PLACE');
    const modelDirs = flags.models === undefined ? MODEL_DIRS : [flags.models];
    const place = await openPlace(flags.data);
    const features = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      const progress = encodingProgress();
      const { splits, warnings } = await loadFeatures(await readDataset(place, [flags.split]), {
        ...{ encoders, modelDirs, views: [FULL], parallel: parallelPictures(place) },
        ...features,
        onProgress: progress.update,
      }).finally(progress.stop);
      printWarnings(warnings);
      const source = flags.source ?? flags.data.split(/[/\\]/).filter(Boolean).at(-1)!;
      const pairs = splits.get(flags.split)!;
      await writeFeatureSample(flags.out, pairs, { encoders, source });
      console.log(`${flags.out}: ${pairs.pictures.length} pictures, ${pairs.captions.rows} captions`);
      return EXIT.done;
    } finally {
      await encoders.close();
      place.close();
      features.close();
    }
  },
);
