import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { openFailureLog } from '../../core/failure-log/sqlite.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { failuresContract } from './failure-log.ts';

const dir = tempFolder();
let files = 0;
const newFile = () => join(dir, `${++files}.sqlite`);

failuresContract('sqlite', async (now) => {
  const file = newFile();
  const log = await openFailureLog({ file, now });
  return { log, again: () => openFailureLog({ file, now }), dispose: () => log.close() };
});

const failure = {
  id: 'id',
  bucket: 'b',
  key: 'k',
  etag: 'e',
  sequencer: '1',
  reason: 'corrupt',
  message: 'm',
  retryable: false,
};

/** Runs a module in another process; its source may use `openFailureLog` and `file`. */
function run(source: string, file: string) {
  const driver = join(import.meta.dirname, '../../core/failure-log/sqlite.ts');
  const code =
    `import { openFailureLog } from ${JSON.stringify(driver)}; const file = ` + `${JSON.stringify(file)}; ${source}`;
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('the failure log in SQLite', () => {
  it('keeps what was acknowledged when the process is killed', async () => {
    const file = newFile();
    const child = run(
      `const log = await openFailureLog({ file });
       for (let i = 0; ; i++) {
         await log.record({ ...${JSON.stringify(failure)}, id: 'id' + i });
         process.stdout.write(i + '\\n');
         await new Promise((resolve) => setImmediate(resolve));
       }`,
      file,
    );
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.split('\n').length > 50) child.kill('SIGKILL');
    }
    const acknowledged = output.split('\n').length - 1;
    const log = await openFailureLog({ file });
    assert.ok((await log.count()) >= acknowledged, `${await log.count()} of ${acknowledged} are left`);
    assert.ok(await log.get(`id${acknowledged - 1}`));
    await log.close();
  });

  it('is made once when several processes open it for the first time', async () => {
    const file = newFile();
    const children = Array.from({ length: 4 }, (_, i) =>
      run(
        `const log = await openFailureLog({ file });
         await log.record({ ...${JSON.stringify(failure)}, id: 'id${i}' });
         await log.close();`,
        file,
      ),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
    assert.deepEqual(codes, [0, 0, 0, 0]);
    const log = await openFailureLog({ file });
    assert.equal(await log.count(), 4);
    await log.close();
  });

  it('refuses a file of another version, and leaves it as it is', async () => {
    const file = newFile();
    await (await openFailureLog({ file })).close();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 2');
    db.close();
    const message = /version 1, but it has version 2; run the release of Sightline that wrote it or a newer one/;
    await assert.rejects(openFailureLog({ file }), { code: 'schema-mismatch', message });
    await assert.rejects(openFailureLog({ file }), { code: 'schema-mismatch', message });
  });

  it("refuses another program's database and other files", async () => {
    const database = newFile();
    const db = new DatabaseSync(database);
    db.exec('CREATE TABLE letters (text TEXT)');
    db.close();
    await assert.rejects(openFailureLog({ file: database }), { code: 'schema-mismatch', message: /another program/ });
    const words = newFile();
    await writeFile(words, 'not a database at all, only words. '.repeat(200));
    await assert.rejects(openFailureLog({ file: words }), { code: 'schema-mismatch', message: /not a database/ });
  });

  it('says what is wrong with the place', async () => {
    await assert.rejects(openFailureLog({ file: join(dir, 'missing', 'x.sqlite') }), {
      code: 'unavailable',
      message: /missing.x\.sqlite.*does its folder exist/,
    });
    const folder = newFile();
    await mkdir(folder);
    await assert.rejects(openFailureLog({ file: folder }), { code: 'unavailable' });
  });
});
