// npm run client -- [--from URL] [--out web/api.ts]
import { writeFile } from 'node:fs/promises';
import { userPath } from '../server/runtime.ts';
import { EXIT, runCommand } from './cli/command.ts';
import { type OpenApiDocument, typesOf } from './client/openapi-types.ts';

const usage = `
Usage: npm run client -- [options]

Writes the types of the API's client from the document of a running server.

  --from URL   the document (default: http://127.0.0.1:8787/openapi.json)
  --out FILE   file to write (default: web/api.ts)
`;

await runCommand(
  { usage, options: { from: { type: 'string' }, out: { type: 'string' } }, positionals: { min: 0, max: 0 } },
  async (flags) => {
    const from = flags.from ?? 'http://127.0.0.1:8787/openapi.json';
    const response = await fetch(from);
    if (!response.ok) throw new Error(`expected an OpenAPI document at ${from}, got status ${response.status}`);
    await writeFile(userPath(flags.out ?? 'web/api.ts'), typesOf((await response.json()) as OpenApiDocument));
    return EXIT.done;
  },
);
