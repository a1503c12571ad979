import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type PageServer, pageServer } from '../../support/page-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');

/** The README's example as a program: the code that people copy must work. */
async function readmeExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const example = [...readme.matchAll(/```ts\n(.+?)```/gs)].find(([, code]) => code!.includes("'sightline-client'"));
  assert.ok(example, 'expected README.md to show the client');
  return example[1]!;
}

describe('the client as a package', () => {
  let server: PageServer;
  const project = tempFolder();
  before(async () => {
    server = await pageServer({}, 3);
    await mkdir(join(project, 'dist'));
    const made = join(project, 'dist', 'client');
    await run(process.execPath, [join(root, 'scripts/sightline.ts'), 'build:client', '--out', made], { cwd: root });
    await writeFile(join(project, 'package.json'), '{"type":"module"}');
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', './dist/client'], { cwd: project });
    await writeFile(join(project, 'example.ts'), await readmeExample());
  });
  after(() => server.close());

  it('runs in Node from node_modules, as in the README', async () => {
    const example = (await readmeExample()).replace('http://127.0.0.1:8787', server.url);
    await writeFile(join(project, 'example.mjs'), example);
    const { stdout } = await run(process.execPath, ['example.mjs'], { cwd: project });
    const { body } = await server.json('/images');
    const keys = body.items.map(({ key }) => String(key)).sort();
    const printed = stdout.trim().split('\n');
    assert.deepEqual(printed.map((line) => line.split(' ')[1]).sort(), keys);
    assert.match(printed[0]!, /^-?\d\.\d\d /);
  });

  it('has types that accept what is right and refuse what is wrong', async () => {
    const wrong = `import { createClient } from 'sightline-client';
const client = createClient({ baseUrl: '/' });
// @ts-expect-error a term has words, not a number
await client.search({ terms: [{ text: 7 }] });
// @ts-expect-error there is no such call
await client.serch();
export const total: number = (await client.listImages()).total;
`;
    await writeFile(join(project, 'wrong.ts'), wrong);
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    for (const resolution of ['nodenext', 'bundler']) {
      const module = resolution === 'bundler' ? 'esnext' : resolution;
      const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
      const how = ['--ignoreConfig', '--module', module, '--moduleResolution', resolution];
      await run(process.execPath, [tsc, ...how, ...options, 'example.ts', 'wrong.ts'], { cwd: project }).catch(
        ({ stdout }: { stdout: string }) => assert.fail(`${resolution}: ${stdout}`),
      );
    }
  });
});
