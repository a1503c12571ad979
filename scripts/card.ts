import { basename, join } from 'node:path';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../core/encode/head-file.ts';
import { writeWhole } from '../core/files/atomic-write.ts';
import { many, path, text } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { evaluateHead } from '../training/metrics/evaluate-head.ts';
import { type CardParts, modelCard } from './card/markdown.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { encodePictures } from './cli/encode-pictures.ts';
import { wasTrainedOn } from './cli/head-in-use.ts';
import { openLocation } from './cli/location.ts';
import {
  CAPTIONED,
  FEATURES,
  headFolder,
  LOCATION,
  MODELS,
  modelFolders,
  openFeatures,
  SPLIT,
} from './cli/training-options.ts';

const RESAMPLING = { resamples: 2000, seed: 1 };

export default command({
  usage: '--data LOCATION [--data LOCATION ...] [options]',
  about: `
Writes the model card of a head, its README.md: data, recipe, results with intervals on each data set, encoders with
licences and hashes, known limits. Run it again whenever the head changes.`,
  options: {
    data: many(text({ ...LOCATION, text: `${CAPTIONED}, to evaluate the head on` })),
    split: SPLIT,
    head: path({ text: 'folder of the head', shown: 'models/head-compact' }),
    twin: path({
      unit: 'HEAD',
      text: 'the same head trained without the split; it is evaluated instead on pictures that this one was trained on',
    }),
    'trained-on': text({ unit: 'NAME', text: 'training data, if head.json does not name it' }),
    out: path({ unit: 'FILE', text: 'file to write', shown: 'README.md beside the head' }),
    features: FEATURES,
    models: MODELS,
  },
  run: async (flags) => {
    if (flags.data.length === 0) throw new UsageError('expected --data LOCATION');
    const modelDirs = modelFolders(flags.models);
    const folder = flags.head ?? headFolder(modelDirs, 'compact');
    const info = await loadHeadFile(folder);
    await using features = closing(await openFeatures(flags.features));
    await using encoders = closing(await loadEncoders({ modelDirs, profile: info.profile }));
    const judged: CardParts['judged'][number][] = [];
    for (const at of flags.data) {
      await using location = closing(await openLocation(at));
      const dataset = await readDataset(location, { splits: [flags.split] });
      const encoded = await encodePictures(location, dataset, { encoders, modelDirs, features });
      const pairs = encoded.splits.get(flags.split)!;
      const data = basename(location.name.replace(/\/+$/, ''));
      const isTwin = wasTrainedOn(info, data, flags.split);
      if (isTwin && flags.twin === undefined) {
        throw new UsageError(`expected --twin HEAD, because the head was trained on split ${flags.split} of ${data}`);
      }
      const which = isTwin ? flags.twin! : folder;
      const head = await evaluateHead(which, encoders, pairs, { resampling: RESAMPLING });
      await encoded.close();
      judged.push({ data, split: flags.split, head, isTwin });
    }
    const { text, image } = encoders.profile;
    const out = flags.out ?? join(folder, 'README.md');
    await writeWhole(
      out,
      modelCard({ info, trainedOn: flags['trained-on'] ?? null, encoders: { text, image }, judged }),
    );
    console.log(`${out}: ${judged.map(({ data, head }) => `${data} ${head.figures.recallSum.toFixed(1)}`).join(', ')}`);
    return EXIT.done;
  },
});
