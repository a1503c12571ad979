// npm run bench -- server
// The whole server as a user runs it: time from start to first response, a query over HTTP compared with its text
// embedding, indexing a folder compared with its parts, and memory over a thousand mixed requests.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { DEFAULT_LIMITS, loadEncoders } from '../core/encode/encoder-pair.ts';
import { loadImageModel } from '../core/encode/image-model.ts';
import { decodeImage } from '../core/picture/decode.ts';
import type { Point } from '../core/ports.ts';
import type { JointEmbedding } from '../core/types.ts';
import { normalise } from '../core/util/vector-arithmetic.ts';
import { openEmbeddedStore } from '../core/vectors/sqlite/store.ts';
import { image, uuid } from '../test/contract/vectors-data.ts';
import { eventually, type RunningServer, runScript, startServer } from '../test/support/start-server.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { median, round } from './support/measuring.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const modelDirs = [join(root, 'models')];
const photos = join(root, 'examples', 'photos');
const POINTS = 100_000;

export async function run(): Promise<void> {
  const data = tempFolder();
  await indexing(join(data, 'folder'));
  const { space, dimension, close } = await loadEmbedder({ modelDirs });
  await close();
  const first = await startServer(['--data', data], { SIGHTLINE_RATE_LIMIT: '0' });
  await mixedRequests(first);
  await first.stop();
  await fill(join(data, 'index.sqlite'), space, dimension);
  await starting(data);
  const server = await startServer(['--data', data], { SIGHTLINE_RATE_LIMIT: '0' });
  await querying(server);
  await browsing(server);
  await server.stop();
}

/** `npm run index` on copies of the samples, made unique by a trailing byte, compared with decoding and model alone. */
async function indexing(folder: string): Promise<void> {
  const names = readdirSync(photos).filter((name) => name.endsWith('.jpg'));
  const copies = 12;
  mkdirSync(join(folder, 'photos'), { recursive: true });
  for (let copy = 0; copy < copies; copy++) {
    for (const name of names) {
      writeFileSync(
        join(folder, 'photos', `${copy}-${name}`),
        Buffer.concat([readFileSync(join(photos, name)), Buffer.of(copy)]),
      );
    }
  }
  const pictures = names.length * copies;
  const files = names.map((name) => readFileSync(join(photos, name)));
  const encoders = await loadEncoders({ modelDirs });
  const { preprocessing } = encoders.image;
  const model = await loadImageModel(modelDirs, encoders.profile.image, { threads: 1 });
  const decodeMs = await twoAtATime(
    files,
    async (file) => void (await decodeImage(file, preprocessing, DEFAULT_LIMITS)),
  );
  const pixels = (await decodeImage(files[0]!, preprocessing, DEFAULT_LIMITS)).pixels;
  const modelMs = await twoAtATime(files, async () => void (await model.encode(pixels)));
  await model.close();
  await encoders.close();
  const { stdout } = await runScript([
    'scripts/sightline.ts',
    'index',
    join(folder, 'photos'),
    '--data',
    folder,
    '--json',
  ]);
  const { seconds, handled } = JSON.parse(stdout) as { seconds: number; handled: number };
  const wholeMs = (seconds * 1000) / handled;
  console.log(`\nindexing ${pictures} pictures, ms a picture, two at a time`);
  console.table({
    decode: { ms: round(decodeMs), ratio: '' },
    model: { ms: round(modelMs), ratio: '' },
    'npm run index, start included': { ms: round(wholeMs), ratio: round(wholeMs / Math.max(decodeMs, modelMs)) },
  });
}

async function twoAtATime(files: readonly Buffer[], work: (file: Buffer) => Promise<void>): Promise<number> {
  const rounds = 4;
  await work(files[0]!);
  const queue = Array.from({ length: rounds }, () => files).flat();
  const startedAt = performance.now();
  const lane = async () => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) await work(file);
  };
  await Promise.all([lane(), lane()]);
  return (performance.now() - startedAt) / (files.length * rounds);
}

export async function fill(file: string, space: string, dimension: number): Promise<void> {
  const store = await openEmbeddedStore({ file, space, dimension });
  const random = () => Math.random() - 0.5;
  for (let start = 0; start < POINTS; start += 5000) {
    const points = Array.from({ length: 5000 }, (_, i): Point => {
      const n = start + i;
      return {
        id: uuid(n),
        vector: normalise(Float32Array.from({ length: dimension }, random) as JointEmbedding),
        payload: image({
          bucket: 'made-up',
          key: `${n}.jpg`,
          sha256: n.toString(16).padStart(64, '0'),
          perceptualHash: hashOf(n),
          takenAt: new Date(1_100_000_000_000 + n * 5_000_000).toISOString().slice(0, -1),
          indexedAt: new Date(1_700_000_000_000 + n).toISOString(),
        }),
      };
    });
    await store.upsert(points, 'newer');
  }
  await store.close();
}

/** A hash of its own, except that every twentieth picture is a copy of the previous one. */
function hashOf(n: number): string {
  return createHash('md5')
    .update(String(n % 20 === 0 && n > 0 ? n - 1 : n))
    .digest('hex');
}

/** The requests of the pages Copies and By date, and searches by words and by picture; memory of the server. */
export async function browsing(server: RunningServer): Promise<void> {
  const note = (when: string) => {
    const { resident, peak } = memoryOf(server.process.pid!);
    console.log(`${when}: ${resident} MB resident, at most ${peak} (limit 400)`);
  };
  note('\nmemory with 100,000 pictures, before');
  const photo = join(photos, 'cat.jpg');
  for (let round = 1; round <= 4; round++) {
    for (const path of ['/stacks?limit=20', '/facets/month?limit=1000', '/images?sort=-taken&limit=200', '/tags'])
      await drain(`${server.url}${path}`);
    for (let i = 0; i < 25; i++) {
      await answerOf(server, `a query ${round} ${i}`);
      await searchByPicture(server, photo);
    }
    note(`after ${round} rounds of copies, months, lists and 50 searches`);
  }
}

async function starting(data: string): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startedAt = performance.now();
    const server = await startServer(['--data', data]);
    await answerOf(server, `a first query ${i}`);
    times.push(performance.now() - startedAt);
    await server.stop();
  }
  console.log(
    `\nstart to first text answer, ${POINTS} points in the index: median ${round(median(times))} ms of ${times.length}`,
  );
}

/**
 * Different words every time, so that nothing is cached. The embedding time comes from the server's own metrics after
 * each block of queries; blocks of embeddings in this process alternate with them.
 */
async function querying(server: RunningServer): Promise<void> {
  const embedder = await loadEmbedder({ modelDirs });
  const [whole, within, alone]: [number[], number[], number[]] = [[], [], []];
  const blocks = 12;
  const perBlock = 25;
  const words = (i: number) => `a ${['dog', 'cat', 'boat', 'tree', 'red car'][i % 5]} beside number ${i}`;
  for (let block = 0; block <= blocks; block++) {
    // The first block is a warm-up.
    const count = (into: number[], ms: number) => block > 0 && into.push(ms);
    const before = await embeddingMs(server);
    for (let i = block * perBlock; i < (block + 1) * perBlock; i++) {
      const startedAt = performance.now();
      await answered(searchUrl(server, words(i)));
      count(whole, performance.now() - startedAt);
    }
    count(within, ((await embeddingMs(server)) - before) / perBlock);
    for (let i = block * perBlock; i < (block + 1) * perBlock; i++) {
      const startedAt = performance.now();
      await embedder.embedTexts([words(i)]);
      count(alone, performance.now() - startedAt);
    }
  }
  await embedder.close();
  console.log(`\none query over HTTP, ${POINTS} points, p50 of ${whole.length}`);
  console.table({
    'text embedding alone, in another process': { ms: round(median(alone)) },
    [`text embedding within the query, means of ${perBlock}`]: { ms: round(median(within)) },
    'GET /search': { ms: round(median(whole)) },
    'without its embedding, wanted <= 3': { ms: round(median(whole) - median(within)) },
  });
}

/** The server's total time for embedding texts so far. */
async function embeddingMs(server: RunningServer): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const seconds = /^sightline_embedding_duration_seconds_sum\{kind="text"\} (\S+)$/m.exec(metrics)?.[1];
  return Number(seconds ?? 0) * 1000;
}

/** 1,000 requests of all kinds; resident memory before, halfway and at the end. */
async function mixedRequests(server: RunningServer): Promise<void> {
  await eventually('the samples to be indexed', 60_000, async () => {
    const { items } = (await (await fetch(`${server.url}/images?limit=100`)).json()) as { items: unknown[] };
    return items.length >= 23 ? true : null;
  });
  const copy = tempFolder();
  cpSync(photos, copy, { recursive: true });
  const names = readdirSync(copy).filter((name) => name.endsWith('.jpg'));
  const listed = (await (await fetch(`${server.url}/images?limit=20`)).json()) as {
    items: { id: string; bucket: string }[];
  };
  const ids = listed.items.filter(({ bucket }) => bucket !== 'made-up').map(({ id }) => id);
  const memory: Record<string, { 'resident MB': number }> = {};
  const note = (when: string) => {
    memory[when] = { 'resident MB': memoryOf(server.process.pid!).resident };
  };
  note('before');
  for (let i = 0; i < 1000; i++) {
    const name = names[i % names.length]!;
    const id = ids[i % Math.max(ids.length, 1)];
    if (i % 5 === 0) await answerOf(server, `mixed request ${i}`);
    else if (i % 5 === 1) await searchByPicture(server, join(copy, name));
    else if (i % 5 === 2 && id) await drain(`${server.url}/images/${id}/thumbnail?size=${64 + (i % 900)}`);
    else if (i % 5 === 3 && id) await drain(`${server.url}/images/${id}/similar`);
    else await drain(`${server.url}/images?limit=50`);
    if (i === 249 || i === 499) note(`after ${i + 1}`);
  }
  note('after 1000');
  console.log('\nmemory of the server over 1,000 mixed requests, 23 pictures in the index');
  console.table(memory);
}

async function answerOf(server: RunningServer, words: string): Promise<void> {
  await drain(searchUrl(server, words));
}

const searchUrl = (server: RunningServer, words: string) =>
  `${server.url}/search?q=${encodeURIComponent(words)}&limit=10`;

const agent = new Agent({ keepAlive: true });

/** One request over a persistent connection. Uses node:http, whose own overhead is 1 ms less than fetch's. */
async function answered(url: string): Promise<void> {
  const [response] = (await once(request(url, { agent }).end(), 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url}: expected an answer, got ${response.statusCode}`);
  await once(response.resume(), 'end');
}

async function drain(url: string): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: expected an answer, got ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

async function searchByPicture(server: RunningServer, file: string): Promise<void> {
  const form = new FormData();
  form.append('image', new Blob([readFileSync(file)]), 'photo.jpg');
  const response = await fetch(`${server.url}/search`, { method: 'POST', body: form });
  if (!response.ok) throw new Error(`expected an answer, got ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

/** Current and peak memory of a process in megabytes. Linux only; elsewhere NaN. */
function memoryOf(pid: number): { resident: number; peak: number } {
  const status = existsSync('/proc/self/status') ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  const megabytes = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return { resident: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

if (import.meta.main) await run();
