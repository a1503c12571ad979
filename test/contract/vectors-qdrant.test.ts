import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { openQdrantSpaces } from '../../core/vectors/qdrant-spaces.ts';
import { openQdrantStore } from '../qdrant/open.ts';
import { startFakeQdrant } from '../qdrant/server.ts';
import { vectorsContract } from './vectors.ts';
import { DIMENSION } from './vectors-data.ts';
import type { Open } from './vectors-open.ts';

/**
 * The contract on the fake that is held to recorded answers, and with `npm run test:qdrant` on a real server:
 * QDRANT_URL (such as http://127.0.0.1:6333) and, when it wants one, QDRANT_API_KEY. Collections and aliases of the test
 * have names of their own and are removed.
 */
const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = process.env;

function openAt(server: () => Promise<{ url: string; apiKey?: string; stop(): Promise<void> }>): Open {
  return async () => {
    const { stop, ...connection } = await server();
    const unique = randomBytes(6).toString('hex');
    const names = { collectionPrefix: `sightline-test-${unique}-`, alias: `sightline-test-${unique}` };
    const open = () => openQdrantStore({ ...connection, ...names, space: 'contract', dimension: DIMENSION });
    let store = await open();
    return {
      store,
      async reopen() {
        await store.close();
        store = await open();
        return store;
      },
      async cleanup() {
        await store.close();
        // The alias goes with its collection; this one is not live for an alias of another name.
        const spaces = await openQdrantSpaces({ ...connection, ...names, alias: `${names.alias}-none` });
        await spaces.drop('contract');
        await spaces.close();
        await stop();
      },
    };
  };
}

vectorsContract(
  'Qdrant, a fake held to recorded answers',
  openAt(async () => startFakeQdrant()),
);

if (url === undefined) {
  describe('vectors contract: Qdrant at QDRANT_URL', () => {
    it('runs where a server is named', { skip: 'QDRANT_URL is not set' }, () => {});
  });
} else {
  vectorsContract(
    `Qdrant at ${url}`,
    openAt(async () => ({ url, apiKey, stop: async () => {} })),
  );
}
