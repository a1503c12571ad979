import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type RunningServer, runScript, startServer } from '../../support/start-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const samples = join(repository, 'examples/photos');

interface Status {
  readonly pictures: number;
  readonly hidden: number;
  readonly backlog: number;
  readonly folders: { readonly name: string; readonly pictures: number; readonly there: boolean }[];
}
interface Images {
  readonly items: { id: string; key: string; tags: string[]; links: { thumbnail: string } }[];
}

describe('the folders of an index', { timeout: 900_000 }, () => {
  let dir: string;
  let server: RunningServer | null = null;
  const at = (path: string) => join(dir, path);
  beforeEach(async () => {
    await server?.stop();
    server = null;
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
    dir = tempFolder();
    await fill('a', 'cat.jpg', 'rocket.jpg');
    await fill('b', 'coffee.jpg');
  });
  after(() => server?.stop());

  async function fill(folder: string, ...names: string[]): Promise<void> {
    await mkdir(at(folder), { recursive: true });
    for (const name of names) await copyFile(join(samples, name), at(`${folder}/${name}`));
  }
  const start = async (...folders: string[]) => {
    server = await startServer(['--data', at('data'), ...folders.map(at)]);
  };
  const restart = async (...folders: string[]) => {
    assert.equal(await server?.stop(), 0);
    await start(...folders);
  };
  const get = <T>(path: string) => server!.get<T>(path);
  const keys = async (query = '') =>
    (await get<Images>(`/images?limit=200${query}`)).items.map(({ key }) => key).sort();
  const finds = (...expected: string[]) =>
    eventually(`the keys ${expected}`, 120_000, async () =>
      (await keys()).join() === expected.toSorted().join() ? true : null,
    );
  const send = async (method: string, path: string, body?: unknown) => {
    const answer = await server!.send(method, path, body);
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  };
  const command = async (...words: string[]) => {
    const { code, stdout, stderr } = await runScript(['scripts/sightline.ts', ...words, '--data', at('data')]);
    return { code, text: stdout + stderr };
  };

  it(
    'are several, each with a name; samples leave when the first comes, and all are there at the next ' + 'start',
    async () => {
      await start();
      await eventually('the samples', 120_000, async () => ((await keys()).length === 23 ? true : null));
      await writeFile(at('data/photos/.keep'), '');
      await restart('a', 'b');
      await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
      assert.deepEqual(await keys('&bucket=b'), ['coffee.jpg']);
      assert.deepEqual(await keys('&exceptBuckets=b'), ['cat.jpg', 'rocket.jpg']);
      assert.deepEqual(await readdir(at('data/photos')), ['.keep'], 'what was added there stays');
      await restart();
      await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
    },
  );

  it('may hold the index and be a link: the index is not looked at, new pictures come, and a new target', async () => {
    for (const link of ['link', 'linked']) await symlink(at('a'), at(link));
    await writeFile(at('a/notes.txt'), 'no picture');
    const words = ['--data', at('link/index'), '--ignore', 'rocket*', '--ignore', 'private/', at('linked')];
    server = await startServer(words, { LOG_LEVEL: 'debug' });
    await finds('cat.jpg');
    // A failure is written into the index, which lies in the watched folder.
    await writeFile(at('a/broken.jpg'), 'no picture');
    const failures = async () => (await get<Images>('/failures')).items.map(({ key }) => key);
    await eventually('the failure', 60_000, async () => ((await failures()).length > 0 ? true : null));
    await fill('a', 'moon.jpg');
    await fill('a/private', 'coffee.jpg');
    await fill('a', 'dahlia.jpg');
    await finds('cat.jpg', 'dahlia.jpg', 'moon.jpg');
    assert.deepEqual(await failures(), ['broken.jpg']);
    const jobs = [...server.output().matchAll(/"key":"([^"]+)"/g)].map(([, key]) => key!);
    assert.deepEqual([...new Set(jobs)].sort(), ['broken.jpg', 'cat.jpg', 'dahlia.jpg', 'moon.jpg', 'notes.txt']);
    assert.equal(server.output().match(/"level":30[^\n]*"not-an-image"/g)?.length, 1, server.output());
    assert.doesNotMatch(server.output(), /"level":[3-6]0[^\n]*notes\.txt/);
    // Who comes through a proxy is not told where on this machine the folder is, or leads to.
    await writeFile(at('a/.sightline'), 'no folder');
    for (const [headers, path] of [
      [{}, at('a')],
      [{ via: '1.1 proxy' }, 'linked'],
    ] as const) {
      const body = await readFile(join(samples, 'coffee.jpg'));
      const init: RequestInit = { method: 'POST', body, headers: { ...headers, 'content-type': 'image/jpeg' } };
      const refused: Response = await fetch(`${server.url}/images?key=sent.jpg`, init);
      const { detail } = (await refused.json()) as { detail: string };
      const expected = `storing a picture needs the folder ${path}/.sightline, but that is a file or a symbolic link`;
      assert.deepEqual([refused.status, detail], [503, expected]);
    }
    await rm(at('linked'));
    await symlink(at('b'), at('linked'));
    await finds('coffee.jpg');
  });

  const other = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const canBeOther =
    spawnSync(process.execPath, ['bin/sightline.cjs', '--help'], { cwd: repository, ...other }).status === 0;
  it('lose nothing by what may not be read, which is listed until it may be, also over a restart', {
    skip: !canBeOther && 'the repository can be read by its user only',
  }, async () => {
    const forbid = (path: string) => chmod(at(path), 0);
    const allow = (path: string) => chmod(at(path), 0o755);
    const unreadable = (...expected: string[]) =>
      eventually(`${expected} to be listed`, 60_000, async () => {
        const { items } = await get<{ items: { key: string; reason: string }[] }>('/failures');
        const found = items.filter(({ reason }) => reason === 'unreadable-folder').map(({ key }) => key);
        return found.toSorted().join() === expected.join() ? true : null;
      });
    await fill('a/old', 'moon.jpg');
    await mkdir(at('data'));
    if (other.uid !== undefined)
      for (const path of ['.', 'data', 'a', 'a/old']) await chown(at(path), other.uid, 65534);
    const begin = async () => {
      server = await startServer(['--data', at('data'), at('a')], {}, other);
    };
    await begin();
    await finds('cat.jpg', 'old/moon.jpg', 'rocket.jpg');
    await forbid('a/old');
    await unreadable('old/');
    await mkdir(at('a/new'), { mode: 0 });
    await unreadable('new/', 'old/');
    await server!.stop();
    await begin();
    await unreadable('new/', 'old/');
    await fill('a', 'clock.jpg');
    await finds('old/moon.jpg', 'cat.jpg', 'clock.jpg', 'rocket.jpg');
    await rm(at('a/clock.jpg'));
    for (const path of ['a/new', 'a/old']) await allow(path);
    await fill('a/new', 'dahlia.jpg');
    await unreadable();
    await finds('new/dahlia.jpg', 'old/moon.jpg', 'cat.jpg', 'rocket.jpg');
    await forbid('a');
    await finds();
    assert.equal((await get<Status>('/status')).hidden, 4);
    await allow('a');
    await finds('new/dahlia.jpg', 'old/moon.jpg', 'cat.jpg', 'rocket.jpg');
  });

  it('come and go with their drives: hidden and counted meanwhile, also over a restart', async () => {
    await start('a', 'b');
    const { folders: atFirst } = await get<Status>('/status');
    assert.deepEqual(
      atFirst.map(({ there }) => there),
      [true, true],
      'from the first request on',
    );
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
    const [coffee] = (await get<Images>('/images?bucket=b')).items;
    await rename(at('b'), at('away'));
    await finds('cat.jpg', 'rocket.jpg');
    const { hidden, pictures, folders } = await get<Status>('/status');
    assert.deepEqual([hidden, pictures], [1, 2]);
    assert.deepEqual(
      folders.map(({ name, there }) => [name, there]),
      [
        ['a', true],
        ['b', false],
      ],
    );
    assert.equal((await fetch(`${server!.url}${coffee!.links.thumbnail}`)).status, 404);
    assert.equal((await send('PATCH', `/images/${coffee!.id}`, { tags: ['away'] })).status, 404);
    assert.equal((await send('POST', '/search', { terms: [{ imageId: coffee!.id }] })).status, 404);
    const { output } = server!;
    await restart('a', 'b');
    assert.doesNotMatch(output(), /"stack"/);
    assert.equal(output().split('hidden until it is back').length, 2, output());
    const away = `${at('b')} is not there or not mounted; its pictures`;
    const banner = `pictures in ${at('a')}; drop more in at any time.\n${away} (1) are hidden`;
    await eventually(banner, 60_000, async () => (server!.output().includes(banner) ? true : null));
    // The mount point of a drive that is not there.
    await mkdir(at('b'));
    await restart('a', 'b');
    await eventually(banner, 60_000, async () => (server!.output().includes(banner) ? true : null));
    await finds('cat.jpg', 'rocket.jpg');
    const { code, text } = await command('search', 'a cup of coffee', '--paths');
    assert.equal(code, 0, text);
    assert.ok(text.includes(`${away} are hidden`) && text.includes(at('a/cat.jpg')), text);
    assert.ok(!text.includes(at('b/coffee.jpg')), text);
    const reindexed = await command('reindex', '--profile', 'compact-float32');
    assert.equal(reindexed.code, 1, reindexed.text);
    assert.match(reindexed.text, /1 are not \(not-connected\), such as coffee\.jpg/);
    assert.match(reindexed.text, /found an empty folder although the index holds 1 of them/);
    await rm(at('b'), { recursive: true });
    await rename(at('away'), at('b'));
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
  });

  it('are known again where they moved to, with their tags; one that is still there was copied', async () => {
    await start('a');
    await finds('cat.jpg', 'rocket.jpg');
    for (const { id } of (await get<Images>('/images')).items) {
      assert.equal((await send('PATCH', `/images/${id}`, { tags: ['kept'] })).status, 200);
    }
    await server!.stop();
    await rename(at('a'), at('c'));
    await start('c');
    await finds('cat.jpg', 'rocket.jpg');
    const { items } = await get<Images>('/images');
    assert.deepEqual(
      items.map(({ tags }) => tags),
      [['kept'], ['kept']],
    );
    for (const { links } of items) assert.equal((await fetch(`${server!.url}${links.thumbnail}`)).status, 200);
    assert.match((await command('folders', 'list')).text, /^c {2}.*c {2}2 pictures, watched/);
    await fill('copy', 'cat.jpg', 'rocket.jpg');
    await restart('copy');
    await finds('cat.jpg', 'cat.jpg', 'rocket.jpg', 'rocket.jpg');
  });

  it('are known again where they are given from higher up, or from further down, with their tags', async () => {
    await start('a');
    await finds('cat.jpg', 'rocket.jpg');
    for (const { id, key } of (await get<Images>('/images')).items) {
      assert.equal((await send('PATCH', `/images/${id}`, { tags: [key] })).status, 200);
    }
    const tags = async () => (await get<Images>('/images')).items.map(({ tags }) => tags.join()).sort();
    const isKnownAt = async (given: string, ...now: string[]) => {
      await start(given);
      await finds(...now);
      assert.deepEqual(await tags(), ['cat.jpg', 'rocket.jpg']);
      const { folders } = await get<Status>('/status');
      assert.deepEqual(
        folders.map(({ name }) => name),
        [given],
      );
      await server!.stop();
    };
    await server!.stop();
    await mkdir(at('disk/x'), { recursive: true });
    await rename(at('a'), at('disk/x/Photos'));
    await isKnownAt('disk', 'x/Photos/cat.jpg', 'x/Photos/rocket.jpg');
    await rename(at('disk/x/Photos'), at('Bilder'));
    await rm(at('disk'), { recursive: true });
    await isKnownAt('Bilder', 'cat.jpg', 'rocket.jpg');
  });

  it('are moved by hand where it is not sure, and say what to type', async () => {
    const more = (await readdir(samples)).filter((name) => /^[bdf].*\.jpg$/.test(name));
    await fill('a', 'coffee.jpg', ...more);
    await start('a');
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg', ...more);
    await server!.stop();
    await fill('c', 'cat.jpg', 'coffee.jpg');
    await rm(at('a'), { recursive: true });
    await start('c');
    await finds('cat.jpg', 'coffee.jpg');
    assert.match(server!.output(), /2 of the 11 pictures of .*a, which is gone, .*\n.*folders.* move "a" /);
    for (const [where, found] of [
      ['b', 1],
      ['empty', 'none'],
    ]) {
      await mkdir(at(`${where}`), { recursive: true });
      const { code, text } = await command('folders', 'move', 'a', at(`${where}`));
      assert.equal(code, 1);
      assert.ok(text.includes(`expected pictures of a in ${at(`${where}`)}, found ${found} of 11 there`), text);
    }
    const moved = await command('folders', 'move', 'a', at('c'));
    assert.equal(moved.code, 0, moved.text);
    await finds('cat.jpg', 'coffee.jpg');
    await eventually('one folder', 60_000, async () =>
      (await get<Status>('/status')).folders.length === 1 ? true : null,
    );
  });

  it('come, move and go over HTTP, uploads with them; one that may be an old one is asked about', async () => {
    await start();
    await eventually('the samples', 120_000, async () => ((await keys()).length === 23 ? true : null));
    const added = await send('POST', '/folders', { path: at('a') });
    assert.deepEqual([added.status, added.body.name, added.body.path, added.body.there], [201, 'a', at('a'), true]);
    await finds('cat.jpg', 'rocket.jpg');
    const form = new FormData();
    form.append('file', new File([await readFile(join(samples, 'coffee.jpg'))], 'sent.jpg'));
    const sent = await fetch(`${server!.url}/images?key=sent.jpg`, { method: 'POST', body: form });
    assert.equal(sent.status, 201, await sent.text());
    assert.ok((await readdir(at('a'))).includes('sent.jpg'), 'the folder of the samples, which went, takes no uploads');
    await rm(at('a/sent.jpg'));
    await finds('cat.jpg', 'rocket.jpg');

    await mkdir(at('a/sub'));
    const nested = await send('POST', '/folders', { path: at('a/sub') });
    assert.deepEqual([nested.status, nested.body.type], [409, '/problems/folder-overlaps']);
    assert.ok(nested.body.detail.includes(at('a/sub')) && nested.body.detail.includes(`${at('a')},`));
    await mkdir(at('data/trash'), { recursive: true });
    const ofSystem = [
      '/',
      '/bin',
      '/boot',
      '/dev',
      '/dev/shm',
      '/etc',
      '/lib',
      '/proc',
      '/run',
      '/sbin',
      '/sys',
      '/usr',
    ];
    for (const path of [at('nowhere'), at('a/cat.jpg'), 'a', at('data'), at('data/trash'), ...ofSystem]) {
      assert.equal((await send('POST', '/folders', { path })).status, 400, path);
    }

    await rm(at('a'), { recursive: true });
    await fill('c', 'cat.jpg', 'coffee.jpg');
    await finds();
    const asked = await send('POST', '/folders', { path: at('c') });
    assert.deepEqual([asked.status, asked.body.type, asked.body.folder], [409, '/problems/perhaps-moved', 'a']);
    assert.equal((await send('POST', '/folders', { path: at('c'), moved: true })).body.name, 'c');
    await finds('cat.jpg', 'coffee.jpg');
    await rename(at('c'), at('d'));
    assert.equal((await send('PATCH', '/folders/c', { path: at('d') })).body.path, at('d'));
    await finds('cat.jpg', 'coffee.jpg');
    assert.equal((await send('DELETE', '/folders/d')).status, 204);
    await finds();
    assert.deepEqual((await get<Status>('/status')).folders, []);
    assert.equal((await send('DELETE', '/folders/d')).status, 404);
    assert.deepEqual((await readdir(at('d'))).sort(), ['cat.jpg', 'coffee.jpg']);
  });

  it('leave nothing behind when they are taken out while they are indexed', async () => {
    const picture = await readFile(join(samples, 'cat.jpg'));
    for (const way of ['a request', 'a command'] as const) {
      await mkdir(at(way));
      for (let i = 0; i < 200; i++)
        await writeFile(at(`${way}/${i}.jpg`), Buffer.concat([picture, Buffer.from(`${i}`)]));
      await (way === 'a request' ? start('b', way) : restart('b', way));
      await eventually('some of them', 60_000, async () => ((await keys()).length > 10 ? true : null));
      const { backlog } = await get<Status>('/status');
      if (way === 'a command') assert.equal((await command('folders', 'rm', way)).code, 0);
      else assert.equal((await send('DELETE', `/folders/${encodeURIComponent(way)}`)).status, 204);
      assert.ok(backlog > 0, 'it was not indexed yet');
      await finds('coffee.jpg');
      await eventually('nothing under way', 60_000, async () =>
        (await get<Status>('/status')).backlog === 0 ? true : null,
      );
      await finds('coffee.jpg');
    }
  });

  it('leave nothing behind when the process that takes them out is killed', async () => {
    await start('a', 'b');
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
    await server!.stop('SIGKILL');
    const list = at('data/folders.json');
    const { folders } = JSON.parse(await readFile(list, 'utf8')) as { folders: { name: string }[] };
    // Its content before the first picture is removed.
    const left = folders.map((folder) => (folder.name === 'a' ? { ...folder, leaving: true } : folder));
    await writeFile(list, JSON.stringify({ folders: left }));
    await start();
    await finds('coffee.jpg');
    const { pictures, hidden, ...status } = await get<Status>('/status');
    assert.deepEqual([pictures, hidden, status.folders.map(({ name }) => name)], [1, 0, ['b']]);
    assert.equal((await command('folders', 'add', at('a'))).code, 0);
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
  });

  it('follow commands and requests, also at once; one in another is refused with both named', async () => {
    await start('a');
    await finds('cat.jpg', 'rocket.jpg');
    assert.equal((await command('folders', 'add', at('b'))).code, 0);
    await finds('cat.jpg', 'coffee.jpg', 'rocket.jpg');
    await mkdir(at('a/sub'));
    for (const words of [
      ['add', at('a/sub')],
      ['add', at('.')],
      ['move', 'b', at('a')],
      ['move', 'b', at('a/sub')],
      ['move', 'b', at('.')],
    ]) {
      const { code, text } = await command('folders', ...words);
      assert.equal(code, 2, text);
      assert.ok(text.includes(at('a')) && text.includes('rm a'), text);
    }
    assert.deepEqual(await keys(), ['cat.jpg', 'coffee.jpg', 'rocket.jpg']);
    assert.equal((await command('folders', 'rm', 'a')).code, 0);
    await finds('coffee.jpg');
    assert.deepEqual(await readdir(at('a')), ['cat.jpg', 'rocket.jpg', 'sub']);
    assert.match((await command('folders', 'rm', 'a')).text, /expected a folder of the index \(b\), got a/);

    const names = ['x1', 'x2', 'x3', 'x4'];
    for (const name of names) await fill(name, 'moon.jpg');
    const [, ...answers] = await Promise.all([
      command('folders', 'add', at('a')),
      ...names.map((name) => send('POST', '/folders', { path: at(name) })),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201, 201],
    );
    await eventually('all folders, none of them lost', 60_000, async () => {
      const { folders } = await get<Status>('/status');
      const found = folders.map(({ name }) => name).toSorted();
      return found.join() === ['a', 'b', ...names].join() ? true : null;
    });
  });
});
