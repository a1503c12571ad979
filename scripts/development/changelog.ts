import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { root } from '../../server/environment.ts';
import { command, EXIT, UsageError } from '../cli/command.ts';
import { cutVersion, notesOf } from './changelog/sections.ts';

export default command({
  usage: 'notes | cut',
  about: 'Release notes of the version in package.json. `npm version` and the release workflow call this.',
  words: {
    min: 1,
    max: 1,
    rows: {
      notes: 'prints the section of the version in CHANGELOG.md',
      cut: 'turns "Unreleased" into the section of the version, dated today, and updates the file name in README.md',
    },
  },
  options: {},
  run: async (_flags, [what]) => {
    const file = join(root, 'CHANGELOG.md');
    const changelog = await readFile(file, 'utf8');
    const { version } = packageJson;
    if (what === 'notes') console.log(notesOf(changelog, version));
    else if (what === 'cut') {
      await writeFile(file, cutVersion(changelog, version, new Date().toISOString().slice(0, 10)));
      const readme = join(root, 'README.md');
      const text = await readFile(readme, 'utf8');
      await writeFile(readme, text.replaceAll(/sightline-\d+\.\d+\.\d+\.tgz/g, `sightline-${version}.tgz`));
    } else throw new UsageError(`expected notes or cut, got ${what}`);
    return EXIT.done;
  },
});
