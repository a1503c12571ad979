import { basename, join } from 'node:path';
import { loadEncoders } from '../core/encode/encoders.ts';
import { choice, listed, path, toggle, whole } from '../core/option.ts';
import { dataFolder, ownModels } from '../server/environment.ts';
import { writeHead } from '../training/trainer/export.ts';
import { RECIPES, type Recipe } from '../training/trainer/recipes.ts';
import { trainHead } from '../training/trainer/trainer.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { encodeTrainingData } from './cli/encoding-options.ts';
import { openLocation } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import {
  DATASET,
  FEATURES,
  MODELS,
  modelFolders,
  openFeatures,
  PROFILE,
  seed,
  THREADS,
} from './cli/training-options.ts';

export default command({
  usage: '--data LOCATION [options]',
  about: `
Trains a head on captioned pictures (LOCATION/images and LOCATION/captions.jsonl with splits "train" and "val") and writes
it as serving loads it. Encoder outputs are cached; a second run needs only them.`,
  options: {
    data: DATASET,
    profile: PROFILE,
    recipe: choice(Object.keys(RECIPES), { text: listed(Object.keys(RECIPES)), default: 'best' }),
    epochs: whole({ min: 1, max: 10_000, text: "instead of the recipe's own number" }),
    epoch: whole({ min: 1, max: 10_000, text: 'export this epoch instead of the one with the lowest validation loss' }),
    seed: seed('of everything random'),
    threads: THREADS,
    out: path({ text: 'where head.onnx and head.json go', shown: 'models/head-PROFILE' }),
    run: path({ text: 'where checkpoints go', shown: 'data/runs/PROFILE-RECIPE' }),
    resume: toggle({ text: 'go on with the run there after its last whole epoch' }),
    features: FEATURES,
    models: MODELS,
    json: toggle({ text: 'the figures as one JSON document' }),
  },
  run: async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data LOCATION');
    const { seed, threads, epoch } = flags;
    const found = RECIPES[flags.recipe]!;
    const recipe: Recipe = { ...found, epochs: flags.epochs ?? found.epochs };
    if (epoch !== undefined && epoch > recipe.epochs) {
      throw new UsageError(`--epoch: expected a whole number from 1 to ${recipe.epochs}, got "${epoch}"`);
    }
    const modelDirs = modelFolders(flags.models);
    const out = flags.out ?? join(flags.models ?? ownModels(), `head-${flags.profile}`);
    const run = flags.run ?? join(dataFolder(), 'runs', `${flags.profile}-${recipe.name}`);

    const location = await openLocation(flags.data);
    const features = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      // What is known of the encoders is all that is needed from here on; their weights are larger than the head in training.
      const data = await encodeTrainingData(location, recipe.views, { encoders, modelDirs, features }).finally(() =>
        encoders.close(),
      );
      const progress = createProgress('training', 'steps', 0);
      const result = await trainHead({
        ...{ recipe, seed, threads, run, epoch, data, resume: flags.resume },
        onStep: (done, total) => progress.update(done, total),
        onEpoch: ({ epoch: at, trainLoss, validationLoss }) =>
          console.error(
            `epoch ${at}: train loss ${trainLoss.toFixed(4)}, validation loss ${validationLoss.toFixed(4)}`,
          ),
      }).finally(() => {
        progress.stop();
        return data.close();
      });
      const training = {
        ...{ seed, threads, epoch: result.epoch, curves: result.curves.map((figures) => ({ ...figures })) },
        data: basename(location.name),
        ...(result.resumedAfter.length > 0 && { resumedAfter: [...result.resumedAfter] }),
        pairs: { pictures: data.train.pictures.length, captions: data.train.captions.rows },
        recipe: JSON.parse(JSON.stringify(recipe)),
      };
      const name = `head-${flags.profile}`;
      const file = await writeHead(out, result.head, { name, recipe, encoders, training });
      if (flags.json) console.log(JSON.stringify({ out, ...file }, null, 2));
      else console.log(`epoch ${result.epoch} written to ${out}: space ${file.space}, ${file.onnx.bytes} bytes`);
      return EXIT.done;
    } finally {
      location.close();
      features.close();
    }
  },
});
