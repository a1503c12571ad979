// npm run bench -- qdrant --url URL [--key KEY] [--points N]
// Compares settings of a Qdrant collection on one server: time to fill, memory, and for searches over all vectors and
// through the graph their time and recall. Creates collections under its own names and removes them.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NOTHING_KNOWN } from '../core/picture-fields.ts';
import type { Point, VectorStore } from '../core/ports.ts';
import type { JointEmbedding } from '../core/types.ts';
import { normalise } from '../core/vector-arithmetic.ts';
import type { QdrantCollectionOptions } from '../core/vectors/qdrant/collection.ts';
import { openQdrantSpaces } from '../core/vectors/qdrant/spaces.ts';
import { seededRandom } from '../test/support/random.ts';
import type { BenchOptions } from './run.ts';

const DIMENSION = 64;
const K = 10;
const QUERIES = 50;
const BATCH = 1000;
/** Number of clusters, like groups of pictures of the same things. */
const CENTRES = 300;
const EFS = [32, 64, 128, 256, 512];
/** A server may take long to build its graph. */
const PATIENCE_MS = 3_600_000;

/** By the environment variables that select them. */
const COLLECTIONS: Readonly<Record<string, QdrantCollectionOptions>> = {
  'as it is': {},
  'M=32': { hnswM: 32 },
  'QUANTIZATION=int8': { quantization: 'int8' },
  'ON_DISK=vectors': { onDisk: 'vectors' },
  'ON_DISK=all, QUANTIZATION=int8': { onDisk: 'all', quantization: 'int8' },
};

export async function run({ url, key, points = 100_000 }: BenchOptions = {}): Promise<void> {
  if (url === undefined) return console.log('measures a server: name one with --url');
  const data = makeVectors(points);
  const queries = Array.from({ length: QUERIES }, () => data.draw());
  console.log(`${points.toLocaleString('en')} points of ${DIMENSION} components, ${K} nearest, median of ${QUERIES}`);
  for (const [name, collection] of Object.entries(COLLECTIONS)) {
    console.log(`\n## ${name}`);
    await measure({ url, key, collection }, data.vectors, queries);
  }
}

interface Measured {
  readonly url: string;
  readonly key: string | undefined;
  readonly collection: QdrantCollectionOptions;
}

async function measure(on: Measured, vectors: readonly JointEmbedding[], queries: readonly JointEmbedding[]) {
  const prefix = `sightline-bench-${randomBytes(4).toString('hex')}-`;
  const server = { url: on.url, apiKey: on.key, collectionPrefix: prefix, alias: prefix };
  const open = async (search: { exactBelow: number; ef?: number }) => {
    const spaces = await openQdrantSpaces({ ...server, collection: on.collection, search });
    const store = await spaces.openLive('bench', DIMENSION);
    return { store, close: () => spaces.close() };
  };
  try {
    const before = await residentBytes(on);
    const exact = await open({ exactBelow: Number.POSITIVE_INFINITY });
    const start = performance.now();
    await fill(exact.store, vectors);
    const filledMs = performance.now() - start;
    await settled(on, `${prefix}bench`);
    const seconds = (performance.now() - start) / 1000;
    const after = await residentBytes(on);
    console.log(`filled in ${(filledMs / 1000).toFixed(1)} s, ready after ${seconds.toFixed(1)} s`);
    console.log(`memory: ${before === null || after === null ? 'not told' : `${toMb(after - before)} MB more`}`);
    const truth = await ask(exact.store, queries);
    console.log(`exact: ${truth.ms.toFixed(1)} ms`);
    await exact.close();
    for (const ef of EFS) {
      const graph = await open({ exactBelow: 0, ef });
      const { ms, ids } = await ask(graph.store, queries);
      console.log(`EF=${ef}: ${ms.toFixed(1)} ms, recall ${recallOf(ids, truth.ids).toFixed(4)}`);
      await graph.close();
    }
  } finally {
    // No alias of another name makes a collection live.
    const spaces = await openQdrantSpaces({ ...server, alias: `${prefix}none` });
    await spaces.drop('bench');
    await spaces.close();
  }
}

async function fill(store: VectorStore, vectors: readonly JointEmbedding[]): Promise<void> {
  for (let first = 0; first < vectors.length; first += BATCH) {
    const some = vectors.slice(first, first + BATCH);
    await store.upsert(
      some.map((vector, i) => point(first + i, vector)),
      'newer',
    );
  }
}

function point(i: number, vector: JointEmbedding): Point {
  const payload = {
    ...NOTHING_KNOWN,
    kind: 'image' as const,
    bucket: 'bench',
    key: `albums/${i % 500}/IMG_${i}.jpg`,
    etag: i.toString(16).padStart(32, '0'),
    sha256: i.toString(16).padStart(64, '0'),
    contentType: 'image/jpeg',
    bytes: 1_000_000 + i,
    width: 4000,
    height: 3000,
    tags: i % 10 === 0 ? ['beach'] : [],
    indexedAt: new Date(1_700_000_000_000 + i).toISOString(),
    sequencer: i.toString(16),
  };
  return { id: `00000000-0000-5000-8000-${i.toString(16).padStart(12, '0')}`, vector, payload };
}

/** The nearest points of each query and the median time; the very first run is a warm-up. */
async function ask(store: VectorStore, queries: readonly JointEmbedding[]) {
  const times: number[] = [];
  const ids: string[][] = [];
  for (const vector of [queries[0]!, ...queries]) {
    const start = performance.now();
    const { items } = await store.query({ vector, filter: { kind: 'image' }, limit: K });
    times.push(performance.now() - start);
    ids.push(items.map(({ id }) => id));
  }
  const sorted = times.slice(1).sort((a, b) => a - b);
  return { ms: sorted[Math.floor(sorted.length / 2)]!, ids: ids.slice(1) };
}

function recallOf(found: readonly string[][], truth: readonly string[][]): number {
  const shares = found.map((ids, i) => ids.filter((id) => truth[i]!.includes(id)).length / truth[i]!.length);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Waits until the server has finished background optimisation. */
async function settled(on: Measured, collection: string): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += 1000) {
    const answer = await request(on, `/collections/${collection}`);
    const { result } = (await answer.json()) as { result: { status: string } };
    if (result.status === 'green') return;
    await sleep(1000);
  }
  throw new Error(`expected ${collection} to be ready within an hour`);
}

/** Memory of the server process; null if unknown. */
async function residentBytes(on: Measured): Promise<number | null> {
  const answer = await request(on, '/metrics');
  const line = /^memory_resident_bytes ([\d.e+]+)/m.exec(await answer.text());
  return line === null ? null : Number(line[1]);
}

function request({ url, key }: Measured, path: string): Promise<Response> {
  const base = new URL(url);
  // As in the driver: 6333 if the URL has no port.
  if (base.port === '' && !/:\d+/.test(url.slice(8))) base.port = '6333';
  const address = `${base.origin}${base.pathname.replace(/\/$/, '')}${path}`;
  return fetch(address, { headers: key === undefined ? {} : { 'api-key': key } });
}

const toMb = (bytes: number) => Math.round(bytes / 1e6).toLocaleString('en');

/** Unit vectors in clusters, and similar ones as queries. */
function makeVectors(count: number): { vectors: JointEmbedding[]; draw(): JointEmbedding } {
  const random = seededRandom(7);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: CENTRES }, () => Float32Array.from({ length: DIMENSION }, gauss));
  const draw = () => {
    const centre = centres[Math.floor(random() * CENTRES)]!;
    return normalise(Float32Array.from(centre, (x) => x + gauss()) as JointEmbedding);
  };
  return { vectors: Array.from({ length: count }, draw), draw };
}
