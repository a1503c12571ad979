import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PHOTOS = join(import.meta.dirname, '../../examples/photos');
const CAPTIONS = join(import.meta.dirname, '../fixtures/photo-captions.jsonl');

/** The sample photos with captions as a dataset in `folder`: 18 in split val, 5 in split train, three captions each. */
export async function writePhotoDataset(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await cp(PHOTOS, join(folder, 'images'), { recursive: true, filter: (source) => !source.endsWith('.md') });
  await cp(CAPTIONS, join(folder, 'captions.jsonl'));
  return folder;
}

/** The same as if everybody who describes a picture used the words of the first. */
export async function writeAgreedPhotos(folder: string): Promise<string> {
  const file = join(await writePhotoDataset(folder), 'captions.jsonl');
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const agreed = lines.map((text) => {
    const line = JSON.parse(text) as Line;
    return { ...line, captions: line.captions.map(() => line.captions[0]) };
  });
  await writeFile(file, agreed.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return folder;
}

interface Line {
  readonly image: string;
  readonly split: string;
  readonly captions: readonly string[];
}

/**
 * The same with variants of each sample photo to train on, as different files: three are enough for batches of 64
 * pictures.
 */
export async function writeManyPhotos(to: string, variants = 3): Promise<string> {
  await writePhotoDataset(to);
  const lines = (await readFile(join(to, 'captions.jsonl'), 'utf8')).trim().split('\n');
  const pictures = lines.map((line) => JSON.parse(line) as Line);
  await mkdir(join(to, 'images', 'more'));
  for (const picture of [...pictures]) {
    for (let copy = 1; copy <= variants; copy++) {
      const image = `more/${copy}-${picture.image}`;
      const bytes = await readFile(join(to, 'images', picture.image));
      await writeFile(join(to, 'images', image), Buffer.concat([bytes, Buffer.of(copy)]));
      pictures.push({ image, split: 'train', captions: picture.captions });
    }
  }
  const judged = pictures.filter(({ image, split }) => split === 'val' || image.startsWith('more/'));
  await writeFile(join(to, 'captions.jsonl'), judged.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return to;
}
