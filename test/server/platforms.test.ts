import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** Differences on macOS and Windows, as far as they can be tested elsewhere: docs/platforms.md. */

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Makes Node report another operating system. */
const pretending = (platform: string) => [
  '--disable-warning=ExperimentalWarning',
  '--import',
  `data:text/javascript,Object.defineProperty(process, 'platform', { value: '${platform}' })`,
];

describe('on another system', () => {
  const folders: readonly [string, Record<string, string>, string][] = [
    ['linux', { XDG_DATA_HOME: '/data/home' }, '/data/home/sightline'],
    ['linux', { XDG_DATA_HOME: '' }, '/home/somebody/.local/share/sightline'],
    ['darwin', {}, '/home/somebody/Library/Application Support/sightline'],
    ['win32', { LOCALAPPDATA: '/home/somebody/AppData/Local' }, '/home/somebody/AppData/Local/sightline'],
    ['win32', { LOCALAPPDATA: '' }, '/home/somebody/AppData/Local/sightline'],
  ];
  for (const [platform, env, expected] of folders) {
    it(`an installed package keeps its data in ${expected} on ${platform} with ${JSON.stringify(env)}`, async () => {
      const module = pathToFileURL(`${root}/server/environment.ts`);
      const print = `import { systemData } from '${module}'; console.log(systemData())`;
      const args = [...pretending(platform), '--input-type=module', '--eval', print];
      const options = { cwd: tmpdir(), env: { ...process.env, HOME: '/home/somebody', ...env } };
      assert.equal((await run(process.execPath, args, options)).stdout.trim(), expected);
    });
  }

  it('a folder of pictures keeps its contract where there is no /proc', async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = [...pretending('darwin'), '--test-isolation=none', '--test', 'test/contract/objects-folder.test.ts'];
    await run(process.execPath, args, { cwd: root, env, maxBuffer: 1e8 }).catch(({ stdout }: { stdout: string }) =>
      assert.fail(stdout),
    );
  });
});
