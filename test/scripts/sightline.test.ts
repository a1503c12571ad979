import assert from 'node:assert/strict';
import { exec, execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The command line itself: behaviour common to all commands. */

const root = join(import.meta.dirname, '../..');
const sightline = (...args: string[]) => runScript(['scripts/sightline.ts', ...args]);

/** Runs lines in one process: each import of the command line, by another URL, runs it once more. */
function inOneProcess(lines: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const code = `process.stdout.setMaxListeners(0);
  for (const line of ${JSON.stringify(lines)}) {
    process.exitCode = 0;
    process.argv = [process.argv[0], 'sightline', ...line.split(' ')];
    await import('./scripts/sightline.ts?' + line);
    console.log(process.exitCode, '\f');
  }`;
  return runScript(['--input-type=module', '--eval', code], env);
}

/** Runs a command through npm, as a user does; returns the exit code and all output. */
function npm(...args: string[]): Promise<{ code: number; printed: string }> {
  return new Promise((resolve) => {
    execFile('npm', args, { cwd: root, shell: process.platform === 'win32' }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), printed: stdout + stderr });
    });
  });
}

function shell(line: string): Promise<{ code: number; printed: string }> {
  return new Promise((resolve) => {
    exec(`set -o pipefail 2>/dev/null; ${line}`, { cwd: root, shell: 'bash' }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), printed: stdout + stderr });
    });
  });
}

const table = readFileSync(new URL('../../scripts/sightline.ts', import.meta.url), 'utf8');
const commands = [...table.matchAll(/^ {2}(\w+): \[/gm)].map(([, name]) => name!);

describe('sightline', () => {
  it('lists every command, and each has an npm script and a usage text', async () => {
    const { stdout, code } = await sightline('--help');
    assert.equal(code, 0);
    assert.ok(commands.length >= 12);
    const scripts: Readonly<Record<string, string>> = packageJson.scripts;
    const help = await inOneProcess(commands.map((name) => `${name} -h`));
    assert.deepEqual([help.code, help.stderr], [0, '']);
    const usages = help.stdout.split('\f\n');
    for (const [i, name] of commands.entries()) {
      assert.match(stdout, new RegExp(`^  ${name} +\\w`, 'm'));
      const script = name === 'serve' ? scripts.start! : scripts[name];
      assert.match(script ?? '', new RegExp(`sightline\\.cjs ${name}$`), `an npm script for ${name}`);
      const usage = usages[i]!;
      assert.match(usage, /\n0 $/);
      assert.match(usage, name === 'serve' ? /^Usage: npm start -- / : new RegExp(`^Usage: npm run ${name} -- `));
      assert.deepEqual(
        usage.split('\n').filter((line) => line.length > 120),
        [],
      );
    }
  });

  it('explains a command also when it is asked by a word', async () => {
    assert.equal((await sightline('help', 'search')).stdout, (await sightline('search', '--help')).stdout);
    assert.equal((await sightline('help')).stdout, (await sightline('--help')).stdout);
  });

  it('makes no data folder where a command expects an index', async () => {
    const data = join(tempFolder(), 'misspelt');
    const list =
      'search x, export, import -, trash list, spaces list, spaces use x, spaces rm x, folders list, reindex';
    const lines = list.split(', ').map((line) => `${line} --data ${data}`);
    // Without the cache of compiled modules that all tests share: a user's is in the data folder.
    const { stdout, stderr } = await inOneProcess(lines, { NODE_COMPILE_CACHE: undefined });
    const refusal = `error: there is no index in ${data}: npm run index -- FOLDER makes one\n`;
    assert.deepEqual([stdout, stderr], ['1 \f\n'.repeat(lines.length), refusal.repeat(lines.length)]);
    assert.ok(!existsSync(data));
  });

  it('ends quietly when nobody reads any more', async () => {
    const line = `"${process.execPath}" scripts/sightline.ts --help | true`;
    const { code, printed } = await shell(line);
    assert.deepEqual([code, printed], [0, '']);
  });

  it('says its version', async () => {
    for (const args of [['--version'], ['search', '--version']]) {
      assert.equal((await sightline(...args)).stdout, `${packageJson.version}\n`);
    }
  });

  it('starts the Node of a clone when the system has an older one', async () => {
    const older = join(tempFolder(), 'older.cjs');
    // It does not know `node:` either, as none did before 14.18.
    writeFileSync(
      older,
      `Object.defineProperty(process, 'versions', { value: { node: '12.22.12' } });
      const Module = require('module');
      const load = Module._load;
      Module._load = (name, ...rest) => {
        if (name.startsWith('node:')) throw new Error('Cannot find module ' + name);
        return load(name, ...rest);
      };`,
    );
    const { code, stdout, stderr } = await runScript(['--require', older, 'bin/sightline.cjs', '--version']);
    assert.deepEqual([code, stdout, stderr], [0, `${packageJson.version}\n`, '']);
    const unknown = await runScript(['--require', older, 'bin/sightline.cjs', 'serch', 'dog']);
    assert.deepEqual([unknown.code, /got "serch"/.test(unknown.stderr)], [2, true]);
  });

  const refused: readonly [string, string[], RegExp][] = [
    [
      'a command that is none',
      ['serch', 'dog'],
      /expected a command or a folder, got "serch"; did you mean .* search\?/,
    ],
    ['an option that is none', ['search', 'dog', '--limt', '3'], /no option --limt; did you mean --limit\?/],
    ['an option like no other', ['search', 'dog', '--colour'], /^there is no option --colour$/m],
    ['a letter that is no option', ['search', 'dog', '-n', '3'], /^there is no option -n$/m],
    ['a value that does not fit', ['search', 'dog', '--limit', 'few'], /--limit: expected a number, got "few"/],
    ['a value out of bounds', ['train', '--threads', '0'], /--threads: expected a whole number from 1 to 256, got "0"/],
    ['a word that is none of a choice', ['train', '--recipe', 'worst'], /--recipe: expected .*best.*, got "worst"/],
    ['a folder that is nothing', ['serve', '--photos', ''], /--photos: expected a folder, got ""/],
    ['too many words', ['index', 'a', 'b'], /expected 1 argument, got 2/],
    ['a variable that is not set', ['index', ''], /got an empty one/],
    ['a variable that is not set', ['import', ' '], /got an empty one/],
  ];
  for (const [what, args, message] of refused) {
    it(`refuses ${what}, with the usage`, async () => {
      const { code, stdout, stderr } = await sightline(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.match(stderr, /Usage: /);
    });
  }
});

describe('flags that npm keeps for itself', () => {
  const kept: readonly [string[], string][] = [
    [['run', 'search', 'a dog', '--limit', '3'], 'npm run search -- "a dog" --limit 3'],
    [['run', 'search', 'dog', '--json'], 'npm run search -- dog --json'],
    [['run', 'search', '--limit=3', 'dog', '--min-score=-0.5'], 'npm run search -- dog --limit 3 --min-score -0.5'],
    [['start', '--photos=a b'], 'npm start -- --photos "a b"'],
    [['start', '--port', '0'], 'npm start -- --port 0'],
  ];
  for (const [args, line] of kept) {
    it(`says what to type instead of npm ${args.join(' ')}`, async () => {
      const { code, printed } = await npm(...args);
      assert.equal(code, 2);
      assert.ok(printed.includes(`\n    ${line}\n`), printed);
    });
  }
});
