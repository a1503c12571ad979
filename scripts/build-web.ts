// npm run build -- [--out dist/web]
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildPage } from '../server/build-page.ts';
import { userPath } from '../server/runtime.ts';
import { EXIT, runCommand } from './cli/command.ts';

const usage = `
Usage: npm run build -- [options]

Writes the page into a folder, for servers that do not build it at their start.

  --out DIR       folder to write, emptied first (default: dist/web)
  --source-maps   with source maps
  --json          the written files as JSON
`;

await runCommand(
  {
    usage,
    options: { out: { type: 'string' }, 'source-maps': { type: 'boolean' }, json: { type: 'boolean' } },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    const out = userPath(flags.out ?? 'dist/web');
    const page = await buildPage({ sourceMaps: flags['source-maps'] ?? false });
    await rm(join(out, 'assets'), { recursive: true, force: true });
    const written = [];
    for (const [path, file] of page) {
      const target = join(out, path === '/' ? 'index.html' : path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, file.body);
      written.push({ path, bytes: file.body.length, gzipBytes: gzipSync(file.body).length });
    }
    if (flags.json) console.log(JSON.stringify({ out, files: written }));
    else for (const { path, bytes, gzipBytes } of written) console.log(`${path}  ${bytes} bytes, ${gzipBytes} gzipped`);
    return EXIT.done;
  },
);
