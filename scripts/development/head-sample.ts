import { loadEncoders } from '../../core/encode/encoder-pair.ts';
import { path, text } from '../../core/setting-value.ts';
import { closing } from '../../core/util/async-disposable.ts';
import { userPath } from '../../server/environment.ts';
import { readDataset } from '../../training/datasets/dataset.ts';
import { writeFeatureSample } from '../../training/features/feature-sample.ts';
import { command, EXIT, UsageError } from '../cli/command.ts';
import { encodePictures } from '../cli/encode-pictures.ts';
import { openLocation } from '../cli/location.ts';
import {
  CAPTIONED,
  FEATURES,
  LOCATION,
  MODELS,
  modelFolders,
  openFeatures,
  PROFILE,
  SPLIT,
} from '../cli/training-options.ts';

export default command({
  usage: '--data LOCATION [options]',
  about: `
Writes the encoder outputs of a few captioned pictures, without pictures and texts, for the test that a worse head
fails (test/golden/head-sample.test.ts). Run it again when an encoder or its preprocessing changes.`,
  options: {
    data: text({ ...LOCATION, text: `${CAPTIONED} that no head was trained on` }),
    split: SPLIT,
    source: text({ text: 'origin of the pictures, stored in the sample', shown: "the folder's name" }),
    out: path({ text: 'folder to write', shown: 'test/golden/head-sample' }),
    profile: PROFILE,
    features: FEATURES,
    models: MODELS,
  },
  run: async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data LOCATION');
    const modelDirs = modelFolders(flags.models);
    await using location = closing(await openLocation(flags.data));
    await using features = closing(await openFeatures(flags.features));
    await using encoders = closing(await loadEncoders({ modelDirs, profile: flags.profile }));
    const dataset = await readDataset(location, { splits: [flags.split] });
    const encoded = await encodePictures(location, dataset, { encoders, modelDirs, features });
    const source = flags.source ?? flags.data.split(/[/\\]/).filter(Boolean).at(-1)!;
    const pairs = encoded.splits.get(flags.split)!;
    const out = flags.out ?? userPath('test/golden/head-sample');
    await writeFeatureSample(out, pairs, { encoders, source });
    await encoded.close();
    console.log(`${out}: ${pairs.pictures.length} pictures, ${pairs.captions.rows} captions`);
    return EXIT.done;
  },
});
