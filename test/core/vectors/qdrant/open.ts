import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Spaces, VectorStore } from '../../../../core/ports.ts';
import { openQdrantSpaces, type QdrantSpacesOptions } from '../../../../core/vectors/qdrant/spaces.ts';
import { startFakeQdrant } from '../../../support/fake-qdrant.ts';

/** The live store of a server, opened as in the program; closing it also closes the connection. */
export async function openQdrantStore(
  options: QdrantSpacesOptions & { readonly space: string; readonly dimension: number },
): Promise<VectorStore> {
  const spaces = await openQdrantSpaces(options);
  try {
    const store = await spaces.openLive(options.space, options.dimension);
    return { ...store, close: () => spaces.close() };
  } catch (error) {
    await spaces.close();
    throw error;
  }
}

/** Names unused by others on the server, and a function that removes everything created under them. */
export interface OwnNames {
  readonly options: QdrantSpacesOptions;
  cleanup(): Promise<void>;
}

type QdrantContract = (name: string, ownNames: () => Promise<OwnNames>) => void;

/**
 * Runs a contract on the fake, which is checked against recorded responses, and with `npm run test:qdrant` on a real
 * server: QDRANT_URL (such as http://127.0.0.1:6333) and, if needed, QDRANT_API_KEY. The server may be in use: the
 * tests use their own collection and alias names and remove them. If the server does not work, one test fails quickly
 * instead of all of them slowly. Every filter must work where fields without an index are refused (strict mode).
 * @param ofNewer the part of the contract that a newer server is asked in another way, if any
 */
export async function onEveryQdrant(what: string, contract: QdrantContract, ofNewer?: QdrantContract): Promise<void> {
  const ofFake = async (version?: string) => {
    const { url, stop } = await startFakeQdrant({ version, strict: true });
    return ownNames({ url }, stop);
  };
  contract('Qdrant, a fake held to recorded answers', () => ofFake());
  ofNewer?.('a newer Qdrant, a fake', () => ofFake('1.19.0'));
  const { QDRANT_URL: url, QDRANT_API_KEY: apiKey } = process.env;
  if (!url) {
    describe(`${what} contract: Qdrant at QDRANT_URL`, () => {
      it('runs where a server is named', { skip: 'QDRANT_URL is not set' }, () => {});
    });
    return;
  }
  const fault = await faultOf({ url, apiKey });
  if (fault === null) contract(`Qdrant at ${url}`, async () => ownNames({ url, apiKey }, async () => {}));
  else {
    it(`finds Qdrant at ${url}`, () => {
      throw fault;
    });
  }
}

async function faultOf(server: { url: string; apiKey: string | undefined }): Promise<unknown> {
  let spaces: Spaces | undefined;
  try {
    spaces = await openQdrantSpaces(server);
    await spaces.live();
    return null;
  } catch (error) {
    return error;
  } finally {
    await spaces?.close();
  }
}

function ownNames(server: { url: string; apiKey?: string }, stop: () => Promise<void>): OwnNames {
  const unique = randomBytes(6).toString('hex');
  const options = { ...server, collectionPrefix: `sightline-test-${unique}-`, alias: `sightline-test-${unique}` };
  return {
    options,
    async cleanup() {
      // Aliases are removed with their collections; an alias of another name makes none live.
      const spaces = await openQdrantSpaces({ ...options, alias: `${options.alias}-none` });
      for (const { space } of await spaces.list()) await spaces.drop(space);
      await spaces.close();
      await stop();
    },
  };
}
