import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openExpiryClock } from '../../core/files/expiry-clock.ts';
import { eventually, type RunningServer, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let dir: string;
beforeEach(async () => {
  dir = tempFolder();
});

describe('time that is counted for what is kept 24 days', () => {
  const clock = { now: Date.UTC(2026, 10, 1) };
  const open = () => openExpiryClock(join(dir, 'time.json'), 24 * DAY, () => clock.now);

  it('goes as the clock does, also over restarts', () => {
    let time = open();
    const first = time();
    for (let hour = 1; hour <= 24 * 24; hour++) {
      clock.now += HOUR;
      if (hour % 24 === 0) time = open();
      assert.ok(first + hour * HOUR - time() < DAY, `hour ${hour}`);
    }
    assert.ok(time() - first >= 23 * DAY);
  });

  it('counts a jump ahead as a day, and takes it off when the clock is set back', () => {
    const time = open();
    const first = time();
    clock.now += 365 * DAY;
    assert.equal(time() - first, DAY);
    clock.now += HOUR;
    assert.equal(time() - first, DAY + HOUR);
    clock.now -= 365 * DAY;
    assert.equal(time() - first, HOUR);
  });

  it('counts a jump while nothing runs as a day, and one from a clock that was not set', () => {
    clock.now = 0;
    const first = open()();
    clock.now = 2 * DAY;
    open()();
    clock.now = Date.UTC(2026, 10, 1);
    assert.equal(open()() - first, 2 * DAY);
  });

  it('goes on by the clock where its file cannot be read or written', async () => {
    await writeFile(join(dir, 'time.json'), '{"clock":');
    assert.equal(open()(), clock.now);
    const nowhere = openExpiryClock(join(dir, 'none', 'time.json'), 24 * DAY, () => clock.now);
    const first = nowhere();
    clock.now += DAY;
    assert.equal(nowhere() - first, DAY);
  });
});

/** Shifts the clock of every Node process started with it, in milliseconds. */
const later = (ms: number) => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(
    `const now = Date.now; Date.now = () => now() + ${ms};`,
  )}`,
});

describe('a server whose clock jumps ahead by 31 days', { timeout: 600_000 }, () => {
  it('keeps what was deleted an hour ago, and the tags of what is gone since then', async (t) => {
    const photos = join(dir, 'photos');
    await mkdir(photos);
    for (const name of ['cat.jpg', 'coffee.jpg', 'rocket.jpg']) await copyFile(join(samples, name), join(photos, name));
    let server: RunningServer | null = null;
    t.after(() => server?.stop());
    const start = async (env = {}) => {
      await server?.stop();
      server = await startServer(['--photos', photos, '--data', join(dir, 'data')], env);
    };
    const images = async () =>
      (await server!.get<{ items: { id: string; key: string; tags: string[] }[] }>('/images')).items;
    const finds = (what: string) =>
      eventually(what, 120_000, async () => {
        const found = await images();
        return found
          .map(({ key, tags }) => [key, ...tags].join(' '))
          .sort()
          .join() === what
          ? found
          : null;
      });
    await start();
    const found = await finds('cat.jpg,coffee.jpg,rocket.jpg');
    const idOf = (name: string) => found.find(({ key }) => key === name)!.id;
    await server!.send('PATCH', `/images/${idOf('coffee.jpg')}`, { tags: ['best'] });
    await server!.send('DELETE', `/images/${idOf('cat.jpg')}`);
    await rename(join(photos, 'coffee.jpg'), join(dir, 'coffee.jpg'));
    await finds('rocket.jpg');

    await start(later(31 * DAY));
    await rename(join(dir, 'coffee.jpg'), join(photos, 'cup.jpg'));
    await finds('cup.jpg best,rocket.jpg');
    assert.deepEqual(
      (await server!.get<{ items: { key: string }[] }>('/trash')).items.map(({ key }) => key),
      ['cat.jpg'],
    );
    assert.equal((await readdir(join(dir, 'data/trash/files'))).length, 1);
    const { counted, clock } = JSON.parse(await readFile(join(dir, 'data/trash/time.json'), 'utf8'));
    assert.ok(clock - counted > 29 * DAY);
  });
});
