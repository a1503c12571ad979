import assert from 'node:assert/strict';
import { cp, mkdir, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type RunningServer, runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Who may see and change what, on a server started from the command line. */

const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));

const root = tempFolder();

/** A separate folder with these sample photos. */
async function folderOf(name: string, ...photos: string[]): Promise<string> {
  await mkdir(join(root, name), { recursive: true });
  for (const photo of photos) await cp(join(samples, photo), join(root, name, photo));
  return join(root, name);
}

interface Item {
  readonly id: string;
  readonly key: string;
}

async function list(server: RunningServer, path: string, headers: Record<string, string> = {}): Promise<Item[]> {
  const response = await fetch(server.url + path, { headers });
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return ((await response.json()) as { items: Item[] }).items;
}

const indexed = (server: RunningServer, count: number, headers: Record<string, string> = {}) =>
  eventually(`${count} pictures`, 60_000, async () => {
    const items = await list(server, '/images', headers);
    return items.length === count ? items : null;
  });

const sightline = (...args: string[]) => runScript([join('scripts', 'sightline.ts'), ...args]);

describe('a server that others can reach', () => {
  it('says so while anybody can read, and where it can be opened', async () => {
    const photos = await folderOf('open', 'cat.jpg');
    await using server = await startServer([
      '--host',
      '0.0.0.0',
      '--photos',
      photos,
      '--data',
      join(root, 'open-data'),
    ]);
    await indexed(server, 1);
    assert.match(server.output(), /Everybody on the network can see these pictures/);
    const addresses = server.output().match(/http:\/\/[\d.]+:\d+/g)!;
    assert.ok(
      addresses.some((address) => address.includes('//127.')),
      server.output(),
    );
    assert.ok(addresses.every((address) => !address.includes('//0.0.0.0')));
    for (const address of addresses) assert.equal((await fetch(`${address}/health`)).status, 200, address);
    assert.equal((await server.send('POST', '/images')).status, 401);
  });

  it('does not start where reading needs a key that nobody has', async () => {
    const args = ['scripts/sightline.ts', 'serve', '--host', '0.0.0.0', '--port', '0', '--data', join(root, 'no-key')];
    const { code, stderr } = await runScript(args, { SIGHTLINE_REQUIRE_KEY: 'read' });
    assert.deepEqual([code, stderr.includes('expected an API key')], [2, true], stderr);
  });
});

describe('reading with a key', () => {
  it('takes a key that the command made, and a session that outlives the server', async () => {
    const made = JSON.parse((await sightline('key', '--read', '--json')).stdout) as Record<string, string>;
    const photos = await folderOf('closed', 'cat.jpg');
    const env = { SIGHTLINE_REQUIRE_KEY: 'read', SIGHTLINE_API_KEYS: made.setting };
    const start = () => startServer(['--photos', photos, '--data', join(root, 'closed-data')], env);
    let server = await start();
    try {
      const authorization = `Bearer ${made.key}`;
      const [cat] = await indexed(server, 1, { authorization });
      for (const path of ['/images', '/search?q=cat', `/images/${cat!.id}/thumbnail`, '/events', '/status']) {
        assert.equal((await fetch(server.url + path)).status, 401, path);
      }
      for (const path of ['/', '/health']) assert.equal((await fetch(server.url + path)).status, 200, path);
      const opened = await fetch(`${server.url}/session`, { method: 'POST', headers: { authorization } });
      const cookie = opened.headers.getSetCookie()[0]!.split(';')[0]!;
      const seen = async () =>
        (await fetch(`${server.url}/images/${cat!.id}/thumbnail`, { headers: { cookie } })).status;
      assert.equal(await seen(), 200);
      await server.stop();
      server = await start();
      assert.equal(await seen(), 200);
    } finally {
      await server.stop();
    }
  });
});

describe('deleting', () => {
  it('moves the file, the command brings it back with its time, and for good nothing is left', async () => {
    const photos = await folderOf('trash', 'cat.jpg', 'moon.jpg');
    const taken = new Date('2019-07-05T21:30:00Z');
    await utimes(join(photos, 'cat.jpg'), taken, taken);
    const data = join(root, 'trash-data');
    await using server = await startServer(['--photos', photos, '--data', data]);
    const cat = (await indexed(server, 2)).find(({ key }) => key === 'cat.jpg')!;
    assert.equal((await server.send('DELETE', `/images/${cat.id}`)).status, 204);
    assert.deepEqual(await readdir(photos), ['moon.jpg']);
    assert.equal((await readdir(join(data, 'trash/files'))).length, 1);
    const { items } = JSON.parse((await sightline('trash', 'list', '--data', data, '--json')).stdout) as {
      items: Item[];
    };
    assert.deepEqual(
      items.map(({ key }) => key),
      ['cat.jpg'],
    );
    const restored = await sightline('trash', 'restore', items[0]!.id, '--data', data);
    assert.deepEqual([restored.code, restored.stdout.trim()], [0, 'cat.jpg is back.'], restored.stderr);
    assert.equal((await stat(join(photos, 'cat.jpg'))).mtimeMs, taken.getTime());
    await indexed(server, 2);
    assert.match((await sightline('trash', 'empty', '--data', data)).stdout, /^0 pictures are permanently deleted/);

    const before = (await readdir(data, { recursive: true })).sort();
    const thumbnailOf = async (path: string) => (await fetch(`${server.url}/${path}/thumbnail`)).status;
    assert.equal(await thumbnailOf(`images/${cat.id}`), 200);
    const deleted = await server.send('DELETE', `/images/${cat.id}`);
    const entry = deleted.headers.get('sightline-trash')!;
    assert.equal(await thumbnailOf(`trash/${entry}`), 200);
    assert.equal((await server.send('DELETE', `/trash/${entry}`)).status, 204);
    assert.deepEqual([await thumbnailOf(`images/${cat.id}`), await thumbnailOf(`trash/${entry}`)], [404, 404]);
    assert.deepEqual(await readdir(photos), ['moon.jpg']);
    // No file, no record, and no thumbnail.
    assert.deepEqual((await readdir(data, { recursive: true })).sort(), before);
  });

  it('leaves a file that was only indexed where it is, and out of the index also next time', async () => {
    const photos = await folderOf('served', 'cat.jpg');
    const other = await folderOf('other', 'moon.jpg', 'rocket.jpg');
    const data = join(root, 'other-data');
    assert.equal((await sightline('index', other, '--data', data)).code, 0);
    await using server = await startServer(['--photos', photos, '--data', data]);
    const moon = (await indexed(server, 3)).find(({ key }) => key === 'moon.jpg')!;
    await server.send('DELETE', `/images/${moon.id}`);
    assert.deepEqual((await readdir(other)).sort(), ['moon.jpg', 'rocket.jpg']);
    assert.equal((await sightline('index', other, '--data', data)).code, 0);
    assert.deepEqual((await list(server, '/images')).map(({ key }) => key).sort(), ['cat.jpg', 'rocket.jpg']);
    const [entry] = await list(server, '/trash');
    await server.send('POST', `/trash/${entry!.id}/restore`);
    await indexed(server, 3);
  });

  it('is refused, as uploads are, where pictures are only to be read; their folder stays as it was', async () => {
    const photos = await folderOf('read-only', 'cat.jpg');
    await using server = await startServer(['--read-only', '--photos', photos, '--data', join(root, 'read-only-data')]);
    const [cat] = await indexed(server, 1);
    const refused = [
      await server.send('DELETE', `/images/${cat!.id}`),
      await fetch(`${server.url}/images`, { method: 'POST', headers: { 'content-type': 'image/png' }, body: 'x' }),
    ];
    assert.deepEqual(
      refused.map(({ status }) => status),
      [403, 403],
    );
    const [deletion, upload] = await Promise.all(
      refused.map(async (answer) => (await answer.json()) as { detail: string }),
    );
    assert.match(deletion!.detail, /^expected no change of pictures: they were opened read-only, /);
    assert.match(upload!.detail, /started read-only/);
    assert.equal((await server.send('PATCH', `/images/${cat!.id}`, { tags: ['pet'] })).status, 200);
    assert.deepEqual(await readdir(photos), ['cat.jpg']);
  });
});
