import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Requests in the first burst: each starts its own instance if none is running. */
const BURST = 10;
const QUERIES = 50;
const PICTURES = 10;
const photo = fileURLToPath(new URL('../../examples/photos/cat.jpg', import.meta.url));

/**
 * Response times of a deployed function from here; network time is reported separately. A new instance starts cold,
 * which is not visible from outside, so the slowest responses of a first burst are taken as cold starts. Leave the
 * function idle for half an hour before.
 */
export async function measureDeployed(url: string, key: string | undefined): Promise<void> {
  const base = url.replace(/\/+$/, '');
  const headers = { ...(key === undefined ? {} : { 'x-api-key': key }), 'content-type': 'application/json' };
  const ask = async (path: string, body?: object): Promise<number> => {
    const begin = performance.now();
    const method = body === undefined ? 'GET' : 'POST';
    const answer = await fetch(`${base}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`expected ${base}${path} to answer, got ${answer.status}: ${text.slice(0, 300)}`);
    return performance.now() - begin;
  };
  const words = (i: number) => ask(`/search?q=${encodeURIComponent(`picture ${i} of a dog on the beach`)}&limit=20`);
  const image = (await readFile(photo)).toString('base64');
  const picture = () => ask('/search', { terms: [{ image }], limit: 20 });
  const repeat = async (times: number, work: (i: number) => Promise<number>): Promise<number[]> => {
    const taken: number[] = [];
    for (let i = 0; i < times; i++) taken.push(await work(i));
    return taken.sort((a, b) => a - b);
  };

  const burst = (await Promise.all(Array.from({ length: BURST }, (_, i) => words(i)))).sort((a, b) => a - b);
  const firstPicture = await picture();
  const rows: [string, number[]][] = [
    [`words, ${BURST} at once, first of all (slowest: cold)`, burst],
    ['picture, the first one (loads the image model)', [firstPicture]],
    ['words, one after the other', await repeat(QUERIES, (i) => words(BURST + i))],
    ['picture, one after the other', await repeat(PICTURES, picture)],
    ['nothing (GET /health): the network and Lambda itself', await repeat(QUERIES, () => ask('/health'))],
  ];
  console.log(`${base}, ms`);
  console.log(`${' '.repeat(54)}${['least', 'median', 'most'].map((name) => name.padStart(8)).join('')}`);
  for (const [name, all] of rows) {
    const cells = [all[0]!, all[Math.floor(all.length / 2)]!, all.at(-1)!].map((ms) => ms.toFixed(0).padStart(8));
    console.log(`${name.padEnd(54)}${cells.join('')}`);
  }
}
