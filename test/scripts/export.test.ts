import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  constants,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { eventually, runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const samples = join(import.meta.dirname, '../../examples/photos');

describe('sightline export, sightline import', { timeout: 600_000 }, () => {
  const dir = tempFolder();
  const at = (path: string) => join(dir, path);
  const call = async (data: string, ...words: string[]) => {
    const { code, stdout, stderr } = await runScript(['scripts/sightline.ts', ...words, '--data', at(data)]);
    return { code, stdout, stderr };
  };
  before(async () => {
    for (const [folder, name] of [
      ['photos', 'cat.jpg'],
      ['photos', 'moon.jpg'],
      ['elsewhere/deep', 'renamed.jpg'],
    ] as const) {
      await mkdir(at(folder), { recursive: true });
      await copyFile(join(samples, name === 'renamed.jpg' ? 'cat.jpg' : name), at(`${folder}/${name}`));
    }
  });

  it('carry tags and captions to another index of the same pictures, found by key or by their bytes', async () => {
    const sha256 = createHash('sha256')
      .update(await readFile(join(samples, 'cat.jpg')))
      .digest('hex');
    const indexedAt = '2020-01-01T00:00:00.000Z';
    const picture = { type: 'picture', folder: 'photos', key: 'cat.jpg', sha256, tags: ['mine', 'Mietze'], indexedAt };
    const caption = { type: 'caption', caption: 'a cat on a wall', tags: ['said'], indexedAt };
    const unknown = { ...picture, key: 'other.jpg', sha256: '0'.repeat(64) };
    await writeFile(at('lines'), [picture, caption, unknown].map((line) => JSON.stringify(line)).join('\n'));
    assert.equal((await call('one', 'index', at('photos'))).code, 0);
    for (let again = 0; again < 2; again++) {
      const imported = await call('one', 'import', at('lines'));
      assert.equal(imported.stdout, '2 taken over, 1 of pictures that are not in this index.\n', imported.stderr);
    }
    const { stdout } = await call('one', 'export');
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => ({ ...JSON.parse(line), indexedAt })),
      [picture, caption],
    );

    assert.equal((await call('two', 'index', at('elsewhere'))).code, 0);
    await writeFile(at('exported'), stdout);
    assert.match((await call('two', 'import', at('exported'))).stdout, /^2 taken over, 0 of/);
    // UTF-16, as PowerShell redirects output.
    await writeFile(at('utf-16'), Buffer.from(`\ufeff${stdout.replaceAll('\n', '\r\n')}`, 'utf16le'));
    assert.match((await call('two', 'import', at('utf-16'))).stdout, /^2 taken over, 0 of/);
    const out = at('two.jsonl');
    await writeFile(out, 'an older one', { mode: 0o600 });
    await symlink(out, at('link'));
    assert.equal((await call('two', 'export', '--out', at('link'))).code, 0);
    assert.deepEqual([(await lstat(at('link'))).isSymbolicLink(), (await stat(out)).mode & 0o777], [true, 0o600]);
    const [found] = (await readFile(out, 'utf8')).split('\n');
    const { folder, key, tags } = JSON.parse(found!);
    assert.deepEqual({ folder, key, tags }, { folder: 'elsewhere', key: 'deep/renamed.jpg', tags: ['mine', 'Mietze'] });

    execFileSync('mkfifo', [at('pipe')]);
    const pipe = await open(at('pipe'), constants.O_RDWR | constants.O_NONBLOCK);
    assert.equal((await call('two', 'export', '--out', at('pipe'))).code, 0);
    const { buffer, bytesRead } = await pipe.read();
    await pipe.close();
    assert.equal(buffer.toString('utf8', 0, bytesRead), await readFile(out, 'utf8'));
  });

  it('carry what lies in the trash, with its file and its tags, and it comes back from there', async () => {
    for (const name of ['cat.jpg', 'moon.jpg']) {
      await mkdir(at('library'), { recursive: true });
      await copyFile(join(samples, name), at(`library/${name}`));
    }
    const bytes = await readFile(at('library/moon.jpg'));
    const server = await startServer(['--photos', at('library'), '--data', at('three')]);
    try {
      const [cat, moon] = await eventually('both to be indexed', 60_000, async () => {
        const { items } = await server.get<{ items: { id: string; key: string }[] }>('/images');
        return items.length === 2 ? items.toSorted((a, b) => (a.key < b.key ? -1 : 1)) : null;
      });
      await server.send('PATCH', `/images/${moon!.id}`, { tags: ['full'] });
      assert.equal((await server.send('DELETE', `/images/${moon!.id}`)).status, 204);
      assert.equal((await server.send('DELETE', `/images/${cat!.id}?from=index`)).status, 204);
    } finally {
      await server.stop();
    }
    assert.equal((await call('three', 'export', '--out', at('three.jsonl'))).code, 0);
    // Everything except the removed items is still there.
    await rm(at('three'), { recursive: true });
    assert.equal((await call('three', 'index', at('library'))).code, 0);
    for (let again = 0; again < 2; again++) {
      assert.match((await call('three', 'import', at('three.jsonl'))).stdout, /^2 taken over, 0 of/);
      assert.match((await call('three', 'index', at('library'))).stdout, /^0 pictures/);
    }
    const { items } = JSON.parse((await call('three', 'trash', 'list', '--json')).stdout);
    assert.deepEqual(
      items.map(({ key, moved }: { key: string; moved: boolean }) => [key, moved]),
      [
        ['cat.jpg', false],
        ['moon.jpg', true],
      ],
    );
    assert.equal((await call('three', 'trash', 'restore', items[1].id)).stdout, 'moon.jpg is back.\n');
    assert.deepEqual(await readFile(at('library/moon.jpg')), bytes);
    const exported = (await call('three', 'export')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      exported.map(({ type, key, tags }) => [type, key, tags]),
      [
        ['picture', 'moon.jpg', ['full']],
        ['trash', 'cat.jpg', []],
      ],
    );
    assert.match((await call('three', 'import', at('three.jsonl'))).stdout, /^2 taken over, 0 of/);
    assert.equal(JSON.parse((await call('three', 'trash', 'list', '--json')).stdout).items.length, 1);
  });

  it('keep what a picture has and add no more tags than it may have, and name the others', async () => {
    const [picture] = (await call('one', 'export')).stdout.split('\n');
    const tags = Array.from({ length: 33 }, (_, i) => `tag ${i}`);
    await writeFile(at('many'), JSON.stringify({ ...JSON.parse(picture!), tags }));
    const { code, stdout, stderr } = await call('one', 'import', at('many'));
    assert.deepEqual([code, stdout], [0, '1 taken over, 0 of pictures that are not in this index.\n']);
    assert.equal(stderr, 'line 1: expected at most 32 tags in all, got 35; not taken over: tag 30, tag 31, tag 32\n');
    const [now] = (await call('one', 'export')).stdout.split('\n');
    assert.deepEqual(JSON.parse(now!).tags, ['mine', 'Mietze', ...tags.slice(0, 30)]);
  });

  it('say which line is none', async () => {
    await writeFile(at('bad'), '\n{"type":"picture"}\n');
    const { code, stderr } = await call('one', 'import', at('bad'));
    assert.equal(code, 1);
    assert.match(stderr, /^error: line 2: expected one JSON document as sightline export writes it/);
    await writeFile(at('bad'), `{"type":"caption","caption":"a","indexedAt":"2020","tags":["${'x'.repeat(65)}"]}`);
    const { stderr: long } = await call('one', 'import', at('bad'));
    assert.match(long, /^error: line 1: .*\(#\/tags\/0: expected at most 64 characters, got 65\)$/m);
    await writeFile(at('bad'), '\x1b[2J');
    assert.ok(!(await call('one', 'import', at('bad'))).stderr.includes('\x1b'));
    await mkdir(at('taken'));
    assert.match(
      (await call('one', 'import', at('missing'))).stderr,
      /^error: cannot read .*missing: it does not exist \(ENOENT\)$/m,
    );
    assert.match(
      (await call('one', 'export', '--out', at('no/such'))).stderr,
      /^error: cannot write .*no\/such: it does not exist \(ENOENT\)/,
    );
    assert.match((await call('one', 'export', '--out', at('taken'))).stderr, /^error: cannot write .*taken: .*folder/);
    assert.ok(!(await readdir(at('.'))).some((name) => name.endsWith('.part')));
  });
});
