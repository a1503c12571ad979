// npm run head-sample -- --data PLACE [--split val] [--source TEXT] [--out test/golden/head-sample]
import { loadEncoders } from '../core/encode/encoders.ts';
import { userPath } from '../server/runtime.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { writeFeatureSample } from '../training/features/feature-sample.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { encodePictures } from './cli/encoding-options.ts';
import { openPlace } from './cli/location.ts';
import { FEATURE_CACHE, modelFolders, openFeatures } from './cli/training-options.ts';

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
  --models DIR       folder of the models (default: models, and those that SIGHTLINE_EXTRA_MODELS names)
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
    const modelDirs = modelFolders(flags.models);
    const place = await openPlace(flags.data);
    const features = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      const dataset = await readDataset(place, [flags.split]);
      const encoded = await encodePictures(place, dataset, { encoders, modelDirs, features });
      const source = flags.source ?? flags.data.split(/[/\\]/).filter(Boolean).at(-1)!;
      const pairs = encoded.splits.get(flags.split)!;
      await writeFeatureSample(userPath(flags.out), pairs, { encoders, source });
      await encoded.close();
      console.log(`${flags.out}: ${pairs.pictures.length} pictures, ${pairs.captions.rows} captions`);
      return EXIT.done;
    } finally {
      await encoders.close();
      place.close();
      features.close();
    }
  },
);
