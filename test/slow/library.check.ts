import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type RunningServer, startServer } from '../support/start-server.ts';
import { type Library, makePhotoLibrary } from './photo-library.ts';

/**
 * `FILES=N npm run test:library`: a library of N files (20,000 by default) is indexed, killed 20 times, served,
 * renamed, unmounted, mounted and moved. At the end nothing may be lost, duplicated or misdated, and the summary must
 * add up to the number of files. Takes minutes, so it is not in `npm test`; CI runs it with fewer files.
 */

const FILES = Number(process.env.FILES ?? 20_000);
const KILLS = 20;
/** Started as by `npm run index`. */
const INDEX = ['bin/sightline.cjs', 'index'];

interface Picture {
  readonly id: string;
  readonly key: string;
  readonly tags: readonly string[];
  readonly takenAt: string | null;
  readonly takenFrom: string | null;
}

let folder: string;
let photos: string;
let data: string;
let library: Library;
let server: RunningServer | null = null;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sightline-library-'));
  photos = join(folder, 'photos');
  data = join(folder, 'data');
  library = await makePhotoLibrary(photos, FILES);
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The expected library, grouped by the outcome of each file. */
function expected(is: 'picture' | 'failure' | 'left-out'): string[] {
  return [...library.files].flatMap(([path, what]) => (what.is === is ? [path] : [])).toSorted();
}

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(server!.url + path);
  assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
  return (await answer.json()) as T;
}

async function all<T>(path: string): Promise<T[]> {
  const found: T[] = [];
  for (let cursor = ''; ; ) {
    const page = await get<{ items: T[]; next?: string }>(`${path}?limit=200${cursor && `&cursor=${cursor}`}`);
    found.push(...page.items);
    if (page.next === undefined) return found;
    cursor = encodeURIComponent(page.next);
  }
}

function tagOf(key: string): string {
  return `was ${basename(key).slice(-40).trim()}`;
}

async function serve(): Promise<void> {
  server = await startServer(['--photos', photos, '--data', data]);
}

async function idle(): Promise<void> {
  let calm = 0;
  await eventually('nothing to wait to be indexed', 1_800_000, async () => {
    const { backlog } = await get<{ backlog: number }>('/status');
    calm = backlog === 0 ? calm + 1 : 0;
    return calm > 20 ? true : null;
  });
}

/** Runs the command and kills it after this many milliseconds, unless it ends first. */
async function killIndex(afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [...INDEX, photos, '--data', data]);
  const ended = once(child, 'exit');
  await Promise.race([sleep(afterMs), ended]);
  child.kill('SIGKILL');
  await ended;
}

/** Peak memory of a process in MB (Linux); null elsewhere, and after it has ended. */
async function peakOf({ pid }: ChildProcess): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(status) ?? [];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024);
}

/** Indexes the rest; returns the summary and prints time and memory. */
async function indexAll(t: TestContext): Promise<{ pictures: number; failed: unknown[]; leftOut: object }> {
  const started = performance.now();
  const child = spawn(process.execPath, [...INDEX, photos, '--data', data, '--json']);
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr.resume();
  let peak: number | null = null;
  const timer = setInterval(async () => {
    peak = (await peakOf(child)) ?? peak;
  }, 500);
  const [code] = await once(child, 'close');
  clearInterval(timer);
  assert.equal(code, 0);
  t.diagnostic(`npm run index: ${Math.round((performance.now() - started) / 1000)} s, at most ${peak} MB`);
  return JSON.parse(printed);
}

describe('a library that grew over ten years', () => {
  it(`is indexed in spite of ${KILLS} kills, and the summary adds up to the number of files`, async (t) => {
    for (let i = 0; i < KILLS; i++) await killIndex(1000 + 300 * i);
    const summary = await indexAll(t);
    const leftOut = Object.values(summary.leftOut as Record<string, number>).reduce((sum, count) => sum + count, 0);
    assert.equal(summary.pictures, expected('picture').length);
    assert.equal(summary.pictures + summary.failed.length + leftOut, library.files.size + library.unnameable);
  });

  it('is served: each picture once, with its day and where that is from', async (t) => {
    await serve();
    await idle();
    const pictures = await all<Picture>('/images');
    assert.deepEqual(pictures.map(({ key }) => key).toSorted(), expected('picture'));
    for (const { key, takenAt, takenFrom } of pictures) {
      const what = library.files.get(key)!;
      assert.ok(what.is === 'picture');
      assert.equal(`${takenAt?.slice(0, 10)} from ${takenFrom}`, `${what.day} from ${what.from}`, key);
    }
    const failures = (await all<{ key: string }>('/failures')).map(({ key }) => key);
    for (const key of expected('failure')) assert.ok(failures.includes(key), key);
    assert.equal(failures.length, expected('failure').length + library.unnameable);
    t.diagnostic(`the server: at most ${await peakOf(server!.process)} MB`);
  });

  it('keeps tags when files are renamed and folders moved while it is served', async () => {
    const pictures = await all<Picture>('/images');
    const tagged = pictures.filter((_, i) => i % 50 === 0);
    for (const { id, key } of tagged) {
      const body = JSON.stringify({ tags: [tagOf(key)] });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${server!.url}/images/${id}`, { method: 'PATCH', headers, body });
      assert.equal(answer.status, 200);
    }
    await rename(join(photos, 'scans & slides'), join(photos, 'Scans'));
    const renamed = tagged.filter(({ key }) => key.startsWith('Camera Uploads/')).slice(0, 20);
    for (const { key } of renamed) {
      await mkdir(join(photos, 'renamed'), { recursive: true });
      await rename(join(photos, key), join(photos, 'renamed', basename(key)));
    }
    // Comparing so many files takes a while before anything is queued.
    const below = async (folder: string) =>
      (await get<{ items: unknown[] }>(`/images?limit=200&keyPrefix=${encodeURIComponent(folder)}`)).items.length;
    await eventually('the renamed to be followed', 1_800_000, async () =>
      (await below('scans & slides/')) === 0 && (await below('renamed/')) === renamed.length ? true : null,
    );
    await idle();
    await sameAsBefore(pictures.length, tagged.length);
  });

  it('waits for a drive that is not there and loses nothing', async () => {
    const { pictures, tagged } = await counts();
    await server!.stop();
    await rename(photos, `${photos}.away`);
    await mkdir(photos);
    await serve();
    await sleep(3000);
    await rm(photos, { recursive: true });
    await rename(`${photos}.away`, photos);
    await back(pictures);
    await sameAsBefore(pictures, tagged);
  });

  it('is known again at another path', async (t) => {
    const { pictures, tagged } = await counts();
    await server!.stop();
    await rename(photos, join(folder, 'larger disk'));
    photos = join(folder, 'larger disk');
    await serve();
    await back(pictures);
    await sameAsBefore(pictures, tagged);
    t.diagnostic(`the server: at most ${await peakOf(server!.process)} MB`);
  });

  async function back(pictures: number): Promise<void> {
    await eventually('the pictures to be back', 600_000, async () =>
      (await get<{ pictures: number }>('/status')).pictures === pictures ? true : null,
    );
    await idle();
  }

  async function counts(): Promise<{ pictures: number; tagged: number }> {
    const pictures = await all<Picture>('/images');
    return { pictures: pictures.length, tagged: pictures.filter(({ tags }) => tags.length > 0).length };
  }

  async function sameAsBefore(pictures: number, tagged: number): Promise<void> {
    const now = await all<Picture>('/images');
    assert.equal(now.length, pictures);
    assert.equal(new Set(now.map(({ key }) => key)).size, pictures);
    const withTags = now.filter(({ tags }) => tags.length > 0);
    assert.equal(withTags.length, tagged);
    // Moved files kept their names, so each shows whether the tag is its own.
    for (const { key, tags } of withTags) assert.deepEqual(tags, [tagOf(key)]);
  }
});
