import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { writeManyPhotos } from '../support/photo-dataset.ts';
import { eventually } from '../support/start-server.ts';

/**
 * `npm run test:install`: the package as users get it. Packs it, installs it into an empty folder with access to the
 * npm registry only, starts it, and searches. Not in `npm test`, because it takes minutes and needs the registry.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let home: string;
let folder: string;
let photos: string;

/** A user's environment: this Node first on the path, an empty home folder, and nothing from the npm that runs this. */
function environment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|SIGHTLINE_|PORT$|HOST$)/.test(name));
  return {
    ...Object.fromEntries(ours),
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home,
    USERPROFILE: home,
    LOCALAPPDATA: join(home, 'AppData', 'Local'),
    XDG_DATA_HOME: join(home, 'share'),
  };
}

const call = (command: string, args: readonly string[], cwd = folder, env = environment()) =>
  run(command, args, { cwd, env, shell: process.platform === 'win32', maxBuffer: 1e8 });
const sightline = (...args: string[]) => call('npx', ['sightline', ...args]);

before(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'sightline-install-')));
  folder = join(home, 'empty');
  photos = join(home, 'Pictures');
  await mkdir(folder);
  await mkdir(photos);
  for (const name of ['cat.jpg', 'coffee.jpg', 'sunset.jpg']) {
    await cp(join(root, 'examples/photos', name), join(photos, name));
  }
  // Packed as by an ordinary user, with the npm settings of this checkout.
  await run('npm', ['pack', '--pack-destination', home], { cwd: root, shell: process.platform === 'win32' });
  const { stdout: registry } = await call('npm', ['config', 'get', 'registry']);
  // Whatever asks another host is refused at once.
  const fence = {
    HTTP_PROXY: 'http://127.0.0.1:1',
    HTTPS_PROXY: 'http://127.0.0.1:1',
    NO_PROXY: new URL(registry.trim()).hostname,
  };
  const names = Object.keys(fence).flatMap((name) => [name, name.toLowerCase()]);
  const outside = Object.fromEntries(Object.entries(environment()).filter(([name]) => !names.includes(name)));
  const archive = join('..', `sightline-${packageJson.version}.tgz`);
  await call('npm', ['install', '--no-audit', '--no-fund', archive], folder, { ...outside, ...fence });
});
after(() => rm(home, { recursive: true, force: true }));

async function start(...args: string[]): Promise<{ url: string; child: ChildProcess; printed: () => string }> {
  const child = spawn('npx', ['sightline', ...args, '--port', '0'], {
    cwd: folder,
    env: environment(),
    detached: process.platform !== 'win32',
    shell: process.platform === 'win32',
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk;
    });
  }
  const url = await eventually('the installed server', 120_000, async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${printed}`);
    return /http:\/\/[\w.:]+/.exec(printed)?.[0] ?? null;
  });
  return { url, child, printed: () => printed };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  // A terminal sends Ctrl-C to the whole process group: npm alone would wait for its child.
  if (process.platform === 'win32') child.kill();
  else process.kill(-child.pid!, 'SIGINT');
  await ended;
}

describe('the installed package', { timeout: 900_000 }, () => {
  it('says its version and its commands', async () => {
    assert.equal((await sightline('--version')).stdout.trim(), packageJson.version);
    const { stdout } = await sightline('--help');
    assert.match(stdout, /^Usage: sightline \[COMMAND\]/);
    assert.doesNotMatch(stdout, /npm run|npm start/);
    await assert.rejects(sightline('search', 'anything', '--data', join(home, 'nothing')), {
      code: 1,
      stderr: /there is no index in .*nothing: sightline index FOLDER makes one$/m,
    });
  });

  it('serves a folder, with its page and its documentation, and finds a picture by words', async () => {
    const { url, child, printed } = await start(photos);
    try {
      assert.ok(printed().includes(photos));
      await eventually('the pictures', 120_000, async () => {
        const { total } = (await (await fetch(`${url}/images`)).json()) as { total: number };
        return total === 3 ? true : null;
      });
      const found = (await (await fetch(`${url}/search?q=a+sleeping+cat&limit=1`)).json()) as {
        items: { key: string }[];
      };
      assert.equal(found.items[0]!.key, 'cat.jpg');
      const page = await (await fetch(url)).text();
      const script = /src="([^"]+\.js)"/.exec(page)![1]!;
      for (const path of [script, '/docs', '/docs/swagger-ui-bundle.js', '/openapi.json']) {
        assert.equal((await fetch(new URL(path, `${url}/`))).status, 200, path);
      }
    } finally {
      await stop(child);
    }
  });

  it('indexes and searches from the terminal, paths alone and JSON alone', async () => {
    assert.match((await sightline('index', photos)).stdout, /^3 pictures of /);
    const paths = await sightline('search', 'a cup of coffee', '--limit', '1', '--paths');
    assert.equal(paths.stdout, `${join(photos, 'coffee.jpg')}\n`);
    const json = await sightline('search', 'a cup of coffee', '--json');
    assert.equal((JSON.parse(json.stdout) as { items: unknown[] }).items.length, 3);
  });

  it('keeps its data where the system keeps such things, and nothing below node_modules', async () => {
    const data =
      process.platform === 'darwin'
        ? join(home, 'Library/Application Support/sightline')
        : join(home, process.platform === 'win32' ? 'AppData/Local/sightline' : 'share/sightline');
    assert.ok((await readdir(data)).includes('index.sqlite'));
    const installed = join(folder, 'node_modules', 'sightline');
    assert.deepEqual((await readdir(installed)).sort(), [
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'docs',
      'examples',
      'models',
      'package.json',
    ]);
  });

  it('serves the samples when no folder is named', async () => {
    const { url, child } = await start('--data', join(home, 'samples'));
    try {
      await eventually('the samples', 120_000, async () => {
        const { total } = (await (await fetch(`${url}/images`)).json()) as { total: number };
        return total === 23 ? true : null;
      });
    } finally {
      await stop(child);
    }
  });

  it('trains a head, judges it and writes its report', async () => {
    const data = await writeManyPhotos(join(home, 'captioned'));
    const head = join(home, 'head');
    await sightline('train', '--data', data, '--recipe', 'seed', '--epochs', '2', '--out', head);
    const judged = await sightline('evaluate', '--data', data, '--head', head, '--resamples', '10', '--json');
    assert.ok((JSON.parse(judged.stdout) as { recallSum: number }).recallSum > 0);
    const out = join(home, 'report.html');
    await sightline('report', '--data', data, '--head', head, '--resamples', '10', '--out', out);
    assert.match(await readFile(out, 'utf8'), /<script type="application\/json" id="data">/);
  });

  it('brings the client, without anything of the server', async () => {
    const file = join(folder, 'client.mjs');
    await writeFile(
      file,
      `import { createClient } from 'sightline/client';\nconsole.log(typeof createClient({}).search);\n`,
    );
    assert.equal((await call(process.execPath, [file])).stdout, 'function\n');
  });

  it('is refused by an older Node in one sentence', async () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });`;
    const preload = join(home, 'older.cjs');
    await writeFile(preload, older);
    const launcher = join(folder, 'node_modules/sightline/bin/sightline.cjs');
    await assert.rejects(
      call(process.execPath, ['--require', preload, launcher]),
      (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 1);
        assert.match(
          error.stderr,
          /^sightline needs Node 24 or newer, and this is v[^ ]+: .*npm install node@24[^.]*\.\n$/,
        );
        return true;
      },
    );
  });
});
