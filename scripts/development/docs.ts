import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';
import { scalePage } from './docs/scale.ts';
import { configurationPage, readmeWithTable } from './docs/settings-tables.ts';

export default command({
  about: 'Writes the generated documentation: docs/configuration.md, docs/scale.md, the settings in README.md.',
  options: {},
  run: async () => {
    const readme = join(root, 'README.md');
    await writeFile(join(root, 'docs/configuration.md'), configurationPage());
    await writeFile(join(root, 'docs/scale.md'), scalePage());
    await writeFile(readme, readmeWithTable(await readFile(readme, 'utf8')));
    return EXIT.done;
  },
});
