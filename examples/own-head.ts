// node examples/own-head.ts MODELS DATA: trains a custom head for the profile that examples/own-encoder.ts created. It
// does what `npm run train` does, with a recipe that the command does not offer.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { openFolder } from '../core/objects/folder/store.ts';
import { readDataset } from '../training/datasets/dataset.ts';
import { RECIPES, type Recipe } from '../training/trainer/recipes.ts';
import { trainHead } from '../training/trainer/trainer.ts';
import { loadTrainingData } from '../training/trainer/training-data.ts';
import { writeHead } from '../training/trainer/write-head.ts';

const [models, data] = process.argv.slice(2);
if (models === undefined || data === undefined) throw new Error('expected two folders: own-head.ts MODELS DATA');

// The published recipe with more epochs, a smaller space and both directions of the loss.
const published = RECIPES.seed!;
const recipe: Recipe = {
  ...published,
  name: 'mine',
  epochs: 20,
  head: { ...published.head, dimension: 32 },
  loss: { ...published.loss, direction: 'symmetric' },
};

const modelDirs = [fileURLToPath(new URL('../models', import.meta.url)), models];
const encoders = await loadEncoders({ modelDirs, profile: 'colours' });
const dataset = await readDataset({ store: await openFolder({ root: data }), name: data });
const pairs = await loadTrainingData(dataset, {
  encoders,
  modelDirs,
  cache: join(models, 'features'),
  parallel: 3,
  augmentations: recipe.augmentations,
}).finally(() => encoders.close());
const { head, epoch, curves } = await trainHead({
  recipe,
  data: pairs,
  seed: 1,
  threads: 2,
  run: join(models, 'run'),
  resume: false,
  onEpoch: (at) => console.log(`epoch ${at.epoch}: validation loss ${at.validationLoss.toFixed(3)}`),
});
await pairs.close();
const out = join(models, 'head-colours');
await writeHead(out, head, {
  name: 'head-colours',
  recipe,
  encoders,
  training: { epoch, curves: curves.map((at) => ({ ...at })) },
});
console.log(`${out}: npm run index -- FOLDER with SIGHTLINE_EXTRA_MODELS=${models} and SIGHTLINE_PROFILE=colours`);
