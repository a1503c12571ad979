// npm run bench -- qdrant --url URL [--key KEY] [--points N]
// Compares settings of a Qdrant collection on one server: time to fill, bytes per point by part (Qdrant 1.18 and newer;
// BYTES of scripts/development/docs/scale.ts), and for searches over all vectors and through the graph their time and
// recall. Creates collections under its own names and removes them.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Point, VectorStore } from '../core/ports.ts';
import type { JointEmbedding } from '../core/types.ts';
import { normalise } from '../core/util/vector-arithmetic.ts';
import type { QdrantCollectionOptions } from '../core/vectors/qdrant/collection.ts';
import { storedPayload } from '../core/vectors/qdrant/payload.ts';
import { PREFIX_INDEXES, WORD_FIELDS } from '../core/vectors/qdrant/payload-indexes.ts';
import { openQdrantSpaces } from '../core/vectors/qdrant/spaces.ts';
import { image, seededRandom, uuid } from '../test/contract/vectors-data.ts';
import type { BenchOptions } from './run.ts';

const DIMENSION = 64;
const K = 10;
/** But at most a tenth of the points. */
const QUERIES = 50;
const BATCH = 1000;
/** Number of clusters, like groups of pictures of the same things. */
const CENTRES = 300;
const EFS = [32, 64, 128, 256, 512];
/** A server may take long to build its graph. */
const PATIENCE_MS = 3_600_000;

interface Variant extends QdrantCollectionOptions {
  /** Prefixes as numbers, as in collections from before 1.19, also on a newer server. */
  readonly hashed?: true;
}

/** By the environment variables that select them (SIGHTLINE_QDRANT_...). */
const VARIANTS: Readonly<Record<string, Variant>> = {
  'as it is': {},
  'prefixes as numbers (collections from before Qdrant 1.19)': { hashed: true },
  'M=32': { hnswM: 32 },
  'QUANTIZATION=int8': { quantization: 'int8' },
  'ON_DISK=vectors': { onDisk: 'vectors' },
  'ON_DISK=all, QUANTIZATION=int8': { onDisk: 'all', quantization: 'int8' },
  'SHARDS=4': { shards: 4 },
  'REPLICAS=2 (needs as many nodes)': { replicas: 2 },
};

export async function run({ url, key, points = 100_000 }: BenchOptions = {}): Promise<void> {
  if (url === undefined) return console.log('measures a server: name one with --url');
  const data = makeVectors(points);
  const queries = Array.from({ length: Math.min(QUERIES, points / 10) }, () => data.draw());
  const what = `${points.toLocaleString('en')} points of ${DIMENSION} components`;
  console.log(`${what}, ${K} nearest, median of ${queries.length}`);
  const [matched, hashed] = (['match', 'hashed'] as const).map((prefixes) =>
    Buffer.byteLength(JSON.stringify(storedPayload(point(0, queries[0]!).payload, prefixes))),
  );
  console.log(`payload as JSON: ${matched} bytes a point, with prefixes as numbers ${hashed}`);
  for (const [name, variant] of Object.entries(VARIANTS)) {
    console.log(`\n## ${name}`);
    await measure({ url, key, variant }, data.vectors, queries);
  }
}

interface Measured {
  readonly url: string;
  readonly key: string | undefined;
  readonly variant: Variant;
}

async function measure(on: Measured, vectors: readonly JointEmbedding[], queries: readonly JointEmbedding[]) {
  const prefix = `sightline-bench-${randomBytes(4).toString('hex')}-`;
  const name = `${prefix}bench`;
  const { hashed, ...collection } = on.variant;
  const server = { url: on.url, apiKey: on.key, collectionPrefix: prefix, alias: prefix };
  const open = async (search: { exactBelow: number; ef?: number }) => {
    const spaces = await openQdrantSpaces({ ...server, collection, search });
    const store = await spaces.openLive('bench', DIMENSION);
    return { store, close: () => spaces.close() };
  };
  try {
    if (hashed) await createHashed(on, name);
    const before = await residentBytes(on);
    const exact = await open({ exactBelow: Number.POSITIVE_INFINITY });
    const start = performance.now();
    await fill(exact.store, vectors);
    const filledMs = performance.now() - start;
    await settled(on, name);
    const seconds = (performance.now() - start) / 1000;
    const after = await residentBytes(on);
    console.log(`filled in ${(filledMs / 1000).toFixed(1)} s, ready after ${seconds.toFixed(1)} s`);
    console.log(`memory: ${before === null || after === null ? 'not told' : `${toMb(after - before)} MB more`}`);
    console.log(`bytes a point, on disk and in memory: ${await bytesAPoint(on, name, vectors.length)}`);
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

/** The driver keeps the form of an existing collection, which its index shows. */
async function createHashed(on: Measured, name: string): Promise<void> {
  const { field, schema } = PREFIX_INDEXES.hashed;
  await request(on, `/collections/${name}`, { vectors: { size: DIMENSION, distance: 'Cosine' } });
  await request(on, `/collections/${name}/index?wait=true`, { field_name: field, field_schema: schema });
}

/** What Qdrant says of a part ("Monitor Collection Memory Usage" in its documentation). */
interface Usage {
  readonly disk_bytes: number;
  readonly ram_bytes: number;
  /** What should be in memory, too, not on disk alone. */
  readonly expected_cache_bytes: number;
}

interface MemoryReport {
  readonly vectors: readonly { readonly storage: Usage; readonly index: Usage; readonly quantized?: Usage }[];
  readonly payload: Usage;
  readonly payload_index: readonly { readonly name: string; readonly usage: Usage }[];
  readonly id_tracker: Usage;
}

/** Parts of a collection with their bytes per point, as text. */
async function bytesAPoint(on: Measured, collection: string, points: number): Promise<string> {
  const answer = await request(on, `/collections/${collection}/memory`);
  if (!answer.ok) return 'not told (before Qdrant 1.18)';
  const { result } = (await answer.json()) as { result: MemoryReport };
  const prefixed: readonly string[] = [PREFIX_INDEXES[on.variant.hashed ? 'hashed' : 'match'].field, ...WORD_FIELDS];
  const parts: Readonly<Record<string, readonly (Usage | undefined)[]>> = {
    vectors: result.vectors.map(({ storage }) => storage),
    'int8 copies': result.vectors.map(({ quantized }) => quantized),
    graph: result.vectors.map(({ index }) => index),
    payload: [result.payload],
    indexes: result.payload_index.map(({ usage }) => usage),
    'of them for prefixes': result.payload_index
      .filter(({ name }) => prefixed.includes(name))
      .map(({ usage }) => usage),
    ids: [result.id_tracker],
  };
  const each = (all: readonly (Usage | undefined)[], of: (usage: Usage) => number) =>
    Math.round(all.reduce((sum, usage) => sum + (usage === undefined ? 0 : of(usage)), 0) / points);
  return Object.entries(parts)
    .map(([part, all]) => {
      const disk = each(all, ({ disk_bytes }) => disk_bytes);
      return `${part} ${disk} and ${each(all, (usage) => usage.ram_bytes + usage.expected_cache_bytes)}`;
    })
    .join(', ');
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
  const payload = image({
    bucket: 'bench',
    key: `photos/${2000 + (i % 25)}-07 Brittany/IMG_${String(i).padStart(7, '0')}.jpg`,
    etag: i.toString(16).padStart(32, '0'),
    sha256: i.toString(16).padStart(64, '0'),
    bytes: 1_000_000 + i,
    width: 4000,
    height: 3000,
    takenAt: new Date(1_000_000_000_000 + i * 7_000_000).toISOString().slice(0, 19),
    camera: `Camera ${i % 20}`,
    colours: ['blue'],
    perceptualHash: i.toString(16).padStart(16, '0'),
    tags: i % 10 === 0 ? ['beach'] : [],
    indexedAt: new Date(1_700_000_000_000 + i).toISOString(),
    sequencer: i.toString(16),
  });
  return { id: uuid(i), vector, payload };
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

/** GET, or PUT with a body. */
function request({ url, key }: Measured, path: string, body?: object): Promise<Response> {
  const base = new URL(url);
  // As in the driver: 6333 if the URL has no port.
  if (base.port === '' && !/:\d+/.test(url.slice(8))) base.port = '6333';
  const address = `${base.origin}${base.pathname.replace(/\/$/, '')}${path}`;
  const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'api-key': key }) };
  return fetch(address, { method: body === undefined ? 'GET' : 'PUT', headers, body: body && JSON.stringify(body) });
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
