import { join } from 'node:path';
import { openEmbeddedSpaces } from '../../core/vectors/sqlite/spaces.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { spacesContract } from './spaces.ts';

spacesContract('embedded', async () => {
  const folder = tempFolder();
  const again = () => openEmbeddedSpaces({ file: join(folder, 'index.sqlite'), threads: 1 });
  const spaces = await again();
  return {
    spaces,
    again,
    async cleanup() {
      await spaces.close();
    },
  };
});
