import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { openFailureLog } from '../../../core/failure-log/sqlite.ts';
import { createIndexer } from '../../../core/index-image.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import type { Embedder } from '../../../core/ports.ts';
import { createTrash } from '../../../core/trash.ts';
import type { JointEmbedding } from '../../../core/types.ts';
import { normalise } from '../../../core/util/vector-arithmetic.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { createApp } from '../../../functions/http/app.ts';
import type { AppDeps } from '../../../functions/http/deps.ts';
import type { App } from '../../../functions/http/openapi.ts';
import { type HttpOptionsInput, parseHttpOptions } from '../../../functions/http/options.ts';
import { createMetrics } from '../../../functions/http/prometheus-metrics.ts';
import { createSessions } from '../../../functions/http/session-cookie.ts';
import { squashed } from '../../support/squashed.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { textsBy } from '../../support/texts-by.ts';

/** The API over real stores in a temporary folder, called without a network. */

const samples = fileURLToPath(new URL('../../../examples/photos', import.meta.url));

/** One of the sample photos. */
export function samplePhoto(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(join(samples, name)).then((bytes) => new Uint8Array(bytes));
}

const LIMITS = { maxBytes: 5 * 1024 ** 2, maxPixels: 50_000_000 };

const PREPROCESSING = squashed(16);

/**
 * For tests of HTTP alone, where the model does not matter. Pictures are really decoded, so that bad ones are rejected
 * as in production, but vectors are hashes: of the words of a text, or of a small version of a picture.
 */
export function hashEmbedder(space = 'feedfeedfeedfeed'): Embedder {
  const vectorOf = (bytes: Uint8Array): JointEmbedding =>
    normalise(Float32Array.from(createHash('sha512').update(bytes).digest(), (byte) => byte - 127.5) as JointEmbedding);
  return {
    space,
    sameAs: [],
    dimension: 64,
    ...textsBy(vectorOf, (text) => /\w/.test(text)),
    async embedImage(bytes) {
      const { pixels, picture } = await decodeImage(bytes, PREPROCESSING, LIMITS);
      return {
        vector: vectorOf(Buffer.from(Object.values(pixels).find((part) => part instanceof Uint8Array)!)),
        classes: null,
        picture,
      };
    },
    describeImage: async (bytes) => (await decodeImage(bytes, PREPROCESSING, LIMITS)).picture,
    close: async () => {},
  };
}

export interface TestApp {
  readonly app: App;
  readonly deps: AppDeps;
  /** The folder with `photos` and the index. */
  readonly root: string;
  /** Parsed log lines. */
  readonly log: Record<string, unknown>[];
  /** Sends a request; returns status, headers and the parsed JSON body (null if there is none). */
  json(path: string, init?: RequestInit): Promise<{ status: number; headers: Headers; body: Json }>;
  /** Uploads a sample photo and returns its id. */
  addPhoto(name: string, query?: string): Promise<string>;
  close(): Promise<void>;
}

/** The response shape that tests rely on; openapi.test.ts checks the real one. */
export interface Json {
  readonly id: string;
  readonly key: string;
  readonly kind: string;
  readonly caption: string;
  readonly indexedAt: string;
  readonly sha256: string;
  readonly score: number;
  readonly why: readonly string[];
  readonly space: string;
  readonly next: string | undefined;
  readonly detail: string;
  readonly requestId: string;
  readonly items: Json[];
  readonly errors: Json[];
  readonly image: Json;
  readonly texts: number[][];
  readonly [name: string]: unknown;
}

export async function testApp(
  options: HttpOptionsInput = {},
  change: (deps: AppDeps) => AppDeps = (deps) => deps,
  embedder: Embedder = hashEmbedder(),
): Promise<TestApp> {
  const root = tempFolder();
  await mkdir(join(root, 'photos'));
  const objects = await openFolder({ root: join(root, 'photos'), bucket: 'photos' });
  const { space, dimension } = embedder;
  const vectors = await openEmbeddedStore({ file: join(root, 'index.sqlite'), space, dimension, threads: 1 });
  const failures = await openFailureLog({ file: join(root, 'failures.sqlite') });
  const buckets = new Map([[objects.bucket, objects]]);
  const log: Record<string, unknown>[] = [];
  const parsed = parseHttpOptions({
    loopback: true,
    requireKey: 'nothing',
    requestsPerMinute: 0,
    maxImageBytes: LIMITS.maxBytes,
    ...options,
  });
  const index = createIndexer({ embedder, vectors, buckets, maxBytes: parsed.maxImageBytes });
  const onLiveSpace: AppDeps['onLiveSpace'] = (work) => work({ embedder, vectors });
  await mkdir(join(root, 'trash'));
  const records = await openFolder({ root: join(root, 'trash'), bucket: 'trash' });
  const deps = change({
    embedder,
    vectors,
    failures,
    buckets,
    uploadBucket: () => objects.bucket,
    onLiveSpace,
    index,
    sessions: createSessions(records),
    trash: createTrash({ records, buckets, failures, index, onLiveSpace, keepDays: 30 }),
    thumbnail: (bytes, maxEdge) => thumbnail(bytes, maxEdge, { limits: LIMITS }),
    model: {
      space,
      dimension,
      profile: 'test',
      text: {
        name: 'words',
        dimension: 384,
        licence: 'Apache-2.0',
        source: 'https://example.org/words',
        maxTokens: 256,
      },
      texts: [{ encoder: 'words', languages: [], sha256: null }],
      image: {
        name: 'eyes',
        dimension: 1280,
        licence: 'Apache-2.0',
        source: 'https://example.org/eyes',
        cropPixels: 260,
      },
      head: {
        name: 'head-test',
        trained: { recipe: 'none', epoch: 2, pictures: 6000, captions: 30_000 },
        curves: [
          { epoch: 1, trainLoss: 4.5, validationLoss: 4.25, recallSum: 120 },
          { epoch: 2, trainLoss: 2.5, validationLoss: 3.25, recallSum: 240 },
        ],
      },
    },
    ready: () => 'ready',
    logger: pino({ level: 'info' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    metrics: createMetrics({ processMetrics: false }),
    options: parsed,
    version: '0.0.0-test',
    local: true,
    clientAddress: () => '127.0.0.1',
  });
  const app = createApp(deps);

  async function json(path: string, init?: RequestInit) {
    const response = await app.request(path, init);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : null) as Json };
  }

  return {
    app,
    deps,
    root,
    log,
    json,
    async addPhoto(name, query = '') {
      const response = await json(`/images?key=${encodeURIComponent(name)}${query}`, {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg' },
        body: await samplePhoto(name),
      });
      if (response.status !== 201) throw new Error(`uploading ${name}: ${JSON.stringify(response.body)}`);
      return response.body.id;
    },
    async close() {
      await vectors.close();
      await failures.close();
    },
  };
}

/** A request with a JSON body. */
export function jsonRequest(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
