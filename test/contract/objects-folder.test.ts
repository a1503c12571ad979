import { rm } from 'node:fs/promises';
import { openFolder } from '../../core/objects/folder/store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { objectsContract } from './objects.ts';

objectsContract('folder', async () => {
  const root = tempFolder();
  return {
    store: await openFolder({ root }),
    close: () => rm(root, { recursive: true, force: true }),
  };
});
