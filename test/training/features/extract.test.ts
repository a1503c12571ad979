import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Encoders, loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { type DatasetLocation, readDataset } from '../../../training/datasets/dataset.ts';
import { FLIPPED, FULL } from '../../../training/features/augmentations.ts';
import { loadFeatures, type PairSet } from '../../../training/features/extract.ts';
import { loadTrainingData, type TrainingData } from '../../../training/trainer/training-data.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const root = join(import.meta.dirname, '../../..');
const modelDirs = [join(root, 'models')];
let encoders: Encoders;
before(async () => {
  encoders = await loadEncoders({ modelDirs, threads: 1 });
});
after(() => encoders.close());

const photo = (name: string) => readFile(join(root, 'examples/photos', name));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Line {
  readonly image: string;
  readonly captions: readonly string[];
  readonly split: string;
  readonly sha256?: string;
}

async function dataset(
  lines: readonly Line[],
  pictures: Readonly<Record<string, Uint8Array>>,
): Promise<DatasetLocation> {
  const folder = tempFolder();
  const store = await openFolder({ root: folder });
  await store.put('captions.jsonl', Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
  for (const [name, bytes] of Object.entries(pictures)) await store.put(`images/${name}`, bytes);
  return { store, name: folder };
}

const options = (cache: string) => ({ encoders, modelDirs, cache, augmentations: [FULL], parallel: 2 });

describe('captioned pictures to encoder outputs', () => {
  it('counts what it cannot use, and never trains on what another split shows', async () => {
    const [cat, moon, rocket] = [await photo('cat.jpg'), await photo('moon.jpg'), await photo('rocket.jpg')];
    const place = await dataset(
      [
        { image: 'cat.jpg', captions: ['a cat'], split: 'train' },
        { image: 'same-cat.jpg', captions: ['a cat', 'a pet'], split: 'train' },
        { image: 'moon.jpg', captions: ['the moon'], split: 'train' },
        { image: 'leak.jpg', captions: ['the moon again'], split: 'val' },
        { image: 'cut.jpg', captions: ['half of a rocket'], split: 'val' },
        { image: 'nowhere.jpg', captions: ['not there'], split: 'train' },
        { image: 'nowhere-either.jpg', captions: ['not there'], split: 'train', sha256: sha256(rocket) },
      ],
      { 'cat.jpg': cat, 'same-cat.jpg': cat, 'moon.jpg': moon, 'leak.jpg': moon, 'cut.jpg': rocket.subarray(0, 9000) },
    );
    const { splits, warnings, close } = await loadFeatures(await readDataset(place), options(tempFolder()));
    await close();
    assert.deepEqual(Object.fromEntries(warnings), {
      'missing-picture': { count: 2, first: 'nowhere.jpg' },
      'doubled-picture': { count: 1, first: 'same-cat.jpg' },
      'split-leak': { count: 1, first: 'moon.jpg' },
      'unreadable-picture': { count: 1, first: 'cut.jpg' },
    });
    const seen = [...splits].map(([name, { pictures }]) => [name, pictures.map(({ image }) => image)]);
    assert.deepEqual(seen, [
      ['train', ['cat.jpg']],
      ['val', ['leak.jpg']],
    ]);
    assert.deepEqual(splits.get('train')!.pictures[0]!.captions, ['a cat', 'a pet']);
  });

  it('refuses bytes that are not those captions.jsonl names, and says so when no picture is left', async () => {
    const cat = await photo('cat.jpg');
    const line = { image: 'cat.jpg', captions: ['a cat'], split: 'train', sha256: sha256(Buffer.from('a dog')) };
    const changed = await readDataset(await dataset([line], { 'cat.jpg': cat }));
    await assert.rejects(loadFeatures(changed, options(tempFolder())), {
      code: 'invalid-input',
      message: /cat\.jpg: expected a picture with SHA-256/,
    });
    const empty = await readDataset(await dataset([line], {}));
    await assert.rejects(loadFeatures(empty, options(tempFolder())), {
      code: 'invalid-input',
      message: /got none of 1 that can be used, 1 missing-picture/,
    });
    await assert.rejects(loadTrainingData(empty, options(tempFolder())), {
      code: 'invalid-input',
      message: /expected captioned pictures in split val, got none \(splits: train\)/,
    });
  });

  it('needs no pictures once everything is cached, and gives the same numbers', async () => {
    const [cat, moon] = [await photo('cat.jpg'), await photo('moon.jpg')];
    const lines = [
      { image: 'cat.jpg', captions: ['a cat', 'a pet'], split: 'train', sha256: sha256(cat) },
      { image: 'moon.jpg', captions: ['the moon'], split: 'val', sha256: sha256(moon) },
    ];
    const cache = tempFolder();
    const both = { ...options(cache), augmentations: [FULL, FLIPPED] };
    const first = await loadTrainingData(
      await readDataset(await dataset(lines, { 'cat.jpg': cat, 'moon.jpg': moon })),
      both,
    );
    const again = await loadTrainingData(await readDataset(await dataset(lines, {})), both);
    const values = ({ pictures, firstCaption, captions, ...pairs }: PairSet) => ({
      pictures,
      firstCaption,
      captions: captions.block(0, captions.rows),
      augmented: pairs.augmented.map((outputs) =>
        Object.entries(outputs).map(([name, rows]) => [name, rows.block(0, rows.rows)]),
      ),
    });
    for (const split of ['train', 'validation'] as const) assert.deepEqual(values(again[split]), values(first[split]));
    const words = ({ key, classes }: TrainingData) => [key, classes!.names, classes!.firstText, classes!.texts.values];
    assert.deepEqual(words(again), words(first));
    assert.equal(again.warnings.size, 0);
    assert.deepEqual([again.train.augmented.length, again.validation.augmented.length], [2, 1]);
    await Promise.all([first.close(), again.close()]);
  });
});
