import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import packageJson from '../../../package.json' with { type: 'json' };
import lock from '../../../package-lock.json' with { type: 'json' };
import { BROUGHT, bundleCommand } from '../../../scripts/development/package/bundle.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');

interface Locked {
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  /** What an alias stands for. */
  readonly name?: string;
}

describe('the package', () => {
  it('needs nothing that runs a script when it is installed', () => {
    const needed = Object.entries(lock.packages as Readonly<Record<string, Locked>>).filter(([, { dev }]) => !dev);
    assert.ok(needed.length > 50);
    const withScript = needed.filter(([, { hasInstallScript }]) => hasInstallScript);
    assert.deepEqual(
      withScript.map(([name]) => name),
      [],
    );
  });

  it('is installed without @xenova/transformers, under that name and its own', () => {
    const all = Object.entries(lock.packages as Readonly<Record<string, Locked>>);
    const found = all.filter(([path, { name = path }]) => /@(xenova|huggingface)\/transformers$/.test(name));
    assert.deepEqual(
      found.map(([path, { name, dev }]) => [path, name, dev]),
      [['node_modules/@xenova/transformers', '@huggingface/transformers', true]],
    );
  });

  it('says of each package with an install script whether it runs', () => {
    const all = Object.entries(lock.packages as Readonly<Record<string, Locked>>);
    const withScript = all.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
    const names = withScript.map((path) => path.replace(/^.*node_modules\//, ''));
    assert.deepEqual([...new Set(names)].sort(), Object.keys(packageJson.allowScripts).sort());
  });

  it('is installed and run by npm without a warning', async () => {
    const { stderr } = await run('npm', ['ci', '--dry-run', '--offline', '--no-audit'], {
      cwd: root,
      shell: process.platform === 'win32',
    });
    assert.equal(stderr, '');
  });

  it('depends on what its JavaScript imports and on nothing else', async () => {
    const target = tempFolder();
    const imported = await bundleCommand(root, target);
    const files = await readdir(target);
    assert.ok(files.includes('sightline.js'));
    const said = (await Promise.all(files.map((file) => readFile(join(target, file), 'utf8')))).join('\n');
    const scripts = said.match(/.*(npm run [a-z]|npm start).*/g)?.map((line) => line.trim());
    assert.deepEqual(scripts, [`deploy: "${packageJson.scripts.deploy}",`], 'names a script, which only a clone has');
    assert.match(said, /sightline key/);
    const needed = imported.filter((name) => !BROUGHT.includes(name));
    // Imports of onnxruntime-node, which is bundled, and the log printer, which pino loads by name.
    const byName = ['onnxruntime-common', 'pino-pretty'];
    assert.deepEqual(Object.keys(packageJson.dependencies).sort(), [...needed, ...byName].sort());
    const { 'onnxruntime-common': common } = packageJson.dependencies;
    assert.equal(common, packageJson.devDependencies['onnxruntime-node'], 'two halves of one version');
  });
});
