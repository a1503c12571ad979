import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeManyPhotos } from '../support/photo-dataset.ts';
import { eventually } from '../support/start-server.ts';

/**
 * `npm run test:network`: traces the system calls of serving, indexing and training with strace. They may open no
 * socket except the server's, resolve no name, and write nothing outside their data folder, even on a fresh machine
 * with an empty HOME and no environment variables that disable telemetry.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const photos = fileURLToPath(new URL('../../examples/photos', import.meta.url));

const SOCKETS = ['socket', 'connect', 'bind', 'sendto', 'sendmsg', 'sendmmsg'];
const WRITES = ['open', 'openat', 'creat', 'mkdir', 'mkdirat', 'rename', 'renameat', 'renameat2', 'link', 'linkat'];

function installStrace(): string | false {
  if (spawnSync('strace', ['--version']).status === 0) return false;
  if (process.getuid?.() === 0) spawnSync('apt-get', ['-q', 'update'], { stdio: ['ignore', 2, 2] });
  const args = ['-q', 'install', '-y', '--no-install-recommends', 'strace'];
  const isInstalled = process.getuid?.() === 0 && spawnSync('apt-get', args, { stdio: ['ignore', 2, 2] }).status === 0;
  return isInstalled ? false : 'needs strace: install it (Linux only) and run npm run test:network again';
}

describe('nothing leaves the machine', { skip: installStrace() }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sightline-network-'));
    for (const name of ['home', 'tmp', 'data']) await mkdir(join(folder, name));
    await cp(photos, join(folder, 'data/photos'), { recursive: true, filter: (source) => !source.endsWith('.md') });
    await writeManyPhotos(join(folder, 'dataset'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /**
   * Runs a command under strace to its end, without npm, which keeps its own cache; `onceUp` gets the address that the
   * server prints.
   */
  async function calls(args: readonly string[], onceUp?: (url: string) => Promise<unknown>): Promise<string[]> {
    const trace = join(folder, 'trace');
    const {
      CI: _ci,
      GITHUB_ACTIONS: _actions,
      NODE_COMPILE_CACHE: _cache,
      ORT_DISABLE_TELEMETRY: _ort,
      ...env
    } = process.env;
    const follow = ['-f', '-qq', '--seccomp-bpf', '-s', '4096', '-e', `trace=${[...SOCKETS, ...WRITES].join(',')}`];
    const child = spawn('strace', [...follow, '-o', trace, process.execPath, 'bin/sightline.cjs', ...args], {
      cwd: root,
      env: { ...env, HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp'), LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit').then(([code]) => code as number | null);
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        printed += chunk;
      });
    }
    const traced = async () => (await readFile(trace, 'utf8')).split('\n');
    if (onceUp !== undefined) {
      const address = async () => /http:\/\/[\w.:[\]]+:\d+/.exec(printed)?.[0] ?? null;
      await eventually('the address of the server', 60_000, address)
        .then(onceUp)
        .finally(async () => {
          // A signal to strace would not reach the server: it goes to the listening process.
          process.kill(Number.parseInt((await traced()).find((line) => / bind\(.*AF_INET/.test(line))!, 10), 'SIGTERM');
        });
    }
    assert.equal(await ended, 0, printed);
    return traced();
  }

  function networkOf(lines: readonly string[]): string[] {
    return lines.filter((line) => /^\d+ +\w+\(/.test(line) && /AF_INET|AF_UNIX, sun_path/.test(line));
  }

  /** Paths opened for writing, created or renamed, except those that every process has. */
  function writesOutside(lines: readonly string[]): string[] {
    const changing = /\bO_(WRONLY|RDWR|CREAT)\b|^\d+ +(creat|mkdir|mkdirat|rename\w*|link|linkat)\(/;
    const paths = lines
      .filter((line) => changing.test(line) && WRITES.some((name) => line.includes(` ${name}(`)))
      .filter((line) => !/ = -1 E/.test(line))
      .flatMap((line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => resolve(root, match[1]!)));
    const own = [join(folder, 'data'), '/dev/', '/proc/self/'];
    const others = paths.filter((path) => !own.some((start) => path.startsWith(start)));
    return [...new Set(others)].slice(0, 20);
  }

  async function isClean(lines: readonly string[]): Promise<void> {
    assert.deepEqual(writesOutside(lines), []);
    for (const name of ['home', 'tmp']) {
      const found = await readdir(join(folder, name), { recursive: true });
      const left = found.map((path) => join(folder, name, path));
      assert.deepEqual(left, []);
    }
  }

  const data = () => join(folder, 'data');

  it('strace sees what it is to see', async () => {
    const script = "require('http').get('http://127.0.0.1:9'); require('fs').writeFileSync(process.argv[1], '')";
    const trace = join(folder, 'trace');
    const file = join(folder, 'outside');
    spawnSync('strace', ['-f', '-o', trace, process.execPath, '-e', script, file]);
    const lines = (await readFile(trace, 'utf8')).split('\n');
    assert.ok(networkOf(lines).some((line) => line.includes(' connect(')));
    assert.ok(writesOutside(lines).includes(file));
  });

  it('serving: one socket, on this machine only', { timeout: 120_000 }, async () => {
    const lines = await calls(['serve', '--data', data(), '--port', '0'], async (url) => {
      await eventually('the pictures to be indexed', 60_000, async () => {
        const { backlog, pictures } = (await (await fetch(`${url}/status`)).json()) as Record<string, number>;
        return backlog === 0 && pictures === 23 ? true : null;
      });
      const found = (await (await fetch(`${url}/search?q=a+cat`)).json()) as {
        items: { links: { content: string } }[];
      };
      for (const path of ['', 'docs', 'health']) assert.equal((await fetch(`${url}/${path}`)).status, 200);
      assert.equal(found.items.length, 20);
    });
    const own = networkOf(lines);
    assert.equal(own.filter((line) => line.includes(' socket(')).length, 1, own.join('\n'));
    assert.ok(
      own.every((line) => / (socket|bind)\(/.test(line) && !/sin_addr=(?!inet_addr\("127\.)/.test(line)),
      own.join('\n'),
    );
    await isClean(lines);
  });

  it('indexing: none', { timeout: 120_000 }, async () => {
    const lines = await calls(['index', join(folder, 'dataset/images'), '--data', data()]);
    assert.deepEqual(networkOf(lines), []);
    await isClean(lines);
  });

  it('training: none', { timeout: 120_000 }, async () => {
    const to = (name: string) => join(data(), name);
    const places = ['--features', to('features'), '--run', to('run'), '--out', to('head')];
    const recipe = ['--recipe', 'seed', '--epochs', '2'];
    const lines = await calls(['train', '--data', join(folder, 'dataset'), ...recipe, ...places]);
    assert.deepEqual(networkOf(lines), []);
    await isClean(lines);
  });
});
