// npm run bench -- name-search        node bench/name-search.ts
// Name search combined with search by meaning in the embedded store: 100,000 pictures in 300 folders, pages of 20,
// compared with meaning alone; a colour filter, and spelling suggestions for words that match no name.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Point, VectorQuery, VectorStore } from '../core/ports.ts';
import { queryWords } from '../core/search/lexical-terms.ts';
import { askedNames, searchNames } from '../core/search/rank-fusion.ts';
import { respelled } from '../core/search/spelling.ts';
import { openEmbeddedStore } from '../core/vectors/sqlite/store.ts';
import { image, uuid } from '../test/contract/vectors-data.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { median, randomUnit } from './support/measuring.ts';

const COUNT = 100_000;
const ROUNDS = 40;
const PLACES = ['Rome', 'Küche', 'beach', 'Garten', 'Anna'];

/** Search words, and how many pictures they match. */
const QUERIES = [
  ['dog on the snow', 'no such name'],
  ['beach', 'a folder name in a fifth'],
  ['dog on the beach', 'one word of two'],
  ['IMG_0504', 'one file'],
  ['504', 'one file and beginnings'],
  ['2019', 'folders of 4,000'],
  ['kuch', 'the beginning of a fifth'],
  ['jpg', 'all'],
] as const;
const PLAIN = new Set(['dog', 'snow', 'beach', 'jpg']);

export async function run(): Promise<void> {
  const folder = tempFolder();
  const file = join(folder, 'index.sqlite');
  const store = await openEmbeddedStore({ file, space: 'bench', dimension: 64 });
  const start = performance.now();
  for (let i = 0; i < COUNT; i += 1000) {
    await store.upsert(
      Array.from({ length: 1000 }, (_, j) => pointOf(i + j)),
      'newer',
    );
  }
  const perSecond = (COUNT / (performance.now() - start)) * 1000;
  console.log(`filled at ${perSecond.toFixed(0)} /s, ${(statSync(file).size / 1e6).toFixed(0)} MB`);
  for (const [text, what] of QUERIES) {
    const asked = await askedNames(queryWords([text]), { hasWord: async (word) => PLAIN.has(word) });
    const times: Record<'alone' | 'fused', number[]> = { alone: [], fused: [] };
    for (let round = 0; round < ROUNDS; round++) {
      const query: VectorQuery = { vector: randomUnit(64), filter: { kind: 'image' }, limit: 20 };
      const t0 = performance.now();
      await store.query(query);
      const t1 = performance.now();
      await searchNames(store, query, asked);
      times.alone.push(t1 - t0);
      times.fused.push(performance.now() - t1);
    }
    const [alone, fused] = [median(times.alone), median(times.fused)];
    console.log(
      `${text.padEnd(18)} ${what.padEnd(26)} ${alone.toFixed(2)} ms alone, ${fused.toFixed(2)} ms fused, ` +
        `${(fused / alone).toFixed(2)}x; the first time ${times.fused[0]!.toFixed(2)} ms`,
    );
  }
  await colours(store);
  await spelling(store);
  await store.close();
}

async function colours(store: VectorStore): Promise<void> {
  for (const colour of ['monochrome', 'red']) {
    const times = await timesOf(() =>
      store.query({ vector: randomUnit(64), filter: { colours: [colour] }, limit: 20 }),
    );
    console.log(`colours ${colour}: ${median(times).toFixed(2)} ms`);
  }
}

/** None of them is in a vocabulary. */
const MISSPELT = ['gadren', 'kuhce', 'imgae', 'jgpp', 'zqxvwk'];

async function spelling(vectors: VectorStore): Promise<void> {
  const embedder = {
    hasWord: async () => false,
    captionWords: async () => [],
    wordRanks: async (words: readonly string[]) => words.map(() => null),
  };
  const read = { language: 'en', preferred: [] };
  for (const text of MISSPELT) {
    const times = await timesOf(() => respelled({ embedder, vectors }, text, read));
    console.log(
      `did you mean: ${text}, ${await respelled({ embedder, vectors }, text, read)}: ${median(times).toFixed(2)} ms`,
    );
  }
}

async function timesOf(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

function pointOf(i: number): Point {
  const place = i % 300;
  const number = String(i % 10_000).padStart(4, '0');
  return {
    id: uuid(i),
    vector: randomUnit(64),
    payload: image({
      key: `${2000 + (i % 25)}/${PLACES[place % PLACES.length]} ${place}/IMG_${number}-${Math.floor(i / 10_000)}.jpg`,
      sha256: i.toString(16).padStart(64, '0'),
      bytes: 100_000 + i,
      colours: i % 20 === 0 ? ['black', 'white', 'monochrome'] : i % 7 === 0 ? ['red', 'blue'] : ['grey'],
      camera: i % 2 === 0 ? 'Canon EOS 5D' : 'Apple iPhone 12',
      tags: i % 50 === 0 ? ['holiday', 'to do'] : [],
      indexedAt: new Date(1.7e12 + i).toISOString(),
      sequencer: '0055AED6DCD90281E5',
    }),
  };
}

if (import.meta.main) await run();
