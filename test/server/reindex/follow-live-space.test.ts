import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../../core/encode/head-file.ts';
import type { Spaces } from '../../../core/ports.ts';
import { openQdrantSpaces } from '../../../core/vectors/qdrant/spaces.ts';
import { openEmbeddedSpaces } from '../../../core/vectors/sqlite/spaces.ts';
import { MODELS, writeHead } from '../../core/encode/fixtures.ts';
import { startFakeQdrant } from '../../support/fake-qdrant.ts';
import { eventually, killWhen, type RunningServer, runScript, startServer } from '../../support/start-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Models change while a real server answers queries and takes uploads, and the processes involved are killed. */

const samples = fileURLToPath(new URL('../../../examples/photos', import.meta.url));
const DEADLINE = 120_000;
/** Half of them: enough to kill a build halfway, and some start with `c`. */
const PHOTOS = readdirSync(samples)
  .filter((name) => name.endsWith('.jpg'))
  .slice(0, 12);
/** A photo with extra bytes at the end is a different file of the same picture. */
const photo = readFileSync(join(samples, 'cat.jpg'));
const variant = (name: string) => Buffer.concat([photo, Buffer.from(name)]);

const heads = tempFolder();
let otherHead: string;
const space = { old: '', new: '' };

before(async () => {
  const encoders = await loadEncoders({ modelDirs: [MODELS], profile: 'compact' });
  otherHead = writeHead(join(heads, 'head'), encoders, { inputs: ['features'] });
  await encoders.close();
  space.old = (await loadHeadFile(join(MODELS, 'head-compact'))).space;
  space.new = (await loadHeadFile(otherHead)).space;
});

/** What a client observed under load. */
interface Seen {
  /** Space of each answered query, in order of their start. */
  readonly spaces: string[];
  readonly failed: string[];
  readonly uploaded: Map<string, string>;
  readonly deleted: string[];
  readonly tagged: Map<string, string>;
  readonly captions: string[];
}

/** Runs some work while clients search, upload, tag, delete and write captions, each sequentially. */
async function underLoad(url: string, work: (soFar: Seen) => Promise<void>): Promise<Seen> {
  const seen: Seen = { spaces: [], failed: [], uploaded: new Map(), deleted: [], tagged: new Map(), captions: [] };
  let running = true;
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}${path}`, init).catch((error: unknown) => String(error));
    if (typeof response === 'string' || !response.ok) {
      const said = typeof response === 'string' ? response : `${response.status} ${await response.text()}`;
      seen.failed.push(`${init?.method ?? 'GET'} ${path}: ${said}`);
      return null;
    }
    return response;
  };
  const json = (method: string, body: unknown): RequestInit => ({
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const search = async () => {
    for (let i = 0; running; i++) {
      // Paced like users: a loop without pauses would only starve everything else.
      await sleep(100);
      const response = await ask(`/search?q=picture+number+${i}&limit=3&kind=any`);
      if (response === null) continue;
      const { space: named, items } = (await response.json()) as { space: string; items: unknown[] };
      if (named !== response.headers.get('sightline-space')) seen.failed.push(`the header does not say ${named}`);
      if (items.length !== 3) seen.failed.push(`${items.length} hits`);
      seen.spaces.push(named);
    }
  };
  const write = async () => {
    for (let i = 0; running; i++) {
      await sleep(400);
      const key = `load/${Date.now()}-${i}.jpg`;
      const init = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: variant(key) };
      const answer = await ask(`/images?key=${encodeURIComponent(key)}`, init);
      if (answer === null) continue;
      const { id } = (await answer.json()) as { id: string };
      if (i % 3 === 0 && (await ask(`/images/${id}`, { method: 'DELETE' })) !== null) seen.deleted.push(id);
      else seen.uploaded.set(id, key);
      // Only a picture without an event in progress: that event would restore the tags it has already read.
      const tagged = tagable[i % tagable.length]!;
      if ((await ask(`/images/${tagged}`, json('PATCH', { tags: [key] }))) !== null) seen.tagged.set(tagged, key);
      const text = `caption number ${key}`;
      if ((await ask('/captions', json('POST', { text }))) !== null) seen.captions.push(text);
    }
  };
  const list = await fetch(`${url}/images?limit=20&keyPrefix=c`);
  const tagable = ((await list.json()) as { items: { id: string }[] }).items.map(({ id }) => id);
  const all = Promise.all([search(), write()]);
  try {
    await eventually('the first answers', DEADLINE, async () => (seen.spaces.length > 5 ? true : null));
    await work(seen);
    const enough = seen.captions.length + 1;
    await eventually('answers afterwards', DEADLINE, async () => (seen.captions.length > enough ? true : null));
  } finally {
    running = false;
    await all;
  }
  return seen;
}

/** On a slow machine the server may close a long idle connection just when it is reused. */
const get = (url: string): Promise<Response> => fetch(url).catch(() => fetch(url));

/** Everything acknowledged is in the live space, and everything deleted is gone. */
async function assertNothingLost(url: string, seen: Seen): Promise<void> {
  for (const [id, key] of seen.uploaded) {
    const response = await get(`${url}/images/${id}`);
    assert.equal(response.status, 200, `${key} was uploaded and is missing`);
  }
  for (const [id, tag] of seen.tagged) {
    const { tags } = (await (await get(`${url}/images/${id}`)).json()) as { tags: string[] };
    assert.deepEqual(tags, [tag]);
  }
  for (const id of seen.deleted) assert.equal((await get(`${url}/images/${id}`)).status, 404);
  for (const text of seen.captions) {
    const found = await get(`${url}/search?kind=caption&limit=1&q=${encodeURIComponent(text)}`);
    const [hit] = ((await found.json()) as { items: { caption: string; score: number }[] }).items;
    assert.equal(hit?.caption, text);
    assert.ok(hit.score > 0.999, `a caption has a vector of other models: ${hit.score}`);
  }
}

/**
 * Spaces of the answers: first only the old one, then only the new one. Overlapping answers may end in either order.
 */
function assertOneSwitch(spaces: readonly string[], from: string, to: string): void {
  const first = spaces.indexOf(to);
  const last = spaces.lastIndexOf(from);
  assert.ok(
    first > 0 && last - first <= 2,
    `${spaces.length} answers, the new space from ${first}, the old one to ${last}`,
  );
  assert.deepEqual([...new Set(spaces)].sort(), [from, to].sort());
}

interface Store {
  readonly flags: readonly string[];
  openSpaces(data: string): Promise<Spaces>;
  stop(): Promise<void>;
}

function swapUnderLoad(name: string, openStore: () => Promise<Store>): void {
  describe(`another head under load, ${name}`, () => {
    const data = tempFolder();
    let store: Store;
    let server: RunningServer;
    const args = () => ['--data', data, ...store.flags];
    const isServing = (wanted: string) =>
      eventually(`the server to answer from ${wanted}`, DEADLINE, async () => {
        const response = await fetch(`${server.url}/ready`);
        return ((await response.json()) as { space: string }).space === wanted ? true : null;
      });

    before(async () => {
      for (const name of PHOTOS) cpSync(join(samples, name), join(data, 'photos', name));
      store = await openStore();
      server = await startServer(args());
      const pictures = readdirSync(join(data, 'photos')).length;
      await eventually('the sample photos', DEADLINE, async () => {
        const status = await server.get<{ pictures: number }>('/status');
        return status.pictures === pictures ? true : null;
      });
    });
    after(async () => {
      await server.stop();
      await store.stop();
    });

    it('fails no query, loses no upload, can be killed and called again, and goes back', async () => {
      const embedded = await server.send('POST', '/embed', { texts: ['a cat'] });
      const { texts } = (await embedded.json()) as { texts: number[][] };
      const page = await server.get<{ next: string }>('/search?q=cat&limit=2');

      const seen = await underLoad(server.url, async (soFar) => {
        const filled = async () => {
          const spaces = await store.openSpaces(data);
          const found = (await spaces.list()).find((one) => one.space === space.new);
          await spaces.close();
          return found?.points ?? 0;
        };
        const build = ['scripts/sightline.ts', 'reindex', '--head', otherHead, ...args()];
        await killWhen('the new space to be made', (printed) => printed.includes('Filling space'), build);
        await killWhen('it to be filled', async () => (await filled()) >= 8, [...build, '--rate', '8']);
        assert.ok((await filled()) >= 8);
        assert.equal(new Set(soFar.spaces).size, 1);
        const done = await runScript([...build, '--json']);
        assert.equal(done.code, 0, done.stderr);
        const report = JSON.parse(done.stdout) as {
          space: string;
          live: boolean;
          before: string;
          verification: Record<string, number>;
        };
        assert.deepEqual([report.space, report.live, report.before], [space.new, true, space.old]);
        assert.equal(report.verification.foundThemselves, report.verification.sampled);
        await isServing(space.new);
      });
      assert.deepEqual(seen.failed, []);
      assert.ok(seen.uploaded.size >= 3 && seen.captions.length >= 3);
      assertOneSwitch(seen.spaces, space.old, space.new);
      await assertNothingLost(server.url, seen);

      const model = await server.get<{ space: string }>('/model');
      assert.equal(model.space, space.new);
      const vector = await server.send('POST', '/search', { vector: texts[0], space: space.old });
      const cursor = await fetch(`${server.url}/search?q=cat&limit=2&cursor=${page.next}`);
      for (const answer of [vector, cursor]) {
        assert.equal(answer.status, 409);
        const { detail } = (await answer.json()) as { detail: string };
        assert.match(detail, new RegExp(`of space ${space.new}, got one of ${space.old}`));
      }

      // And back, again under load; nothing stored in between is lost.
      const later = await underLoad(server.url, async () => {
        const back = await runScript(['scripts/sightline.ts', 'spaces', 'use', space.old, '--json', ...args()]);
        assert.equal(back.code, 0, back.stderr);
        await isServing(space.old);
      });
      assert.deepEqual(later.failed, []);
      assertOneSwitch(later.spaces, space.new, space.old);
      for (const id of later.tagged.keys()) seen.tagged.delete(id);
      await assertNothingLost(server.url, seen);
      await assertNothingLost(server.url, later);
    });

    it('is what the next start serves, without being told', async () => {
      const done = await runScript(['scripts/sightline.ts', 'spaces', 'use', space.new, ...args()]);
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, new RegExp(`${space.new} is live`));
      await server.stop();
      server = await startServer(args());
      await isServing(space.new);
      const spaces = await store.openSpaces(data);
      assert.deepEqual(
        (await spaces.list()).map((one) => [one.space, one.live]),
        [space.old, space.new].sort().map((one) => [one, one === space.new]),
      );
      await spaces.close();
      const removed = await runScript(['scripts/sightline.ts', 'spaces', 'rm', space.old, ...args()]);
      assert.equal(removed.code, 0, removed.stderr);
      assert.equal((await fetch(`${server.url}/search?q=cat`)).headers.get('sightline-space'), space.new);
    });
  });
}

swapUnderLoad('in a SQLite file', async () => ({
  flags: [],
  openSpaces: (data) => openEmbeddedSpaces({ file: join(data, 'index.sqlite') }),
  stop: async () => {},
}));
swapUnderLoad('in Qdrant (a fake held to recorded answers)', async () => {
  const qdrant = await startFakeQdrant();
  return {
    flags: ['--qdrant', qdrant.url],
    openSpaces: () => openQdrantSpaces({ url: qdrant.url }),
    stop: () => qdrant.stop(),
  };
});
