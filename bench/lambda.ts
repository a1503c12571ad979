// npm run bench -- lambda [--url URL [--key KEY]]
// The built Lambda functions: cold start on one core, overhead of the handler on a search, memory while indexing. With
// --url, a deployed function: cold and warm, by text and by picture.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SQSBatchResponse } from 'aws-lambda';
import sharp from 'sharp';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { search } from '../core/search/search.ts';
import { openEmbeddedStore } from '../core/vectors/sqlite/store.ts';
import { type Cloud, startCloud } from '../test/functions/lambda/cloud.ts';
import { httpEvent, message, s3Body } from '../test/functions/lambda/events.ts';
import { buildFunctions, type LambdaFunction, startFunction } from '../test/functions/lambda/function.ts';
import type { Streamed } from '../test/functions/lambda/response-stream.ts';
import { measureDeployed } from './lambda/deployed.ts';
import type { BenchOptions } from './run.ts';
import { median } from './support/measuring.ts';

const samples = fileURLToPath(new URL('../examples/photos', import.meta.url));
const models = fileURLToPath(new URL('../models', import.meta.url));
const STARTS = 5;
/** Runs before anything is timed: code that has run only once is not warm. */
const UNTIMED = 100;
const QUERIES = 300;
const PICTURES = 500;

export async function run({ url, key }: BenchOptions = {}): Promise<void> {
  if (url !== undefined) return measureDeployed(url, key);
  const build = await buildFunctions();
  const cloud = await startCloud();
  const started: LambdaFunction[] = [];
  try {
    const start = async (name: 'api' | 'ingest', core?: number) => {
      const env = { ...cloud.env, LOG_LEVEL: 'error' };
      const fn = await startFunction(join(build.out, name), `functions/${name}.handler`, env, { core });
      started.push(fn);
      return fn;
    };
    await cloud.pictures.put('first.jpg', await readFile(join(samples, 'cat.jpg')));
    await coldStarts(cloud, start);
    await queryOverhead(cloud, await start('api'));
    const ingest = await start('ingest', 0);
    await pictureOverhead(cloud, ingest);
    await memory(cloud, ingest);
  } finally {
    for (const fn of started) await fn.kill();
    await cloud.stop();
    await build.remove();
  }
}

const query = (text: string) => httpEvent({ url: `/search?q=${encodeURIComponent(text)}&limit=20` });

/** From nothing to the first response: process, code, models, stores, request. */
async function coldStarts(
  cloud: Cloud,
  start: (name: 'api' | 'ingest', core: number) => Promise<LambdaFunction>,
): Promise<void> {
  const [texts, pictures]: [number[], number[]] = [[], []];
  const processor: Record<'text' | 'picture' | 'german', number[]> = { text: [], picture: [], german: [] };
  const loaded: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const api = await start('api', 0);
    const text = await api.invoke<Streamed>(query('a dog on the beach'));
    if (text.result.statusCode !== 200) throw new Error(`expected an answer, got ${text.result.statusCode}`);
    texts.push(api.startMs + text.ms);
    processor.text.push(await processorMs(api.pid));
    const german = await api.invoke<Streamed>(query('ein Hund läuft am Strand'));
    processor.german.push((await processorMs(api.pid)) - processor.text.at(-1)!);
    loaded.push((german.rss - text.rss) / 1e6);
    await api.kill();
    const ingest = await start('ingest', 0);
    const key = `${i}.jpg`;
    await cloud.pictures.put(key, commented(await readFile(join(samples, 'cat.jpg')), key));
    const records = { Records: [message(s3Body({ key, sequencer: '01' }))] };
    pictures.push(ingest.startMs + (await ingest.invoke<SQSBatchResponse>(records)).ms);
    processor.picture.push(await processorMs(ingest.pid));
    await ingest.kill();
  }
  console.log(`cold start on one core, ${STARTS} times, ms (wanted < 1500)`);
  console.log(`  text to its answer     median ${median(texts).toFixed(0)}, most ${Math.max(...texts).toFixed(0)}`);
  console.log(
    `  picture to the index   median ${median(pictures).toFixed(0)}, most ${Math.max(...pictures).toFixed(0)}`,
  );
  const { text, picture, german } = processor;
  console.log(`  of the processor's time, least: text ${Math.min(...text)}, picture ${Math.min(...picture)}`);
  console.log(`  then a first German query: processor ${median(german)}, memory ${median(loaded).toFixed(0)} MB`);
}

/** CPU time of a process so far, independent of other load. Linux only; in steps of 10 ms. */
async function processorMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** The same queries through the function and through the search inside it, alternately. */
async function queryOverhead(cloud: Cloud, api: LambdaFunction): Promise<void> {
  const embedder = await loadEmbedder({ modelDirs: [models], profile: 'compact' });
  const file = join(cloud.env.SIGHTLINE_DATA!, 'index.sqlite');
  const vectors = await openEmbeddedStore({ file, space: embedder.space, dimension: embedder.dimension });
  const [whole, core]: [number[], number[]] = [[], []];
  for (let i = 0; i < UNTIMED + QUERIES; i++) {
    const text = `picture number ${i} of a dog on the beach`;
    const { ms } = await api.invoke<Streamed>(query(text));
    const begin = performance.now();
    await search({ embedder, vectors }, { terms: [{ text, weight: 1 }], filter: {}, limit: 20 });
    if (i < UNTIMED) continue;
    core.push(performance.now() - begin);
    whole.push(ms);
  }
  await vectors.close();
  await embedder.close();
  await api.kill();
  // Differences within pairs, because other load affects both alike.
  const added = median(whole.map((ms, i) => ms - core[i]!));
  console.log(
    `one warm query, median of ${QUERIES}, ms: handler ${median(whole).toFixed(2)}, search ` +
      `${median(core).toFixed(2)}, added ${added.toFixed(2)} (wanted <= 2)`,
  );
}

/** Overhead per message, as timed by the function itself: its batch, log lines, metrics and trace. */
async function pictureOverhead(cloud: Cloud, ingest: LambdaFunction): Promise<void> {
  const photo = await readFile(join(samples, 'cat.jpg'));
  const [whole, added]: [number[], number[]] = [[], []];
  for (let i = 0; i < UNTIMED + QUERIES; i++) {
    const key = `overhead/${i}.jpg`;
    await cloud.pictures.put(key, commented(photo, key));
    const printed = ingest.log().length;
    const { ms } = await ingest.invoke({ Records: [message(s3Body({ key, sequencer: '01' }))] });
    const timed = () => /"IndexTime":([\d.]+)/.exec(ingest.log().slice(printed))?.[1];
    // Its log arrives through a different channel than its response.
    while (timed() === undefined) await setImmediate();
    if (i < UNTIMED) continue;
    whole.push(ms);
    added.push(ms - Number(timed()));
  }
  console.log(
    `one warm picture, median of ${QUERIES}, ms: handler ${median(whole).toFixed(2)}, added ` +
      `${median(added).toFixed(2)} (wanted <= 2)`,
  );
}

/** Peak memory of the process while it indexes pictures of 0.05 to 12 megapixels. */
async function memory(cloud: Cloud, ingest: LambdaFunction): Promise<void> {
  const names = (await readdir(samples)).filter((name) => name.endsWith('.jpg'));
  const files = await Promise.all(names.map((name) => readFile(join(samples, name))));
  const variant = createVariants(files);
  let [peak, busyMs] = [0, 0];
  for (let i = 0; i < PICTURES; i += 10) {
    const keys = Array.from({ length: 10 }, (_, j) => `memory/${i + j}.jpg`);
    for (const [j, key] of keys.entries()) await cloud.pictures.put(key, await variant(i + j));
    const Records = keys.map((key) => message(s3Body({ key, sequencer: '01' })));
    const { result, rss, ms } = await ingest.invoke<SQSBatchResponse>({ Records });
    if (result.batchItemFailures.length > 0) throw new Error(`expected all to be indexed\n${ingest.log()}`);
    peak = Math.max(peak, rss);
    busyMs += ms;
  }
  const picturesASecond = (PICTURES / busyMs) * 1000;
  console.log(
    `memory over ${PICTURES} pictures of up to 12 megapixels: ${(peak / 1e6).toFixed(0)} MB at most (wanted <= 600); ` +
      `${picturesASecond.toFixed(1)} pictures a second on one core`,
  );
  await ingest.kill();
}

const SIZES: readonly [number, number][] = [
  [250, 200],
  [500, 375],
  [1024, 768],
  [1600, 1200],
  [4000, 3000],
];

/** Creates pictures of several sizes and formats, all different. */
function createVariants(photos: readonly Uint8Array[]): (i: number) => Promise<Uint8Array> {
  const made = new Map<string, Promise<Buffer>>();
  return async (i) => {
    const [width, height] = SIZES[i % SIZES.length]!;
    const resized = (photo: Uint8Array) => sharp(photo).resize(width, height, { fit: 'fill' });
    const photo = photos[i % photos.length]!;
    if (i % 7 === 3 && width < 2000)
      return resized(photo)
        .tint({ r: i % 256, g: 80, b: 80 })
        .png()
        .toBuffer();
    if (i % 7 === 5 && width < 2000)
      return resized(photo)
        .tint({ r: i % 256, g: 80, b: 80 })
        .webp()
        .toBuffer();
    const which = `${i % SIZES.length} ${i % 4}`;
    let jpeg = made.get(which);
    if (jpeg === undefined) {
      jpeg = resized(photos[i % 4]!)
        .jpeg({ quality: 80, progressive: i % 4 === 3 })
        .toBuffer();
      made.set(which, jpeg);
    }
    return commented(await jpeg, String(i));
  };
}

/** The same JPEG with a comment segment (ITU T.81, B.2.4.5): different bytes, same pixels. */
export function commented(jpeg: Uint8Array, comment: string): Uint8Array {
  const text = Buffer.from(comment);
  const segment = Buffer.from([0xff, 0xfe, 0, text.length + 2, ...text]);
  return Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]);
}
