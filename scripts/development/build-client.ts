import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { path } from '../../core/setting-value.ts';
import { userPath } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'web/client.ts');
/** Options of the compiler that writes the types. */
const COMPILER =
  '--ignoreConfig --declaration --emitDeclarationOnly --strict --allowImportingTsExtensions --skipLibCheck ' +
  '--module nodenext --target es2022 --lib es2022,dom,dom.iterable';

export default command({
  about: `
Builds the typed API client for browsers and Node, as JavaScript with types and without dependencies: the module
that \`import { createClient } from 'sightline/client'\` loads. npm pack calls this. The folder is also a package of
its own: \`npm install ./dist/client\` installs only the client.`,
  options: { out: path({ text: 'folder to write, emptied first', shown: 'dist/client' }) },
  run: async (flags) => {
    const out = flags.out ?? userPath('dist/client');
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    const { build } = await import('esbuild');
    await build({
      entryPoints: [source],
      outfile: join(out, 'client.js'),
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      target: 'es2022',
      legalComments: 'none',
      logLevel: 'silent',
    });
    writeTypes(out);
    const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
    const about = { name: 'sightline-client', version, license, type: 'module', private: true };
    const entry = { types: './client.d.ts', default: './client.js' };
    await writeFile(join(out, 'package.json'), `${JSON.stringify({ ...about, exports: { '.': entry } }, null, 2)}\n`);
    console.log(`${out}: client.js, client.d.ts`);
    return EXIT.done;
  },
});

/** Declarations import each other as `.js`, which every kind of module resolution finds. */
function writeTypes(out: string): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const call = [tsc, source, '--outDir', out, ...COMPILER.split(' ')];
  const made = spawnSync(process.execPath, call, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`expected the types of ${source} to be written, tsc said:\n${made.stdout}`);
  // They lie as in the source, with those of what the client takes from core.
  for (const name of globSync('web/*.d.ts', { cwd: out })) {
    const types = readFileSync(join(out, name), 'utf8').replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'");
    writeFileSync(join(out, basename(name)), types);
  }
  for (const folder of ['core', 'web']) rmSync(join(out, folder), { recursive: true });
}
