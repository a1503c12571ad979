import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const CAPTIONS = fileURLToPath(new URL('../fixtures/photo-captions.jsonl', import.meta.url));

/** The sample photos with captions as a dataset in `folder`: 18 of split val, 5 of split train, three captions each. */
export async function writePhotoDataset(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await cp(PHOTOS, join(folder, 'images'), { recursive: true, filter: (source) => !source.endsWith('.md') });
  await cp(CAPTIONS, join(folder, 'captions.jsonl'));
  return folder;
}
