// npm run train -- --data PLACE [--profile compact] [--recipe seed] [--epochs N] [--epoch N] [--out DIR] [--resume]
import { basename, join } from 'node:path';
import { loadEncoders } from '../core/encode/encoders.ts';
import { userPath } from '../server/runtime.ts';
import { writeHead } from '../training/trainer/export.ts';
import { RECIPES, type Recipe } from '../training/trainer/recipes.ts';
import { trainHead } from '../training/trainer/trainer.ts';
import { EXIT, runCommand, UsageError } from './cli/command.ts';
import { encodeTrainingData } from './cli/encoding-options.ts';
import { openPlace } from './cli/location.ts';
import { createProgress } from './cli/progress.ts';
import { FEATURE_CACHE, modelFolders, openFeatures, wholeNumber } from './cli/training-options.ts';

const usage = `
Usage: npm run train -- --data PLACE [options]

Trains a head on captioned pictures (PLACE/images and PLACE/captions.jsonl with splits "train" and "val") and writes it as
serving loads it. Encoder outputs are cached; a second run needs only them.

  --data PLACE       the captioned pictures: a folder, or s3://BUCKET/PREFIX (S3_ENDPOINT for other servers than AWS)
  --profile NAME     encoders, a profile of models/manifest.json (default: compact)
  --recipe NAME      ${Object.keys(RECIPES).join(' or ')} (default: best)
  --epochs N         instead of the recipe's own number
  --epoch N          export this epoch instead of the one with the lowest validation loss
  --seed N           of everything random (default: 1)
  --threads N        one number gives the same head bit for bit, another may round differently (default: 2)
  --out DIR          where head.onnx and head.json go (default: models/head-PROFILE)
  --run DIR          where checkpoints go (default: data/runs/PROFILE-RECIPE)
  --resume           go on with the run there after its last whole epoch
  --features PLACE   cache of encoder outputs, a folder or s3://BUCKET/PREFIX (default: ${FEATURE_CACHE})
  --models DIR       folder of the models (default: models, and those that SIGHTLINE_EXTRA_MODELS names)
  --json             the figures as one JSON document
  --help             this text
`;

await runCommand(
  {
    usage,
    options: {
      data: { type: 'string' },
      profile: { type: 'string', default: 'compact' },
      recipe: { type: 'string', default: 'best' },
      epochs: { type: 'string' },
      epoch: { type: 'string' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: '2' },
      out: { type: 'string' },
      run: { type: 'string' },
      resume: { type: 'boolean', default: false },
      features: { type: 'string', default: FEATURE_CACHE },
      models: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    if (flags.data === undefined) throw new UsageError('expected --data PLACE');
    const found = RECIPES[flags.recipe];
    if (found === undefined) {
      throw new UsageError(`--recipe: expected ${Object.keys(RECIPES).join(' or ')}, got "${flags.recipe}"`);
    }
    const recipe: Recipe = { ...found, epochs: wholeNumber('--epochs', flags.epochs, 1, 10_000) ?? found.epochs };
    const epoch = wholeNumber('--epoch', flags.epoch, 1, recipe.epochs);
    const seed = wholeNumber('--seed', flags.seed, 0, 2 ** 48)!;
    const threads = wholeNumber('--threads', flags.threads, 1, 256)!;
    const modelDirs = modelFolders(flags.models);
    const out = flags.out === undefined ? join(modelDirs[0]!, `head-${flags.profile}`) : userPath(flags.out);
    const usual = join('data', 'runs', `${flags.profile}-${recipe.name}`);
    const run = flags.run === undefined ? usual : userPath(flags.run);

    const place = await openPlace(flags.data);
    const features = await openFeatures(flags.features);
    const encoders = await loadEncoders({ modelDirs, profile: flags.profile });
    try {
      // What is known of the encoders is all that is needed from here on; their weights are larger than the head in training.
      const data = await encodeTrainingData(place, recipe.views, { encoders, modelDirs, features }).finally(() =>
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
        data: basename(place.name),
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
      place.close();
      features.close();
    }
  },
);
