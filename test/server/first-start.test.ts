import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, type RunningServer, runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const readme = fileURLToPath(new URL('../../README.md', import.meta.url));
const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));

interface Found {
  items: { id: string; key: string; score: number; links: { content: string; thumbnail: string } }[];
}

async function find(server: RunningServer, query: string, limit = 5): Promise<Found['items']> {
  return (await server.get<Found>(`/search?q=${encodeURIComponent(query)}&limit=${limit}`)).items;
}

interface Image {
  readonly key: string;
  readonly width: number;
  readonly indexedAt: string;
}

const images = async (server: RunningServer) => (await server.get<{ items: Image[] }>('/images?limit=200')).items;
const countPictures = async (server: RunningServer) => (await images(server)).length;

describe('a first start, as a new user does it', { timeout: 600_000 }, () => {
  let data: string;
  let server: RunningServer;
  const photo = (name: string) => join(data, 'photos', name);

  before(async () => {
    data = tempFolder();
    server = await startServer(['--data', data]);
    await eventually('23 pictures to be indexed', 120_000, async () =>
      (await countPictures(server)) === 23 ? true : null,
    );
  });

  after(() => server.stop());

  it('finds sample photos by words', async () => {
    for (const [query, key] of [
      ['a cat', 'cat.jpg'],
      ['two dogs', 'dogs-at-window.jpg'],
      ['a cup of coffee', 'coffee.jpg'],
      ['a mountain', 'mountain-path.jpg'],
      ['a rocket', 'rocket.jpg'],
      ['an insect', 'dragonfly.jpg'],
      ['a clock', 'clock.jpg'],
      ['a waterfall', 'forest-stream.jpg'],
      ['a galaxy', 'galaxies.jpg'],
    ] as const) {
      const keys = (await find(server, query, 3)).map((item) => item.key);
      assert.ok(keys.includes(key), `"${query}" found ${keys}`);
    }
  });

  it('answers what the README asks by curl', async () => {
    const examples = (await readFile(readme, 'utf8')).match(/^ {4}curl .+$/gm) ?? [];
    assert.equal(examples.length, 3);
    for (const example of examples) {
      const [, path] = /http:\/\/127\.0\.0\.1:8787([^\s']*)/.exec(example)!;
      const form = new FormData();
      for (const [, name, quoted, bare] of example.matchAll(/-F (\w+)=(?:'([^']*)'|(\S+))/g)) {
        if (bare?.startsWith('@'))
          form.append(name!, new Blob([await readFile(join(samples, 'cat.jpg'))]), bare.slice(1));
        else form.append(name!, quoted ?? bare!);
      }
      const isForm = [...form.keys()].length > 0;
      const response = await fetch(`${server.url}${path}`, isForm ? { method: 'POST', body: form } : {});
      const answer = (await response.json()) as { id?: string; items?: unknown[] };
      assert.ok(response.ok, `${example}: ${JSON.stringify(answer)}`);
      if (answer.items === undefined) {
        assert.equal((await server.send('DELETE', `/images/${answer.id}`)).status, 204);
      } else assert.ok(answer.items.length > 0);
    }
  });

  it('serves the pictures it finds', async () => {
    const [first] = await find(server, 'a mountain');
    for (const [link, type] of [
      [first!.links.content, 'image/jpeg'],
      [first!.links.thumbnail, 'image/'],
    ] as const) {
      const response = await fetch(new URL(link, server.url));
      assert.equal(response.status, 200);
      assert.ok(response.headers.get('content-type')?.startsWith(type));
      assert.ok((await response.arrayBuffer()).byteLength > 500);
    }
  });

  it('finds a picture soon after it was dropped into the folder, and no longer after it is removed', async () => {
    await copyFile(join(samples, 'cat.jpg'), photo('dropped cat +1.jpg'));
    const hit = await eventually('the dropped picture', 60_000, async () => {
      const items = await find(server, 'a cat', 50);
      return items.find((item) => item.key === 'dropped cat +1.jpg') ?? null;
    });
    await rm(photo('dropped cat +1.jpg'));
    await eventually('the removed picture to go', 60_000, async () => {
      const response = await fetch(`${server.url}/images/${hit.id}`);
      return response.status === 404 ? true : null;
    });
  });

  it('indexes a changed picture again', async () => {
    await copyFile(join(samples, 'cat.jpg'), photo('changing.jpg'));
    const width = async () => (await images(server)).find(({ key }) => key === 'changing.jpg')?.width ?? null;
    const before = await eventually('the picture', 60_000, width);
    await copyFile(join(samples, 'moon.jpg'), photo('changing.jpg'));
    await eventually('the changed picture', 60_000, async () => ((await width()) === before ? null : true));
    await rm(photo('changing.jpg'));
    await eventually('the end', 60_000, async () => ((await countPictures(server)) === 23 ? true : null));
  });

  it('lists what should be a picture among the failures, with the reason, and counts what is none', async () => {
    await writeFile(photo('broken.jpg'), 'not a picture');
    await writeFile(photo('notes.txt'), 'not a picture');
    const failure = await eventually('the failure', 60_000, async () => {
      const { items } = await server.get<{ items: { key: string; reason: string }[] }>('/failures');
      return items.find((item) => item.key === 'broken.jpg') ?? null;
    });
    assert.equal(failure.reason, 'not-an-image');
    const leftOut = await eventually('the count', 60_000, async () => {
      const status = await server.get<{ leftOut: { other?: number }; failures: number }>('/status');
      return status.leftOut.other === 1 ? status : null;
    });
    assert.equal(leftOut.failures, 1);
    await rm(photo('broken.jpg'));
    await rm(photo('notes.txt'));
  });

  it('stops on Ctrl-C and indexes nothing again on the second start', async () => {
    // npm forwards the signal that the terminal has already sent: one Ctrl-C arrives twice.
    server.process.kill('SIGINT');
    assert.equal(await server.stop('SIGINT'), 0, server.output());
    assert.match(server.output(), /Stopped\./);
    server = await startServer(['--data', data]);
    const first = await images(server);
    assert.equal(first.length, 23);
    await server.stop('SIGTERM');
    server = await startServer(['--data', data]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual(await images(server), first);
  });

  it('the terminal search finds the same pictures', async () => {
    const words = ['search', '--data', data, '--json', '--limit', '3', 'a cat'];
    const { code, stdout } = await runScript(['scripts/sightline.ts', ...words]);
    assert.equal(code, 0);
    const { items } = JSON.parse(stdout) as { items: { key: string }[] };
    assert.deepEqual(
      items.map((item) => item.key),
      (await find(server, 'a cat', 3)).map((item) => item.key),
    );
  });
});

describe('stopping in the middle', { timeout: 600_000 }, () => {
  it('kill -9 during the first indexing loses nothing, and the next start goes on', async () => {
    const data = tempFolder();
    let server = await startServer(['--data', data]);
    await eventually('the first pictures', 120_000, async () => ((await countPictures(server)) >= 3 ? true : null));
    await server.stop('SIGKILL');
    server = await startServer(['--data', data]);
    await eventually('the rest', 120_000, async () => ((await countPictures(server)) === 23 ? true : null));
    assert.equal(await server.stop(), 0);
    assert.equal((await readdir(join(data, 'photos'))).length, 23);
  });
});

describe('a signal to what has started the server', { timeout: 300_000, skip: process.platform === 'win32' }, () => {
  const serve = ['--data', tempFolder(), '--port', '0'];
  /** Resolves to what is printed by all processes, once the last of them has ended. */
  async function run(
    command: string,
    args: readonly string[],
    stopAfter?: string,
    signal: NodeJS.Signals = 'SIGTERM',
  ): Promise<string> {
    const env = { ...process.env, npm_lifecycle_event: 'start' };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (stopAfter !== undefined && printed.includes(stopAfter)) child.kill(signal);
    });
    try {
      await once(child.stdout, 'close', { signal: AbortSignal.timeout(60_000) });
      return printed;
    } catch (error) {
      process.kill(-child.pid!, 'SIGKILL');
      throw error;
    }
  }

  it('ends the server, too: SIGTERM to npm', async () => {
    assert.match(await run('npm', ['start', '--', ...serve], 'Sightline is at'), /Stopped\./);
  });

  it('ends the server, too: SIGHUP to an older Node that has started the one of a clone', async () => {
    const older = join(tempFolder(), 'older.cjs');
    await writeFile(older, `Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } });`);
    const call = [process.execPath, '--require', older, 'bin/sightline.cjs', 'serve', ...serve];
    await run('env', ['-u', 'npm_lifecycle_event', ...call], 'Sightline is at', 'SIGHUP');
  });

  it('ends a server that has only just been started', async () => {
    const quick = '"$0" bin/sightline.cjs serve "$@" &';
    assert.doesNotMatch(await run('sh', ['-c', quick, process.execPath, ...serve]), /Sightline is at/);
  });
});

describe('what cannot start says why', { timeout: 300_000 }, () => {
  const start = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    runScript(['scripts/sightline.ts', 'serve', ...args], { LOG_LEVEL: 'warn', ...env });

  for (const [what, args, exitCode, says] of [
    ['an unknown option, with the usage', ['--nope'], 2, /--nope[\s\S]*Usage/],
    ['a port that is no port', ['--port', '99999'], 2, /port/],
    ['a folder of photos that does not exist', ['--photos', '/nowhere/missing'], 1, /missing/],
  ] as const) {
    it(what, async () => {
      const { code, stderr } = await start(['--data', tempFolder(), ...args]);
      assert.equal(code, exitCode);
      assert.match(stderr, says);
    });
  }

  it('a port in use', async () => {
    const data = tempFolder();
    await using server = await startServer(['--data', data]);
    const other = tempFolder();
    const { code, stderr } = await start(['--data', other, '--port', new URL(server.url).port]);
    assert.equal(code, 1);
    assert.match(stderr, /port \d+ .*in use/);
  });
});
