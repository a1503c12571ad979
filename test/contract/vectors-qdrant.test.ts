import { onEveryQdrant, openQdrantStore } from '../core/vectors/qdrant/open.ts';
import { vectorsContract } from './vectors.ts';
import { DIMENSION } from './vectors-data.ts';

await onEveryQdrant('vectors', (name, ownNames) =>
  vectorsContract(name, async () => {
    const { options, cleanup } = await ownNames();
    const open = () => openQdrantStore({ ...options, space: 'contract', dimension: DIMENSION });
    let store = await open().catch(async (error: unknown) => {
      await cleanup();
      throw error;
    });
    return {
      store,
      async reopen() {
        await store.close();
        store = await open();
        return store;
      },
      async cleanup() {
        await store.close();
        await cleanup();
      },
    };
  }),
);
