import { writeFile } from 'node:fs/promises';
import { path, url } from '../../core/setting-value.ts';
import { userPath } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';
import { type OpenApiDocument, typesOf } from './client/openapi-types.ts';

export default command({
  about: "Generates the types of the API client from a running server's OpenAPI document.",
  options: {
    from: url({ text: 'the OpenAPI document', default: 'http://127.0.0.1:8787/openapi.json' }),
    out: path({ unit: 'FILE', text: 'file to write', shown: 'web/api.ts' }),
  },
  run: async (flags) => {
    const { from } = flags;
    const response = await fetch(from);
    if (!response.ok) throw new Error(`expected an OpenAPI document at ${from}, got status ${response.status}`);
    await writeFile(flags.out ?? userPath('web/api.ts'), typesOf((await response.json()) as OpenApiDocument));
    return EXIT.done;
  },
});
