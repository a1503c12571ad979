// npm run bench -- vectors        node bench/vectors.ts [--million]
// The embedded vector store compared with sqlite-vec and a plain loop, 64 dimensions, 10 nearest: time, recall, and the
// cost of opening, filling and holding the store.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { load as loadSqliteVec } from 'sqlite-vec';
import type { Filter, Point, VectorStore } from '../core/ports.ts';
import type { JointEmbedding, Kind } from '../core/types.ts';
import { openEmbeddedStore } from '../core/vectors/sqlite/store.ts';
import { caption, image, uuid } from '../test/contract/vectors-data.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { median, printRows, randomUnit } from './support/measuring.ts';

const DIMENSION = 64;
const K = 10;
const ROUNDS = 25;
const BATCH = 1000;

interface Vectors {
  readonly count: number;
  readonly matrix: Float32Array;
}

const kindOf = (i: number): Kind => (i % 5 === 0 ? 'caption' : 'image');

export async function run(sizes: readonly number[] = [10_000, 100_000]): Promise<void> {
  for (const count of sizes) await compare(randomVectors(count));
}

async function compare(vectors: Vectors): Promise<void> {
  const folder = tempFolder();
  const file = join(folder, 'index.sqlite');
  const filled = await fill(file, vectors);
  const opened = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), '--open', file], {
    encoding: 'utf8',
  });
  const other = openSqliteVec(join(folder, 'vec.sqlite'), vectors);
  const store = await open(file);
  printRows(`${vectors.count.toLocaleString('en')} vectors, ${K} nearest`, await queries(store, other, vectors));
  printRows(`${vectors.count.toLocaleString('en')} vectors, the rest of it`, [
    ...filled,
    ...(JSON.parse(opened) as string[][]),
    ...(await others(store)),
  ]);
  await store.close();
  other.close();
}

/** Medians and fastest runs in ms, each relative to the store, and recall. */
async function queries(store: VectorStore, other: DatabaseSync, vectors: Vectors): Promise<string[][]> {
  const rows: string[][] = [];
  for (const kind of [undefined, 'image'] as const) {
    const filter: Filter = kind === undefined ? {} : { kind };
    const statement = other.prepare(
      `SELECT rowid AS row FROM v WHERE embedding MATCH ? AND k = ${K} ` +
        `${kind === undefined ? '' : `AND kind = '${kind}'`}`,
    );
    const contenders = {
      'embedded store': async (q: JointEmbedding) =>
        (await store.query({ vector: q, filter, limit: K })).items.map(({ id }) => id),
      'sqlite-vec': async (q: JointEmbedding) =>
        statement.all(new Uint8Array(q.buffer)).map(({ row }) => uuid(Number(row))),
      'plain loop': async (q: JointEmbedding) => nearest(vectors, q, kind).map(uuid),
    };
    const { times, recalls } = await measure(contenders, (q) => nearest(vectors, q, kind).map(uuid));
    for (const [name, taken] of Object.entries(times)) {
      const own = times['embedded store']!;
      // The fastest run is shown as well, because other load distorts it least.
      const [typical, best] = [median(taken) / median(own), Math.min(...taken) / Math.min(...own)];
      rows.push([
        `${name}${kind === undefined ? '' : `, kind = ${kind}`}`,
        `${median(taken).toFixed(2)} ms`,
        `${typical.toFixed(2)}x; fastest ${Math.min(...taken).toFixed(2)} ms, ${best.toFixed(2)}x; ` +
          `recall ${recalls[name]!.toFixed(3)}`,
      ]);
    }
  }
  return rows;
}

/** Runs the contenders in turn on the same queries, so that a slow spell of the machine affects all of them. */
async function measure(
  contenders: Readonly<Record<string, (query: JointEmbedding) => Promise<string[]>>>,
  truth: (query: JointEmbedding) => string[],
): Promise<{ times: Record<string, number[]>; recalls: Record<string, number> }> {
  const names = Object.keys(contenders);
  const times: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const found: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  for (let round = 0; round <= ROUNDS; round++) {
    const query = randomUnit(DIMENSION);
    const expected = new Set(truth(query));
    for (const [name, ask] of Object.entries(contenders)) {
      const start = performance.now();
      const ids = await ask(query);
      // The first round is a warm-up.
      if (round > 0) times[name]!.push(performance.now() - start);
      found[name]! += ids.filter((id) => expected.has(id)).length;
    }
  }
  const recalls = Object.fromEntries(names.map((name) => [name, found[name]! / (K * (ROUNDS + 1))]));
  return { times, recalls };
}

/** The plain loop: one pass over the matrix with a sorted list of the best so far. */
function nearest({ count, matrix }: Vectors, query: Float32Array, kind?: Kind): number[] {
  const best: number[] = [];
  const scores: number[] = [];
  for (let i = 0; i < count; i++) {
    if (kind !== undefined && kindOf(i) !== kind) continue;
    let score = 0;
    for (let j = 0, at = i * DIMENSION; j < DIMENSION; j++) score += matrix[at + j]! * query[j]!;
    if (best.length === K && score <= scores[K - 1]!) continue;
    let place = best.length;
    while (place > 0 && scores[place - 1]! < score) place--;
    best.splice(place, 0, i);
    scores.splice(place, 0, score);
    if (best.length > K) {
      best.pop();
      scores.pop();
    }
  }
  return best;
}

async function fill(file: string, { count, matrix }: Vectors): Promise<string[][]> {
  const store = await open(file);
  let taken = 0;
  for (let first = 0; first < count; first += BATCH) {
    const points = Array.from({ length: BATCH }, (_, i) => pointOf(first + i, matrix));
    const start = performance.now();
    await store.upsert(points, 'newer');
    taken += performance.now() - start;
  }
  await store.close();
  return [
    ['upsert, batches of 1,000', `${((count / taken) * 1000).toFixed(0)} /s`, ''],
    ['file', megabytes(statSync(file).size), ''],
  ];
}

function pointOf(i: number, matrix: Float32Array): Point {
  const shared = { sequencer: '0055AED6DCD90281E5', indexedAt: new Date(1.7e12 + i).toISOString() };
  return {
    id: uuid(i),
    vector: matrix.slice(i * DIMENSION, (i + 1) * DIMENSION) as JointEmbedding,
    payload:
      kindOf(i) === 'caption'
        ? caption({ ...shared, caption: `two dogs run along beach number ${i}` })
        : image({
            ...shared,
            key: `holiday/2024/img_${i}.jpg`,
            sha256: Math.floor((i * 2654435761) % 2 ** 32)
              .toString(16)
              .padStart(64, '0'),
            bytes: 100_000 + i,
            height: 360 + (i % 400),
            tags: i % 3 === 0 ? ['holiday', `tag ${i % 100}`] : [],
          }),
  };
}

/** Other operations on the store at this size. */
async function others(store: VectorStore): Promise<string[][]> {
  const filter: Filter = { minBytes: 100_000 };
  const timed = async (name: string, rounds: number, work: (round: number) => Promise<unknown>): Promise<string[]> => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await work(round);
      times.push(performance.now() - start);
    }
    return [name, `${median(times).toFixed(2)} ms`, ''];
  };
  const query = (filter: Filter, limit: number) => store.query({ vector: randomUnit(DIMENSION), filter, limit });
  return [
    await timed('query, filter not seen before (all images by size)', 3, (i) => query({ minBytes: 100_000 - i }, K)),
    await timed('query, the same filter again', ROUNDS, () => query(filter, K)),
    await timed('query, one tag in a hundred, not seen before', 3, (i) => query({ tagsAny: [`tag ${i}`] }, K)),
    await timed('query, page of 1,000', 5, () => query({}, 1000)),
    await timed('list newest, page of 100', ROUNDS, () => store.list({ filter: {}, limit: 100, order: 'newest' })),
    await timed('all copies of one file', ROUNDS, (i) =>
      store.list({ filter: { kind: 'image', sha256: i.toString(16).padStart(64, '0') }, limit: 1, order: 'id' }),
    ),
  ];
}

function openSqliteVec(file: string, { count, matrix }: Vectors): DatabaseSync {
  const db = new DatabaseSync(file, { allowExtension: true });
  loadSqliteVec(db);
  db.exec(
    `PRAGMA journal_mode = WAL; BEGIN; CREATE VIRTUAL TABLE v USING vec0 (embedding float[${DIMENSION}], kind text)`,
  );
  const insert = db.prepare('INSERT INTO v (rowid, embedding, kind) VALUES (?, ?, ?)');
  for (let i = 0; i < count; i++) {
    const row = matrix.subarray(i * DIMENSION, (i + 1) * DIMENSION);
    insert.run(BigInt(i), new Uint8Array(row.buffer, row.byteOffset, row.byteLength), kindOf(i));
  }
  db.exec('COMMIT');
  return db;
}

/** In a separate process, to measure the store's memory alone. */
async function reportOpening(file: string): Promise<void> {
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const store = await open(file);
  const taken = performance.now() - start;
  const opened = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) await store.query({ vector: randomUnit(DIMENSION), filter: {}, limit: K });
  const used = process.memoryUsage().rss;
  const needed = (await store.count({})) * DIMENSION * 4;
  await store.close();
  const rows = [
    ['open and load', `${taken.toFixed(0)} ms`, ''],
    ['memory added by opening', megabytes(opened - before), `vectors alone ${megabytes(needed)}`],
    ['memory of that process after 20 queries', megabytes(used), `${megabytes(before)} before opening`],
  ];
  console.log(JSON.stringify(rows));
}

function open(file: string): Promise<VectorStore> {
  return openEmbeddedStore({ file, space: 'bench', dimension: DIMENSION });
}

function randomVectors(count: number): Vectors {
  const matrix = new Float32Array(count * DIMENSION);
  for (let i = 0; i < count; i++) matrix.set(randomUnit(DIMENSION), i * DIMENSION);
  return { count, matrix };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

if (import.meta.main) {
  const [flag, file] = process.argv.slice(2);
  if (flag === '--open' && file !== undefined) await reportOpening(file);
  else await run(flag === '--million' ? [10_000, 100_000, 1_000_000] : undefined);
}
