import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedSpaces } from '../../core/vectors/sqlite/spaces.ts';
import { spacesContract } from './spaces.ts';

spacesContract('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sightline-spaces-'));
  const again = () => openEmbeddedSpaces({ file: join(folder, 'index.sqlite'), threads: 1 });
  const spaces = await again();
  return {
    spaces,
    again,
    async cleanup() {
      await spaces.close();
      await rm(folder, { recursive: true });
    },
  };
});
