import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolder } from '../../core/objects/folder/store.ts';
import { objectsContract } from './objects.ts';

objectsContract('folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'objects-folder-'));
  return {
    store: await openFolder({ root }),
    close: () => rm(root, { recursive: true, force: true }),
  };
});
