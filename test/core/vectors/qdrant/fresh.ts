import { after, beforeEach } from 'node:test';
import type { ErrorCode } from '../../../../core/errors.ts';
import type { Point, VectorStore } from '../../../../core/ports.ts';
import type { QdrantSpacesOptions } from '../../../../core/vectors/qdrant/spaces.ts';
import { DIMENSION, image, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';
import { type Call, type FakeAnswer, type FakeQdrant, startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { openQdrantStore } from './open.ts';

/** Shared by the driver's tests. */

export const random = seededRandom(21);

export const failsWith = (code: ErrorCode, message = /./) => ({ name: 'SightlineError', code, message });

export const point = (id: number, sequencer: string): Point => ({
  id: uuid(id),
  vector: unit(random),
  payload: image({ sequencer, key: `${id}-${sequencer}` }),
});

export const to = (part: string) => (call: Call) => call.path.includes(part);

export const busy = (status: number, headers = {}): FakeAnswer => ({
  status,
  headers,
  body: { status: { error: 'Service internal error: as the test wants it' } },
});

export interface FreshServer {
  server: FakeQdrant;
  /** On the server, in its own collection. */
  store: VectorStore;
  /** Another store of the same collection, with different options. */
  open(options?: Partial<QdrantSpacesOptions & { space: string; dimension: number }>): Promise<VectorStore>;
  /** Calls since the store was opened whose path contains this. */
  sent(part: string): number;
}

/** Provides a new server and store to each test of the suite that calls it. */
export function onFreshServer(): FreshServer {
  const on = {
    open: (options = {}) =>
      openQdrantStore({ url: on.server.url, space: 'test', dimension: DIMENSION, timeoutMs: 2_000, ...options }),
    sent: (part) => on.server.calls.filter(to(part)).length,
  } as FreshServer;
  beforeEach(async () => {
    await on.store?.close();
    await on.server?.stop();
    on.server = await startFakeQdrant();
    on.store = await on.open();
    on.server.calls.length = 0;
  });
  after(async () => {
    await on.store.close();
    await on.server.stop();
  });
  return on;
}
