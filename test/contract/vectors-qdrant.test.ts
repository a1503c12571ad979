import { type OwnNames, onEveryQdrant, openQdrantStore } from '../core/vectors/qdrant/open.ts';
import { filtersOnly, type OpenStore, vectorsContract } from './vectors.ts';
import { DIMENSION } from './vectors-data.ts';

const opening = (ownNames: () => Promise<OwnNames>) => async (): Promise<OpenStore> => {
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
};

await onEveryQdrant(
  'vectors',
  (name, ownNames) => vectorsContract(name, opening(ownNames)),
  (name, ownNames) => filtersOnly(name, opening(ownNames)),
);
