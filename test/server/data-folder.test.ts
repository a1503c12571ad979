import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { makeDataFolder } from '../../server/data-folder.ts';
import { tempFolder } from '../support/temp-folder.ts';

const NOBODY = 65534;
/** Loads its modules as this user, then switches to another one. */
const AS_NOBODY = `
const { makeDataFolder } = await import(process.argv[1]);
process.setgroups([]);
process.setgid(${NOBODY});
process.setuid(${NOBODY});
console.log(await makeDataFolder(process.argv[2]).then(() => 'fine', (error) => error.message));
`;
const source = new URL('../../server/data-folder.ts', import.meta.url).href;

describe('a data folder', () => {
  let dir: string;
  let data: string;
  beforeEach(async () => {
    dir = tempFolder();
    await chmod(dir, 0o755);
    data = join(dir, 'data');
  });
  afterEach(() => chmod(data, 0o700).catch(() => {}));

  it('is made where there is none, and taken as it is', async () => {
    await makeDataFolder(data);
    await writeFile(join(data, 'index.sqlite'), '');
    await makeDataFolder(data);
    await writeFile(join(dir, 'file'), '');
    await assert.rejects(makeDataFolder(join(dir, 'file')), { code: 'unavailable', message: /cannot make the folder/ });
  });

  const isRoot = process.getuid?.() === 0;
  it('of another user is refused with both users named and what to do', { skip: !isRoot && 'only root' }, async () => {
    const tell = async () => {
      const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', AS_NOBODY, source, data];
      return (await promisify(execFile)(process.execPath, args)).stdout.trim();
    };
    await mkdir(data, { mode: 0o755 });
    const expected = /belongs to another user \(number 0, and this is 65534\); start as that user, give it .*--data$/;
    assert.match(await tell(), expected);
    await chmod(data, 0o700);
    assert.match(await tell(), expected);
    await chmod(data, 0o777);
    assert.equal(await tell(), 'fine');
    await writeFile(join(data, 'index.sqlite'), '', { mode: 0o644 });
    assert.match(await tell(), /index\.sqlite: the data folder belongs to another user/);
  });

  it('of this user without the permission says which', { skip: isRoot && 'root may do everything' }, async () => {
    await mkdir(data, { mode: 0o500 });
    await assert.rejects(makeDataFolder(data), { message: /permission denied: give the user of this program access/ });
  });
});
