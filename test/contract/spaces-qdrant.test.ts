import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { openQdrantSpaces } from '../../core/vectors/qdrant-spaces.ts';
import { startFakeQdrant } from '../qdrant/server.ts';
import { spacesContract } from './spaces.ts';

/**
 * On the fake that is held to recorded answers, and with `npm run test:qdrant` on a real server: QDRANT_URL and, when it
 * wants one, QDRANT_API_KEY. Collections and aliases of the test have names of their own and are removed.
 */
const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = process.env;

function openAt(server: () => Promise<{ url: string; apiKey?: string; stop(): Promise<void> }>) {
  return async () => {
    const { stop, ...connection } = await server();
    const unique = randomBytes(6).toString('hex');
    const names = { collectionPrefix: `sightline-test-${unique}-`, alias: `sightline-test-${unique}` };
    const again = () => openQdrantSpaces({ ...connection, ...names });
    const spaces = await again();
    return {
      spaces,
      again,
      async cleanup() {
        await spaces.close();
        // The alias goes with its collection; none is live for an alias of another name.
        const all = await openQdrantSpaces({ ...connection, ...names, alias: `${names.alias}-none` });
        for (const { space } of await all.list()) await all.drop(space);
        await all.close();
        await stop();
      },
    };
  };
}

spacesContract(
  'Qdrant, a fake held to recorded answers',
  openAt(async () => startFakeQdrant()),
);

if (url === undefined) {
  describe('spaces contract: Qdrant at QDRANT_URL', () => {
    it('runs where a server is named', { skip: 'QDRANT_URL is not set' }, () => {});
  });
} else {
  spacesContract(
    `Qdrant at ${url}`,
    openAt(async () => ({ url, apiKey, stop: async () => {} })),
  );
}
