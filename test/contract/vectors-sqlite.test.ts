import { join } from 'node:path';
import type { VectorStore } from '../../core/ports.ts';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { vectorsContract } from './vectors.ts';
import { DIMENSION } from './vectors-data.ts';

/** Chunk sizes: the default, and one so small that every store has several chunks. */
for (const chunkSlots of [undefined, 37]) {
  vectorsContract(`embedded, ${chunkSlots ?? 'default'} slots a chunk`, async () => {
    const folder = tempFolder();
    const options = {
      file: join(folder, 'index.sqlite'),
      space: 'contract',
      dimension: DIMENSION,
      threads: 1,
      chunkSlots,
    };
    let current: VectorStore = await openEmbeddedStore(options);
    return {
      store: current,
      async reopen() {
        await current.close();
        current = await openEmbeddedStore(options);
        return current;
      },
      async cleanup() {
        await current.close();
      },
    };
  });
}
