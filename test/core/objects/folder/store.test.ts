import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isSightlineError } from '../../../../core/errors.ts';
import { enterRoot, type FileNames, isStoredAs } from '../../../../core/objects/folder/open-directory.ts';
import { etagOf } from '../../../../core/objects/folder/open-file.ts';
import { openFolder } from '../../../../core/objects/folder/store.ts';
import type { ObjectStore } from '../../../../core/ports.ts';
import { onSmallDisk, smallDisk } from '../../../support/small-disk.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

let dir: string;
let root: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = tempFolder();
  root = join(dir, 'root');
  await mkdir(root);
  store = await openFolder({ root });
});

const text = (value: string) => Buffer.from(value);
const read = async (key: string) => {
  const got = await store.get(key);
  return got === null ? null : new Response(got.body).text();
};
const keys = async (options: { prefix?: string } = {}) =>
  (await store.list({ limit: 1000, ...options })).items.map(({ key }) => key);
const unfinished = async () => (await readdir(join(root, '.sightline')).catch(() => [])).length;
/** Arguments of Node for a program that has `store`, the same folder opened by another process. */
const programOn = (code: string) => {
  const driver = JSON.stringify(new URL('../../../../core/objects/folder/store.ts', import.meta.url));
  const opening = `import { openFolder } from ${driver};
    const store = await openFolder({ root: ${JSON.stringify(root)} });`;
  return ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', opening + code];
};
const isWindows = process.platform === 'win32' && 'Windows has no POSIX links and permissions';

describe('opening a folder', () => {
  it('names the bucket after the folder, and folders of one name differently', async () => {
    assert.match(store.bucket, /^root-[0-9a-f]{8}$/);
    assert.equal((await openFolder({ root })).bucket, store.bucket);
    await mkdir(join(dir, 'x', 'root'), { recursive: true });
    assert.notEqual((await openFolder({ root: join(dir, 'x', 'root') })).bucket, store.bucket);
    const odd = join(dir, `Ünsere Fotos! 写真 ${'long'.repeat(30)}`);
    await mkdir(odd);
    assert.match((await openFolder({ root: odd })).bucket, /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
    await mkdir(join(dir, '写真'));
    assert.match((await openFolder({ root: join(dir, '写真') })).bucket, /^folder-[0-9a-f]{8}$/);
    assert.equal((await openFolder({ root, bucket: 'mine' })).bucket, 'mine');
  });

  it('is the same through a symbolic link', { skip: isWindows }, async () => {
    await symlink(root, join(dir, 'link'));
    const linked = await openFolder({ root: join(dir, 'link') });
    assert.equal(linked.bucket, store.bucket);
    await linked.put('a', text('x'));
    assert.equal(await read('a'), 'x');
  });

  it('says when there is none', async () => {
    await assert.rejects(openFolder({ root: join(dir, 'missing') }), {
      code: 'unavailable',
      message: /cannot open the folder .*missing.*is that mounted\? \(ENOENT\)/,
    });
    await writeFile(join(dir, 'file'), '');
    await assert.rejects(openFolder({ root: join(dir, 'file') }), { code: 'unavailable', message: /is a file/ });
  });

  it('writes nothing into a folder that is only read', async () => {
    await writeFile(join(root, 'a.jpg'), 'x');
    await (await openFolder({ root })).list({ limit: 10 });
    assert.deepEqual(await readdir(root), ['a.jpg']);
  });

  it('removes what crashed writes left behind, and leaves those alone that may still run', async () => {
    const workshop = join(root, '.sightline');
    await mkdir(workshop);
    for (const name of ['stale', 'fresh']) await writeFile(join(workshop, name), 'half');
    const past = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(workshop, 'stale'), past, past);
    await openFolder({ root });
    assert.deepEqual(await readdir(workshop), ['fresh']);
  });

  it('notices when another folder is in its place', async () => {
    await store.put('a', text('x'));
    await rename(root, `${root}-away`);
    await assert.rejects(store.list({ limit: 10 }), { code: 'unavailable', message: /mounted/ });
    await mkdir(root);
    for (const attempt of [
      () => store.list({ limit: 10 }),
      () => store.head('a'),
      () => store.get('a'),
      () => store.put('b', text('x')),
      () => store.delete('a'),
    ]) {
      await assert.rejects(attempt, { code: 'unavailable', message: /was its drive unmounted/ });
    }
    assert.deepEqual(await readdir(root), []);
  });
});

describe('no way out of the folder', { skip: isWindows }, () => {
  beforeEach(async () => {
    await mkdir(join(dir, 'outside'));
    await writeFile(join(dir, 'outside', 'secret.jpg'), 'secret');
    await symlink(join(dir, 'outside'), join(root, 'folder'));
    await symlink(join(dir, 'outside', 'secret.jpg'), join(root, 'file.jpg'));
    await symlink(join(dir, 'nowhere'), join(root, 'dangling.jpg'));
    await symlink('..', join(root, 'up'));
    await symlink('.', join(root, 'loop'));
  });

  for (const key of [
    'folder/secret.jpg',
    'file.jpg',
    'dangling.jpg',
    'up/outside/secret.jpg',
    'loop/loop/file.jpg',
    'folder',
  ]) {
    it(`${key} is not followed`, async () => {
      assert.equal(await store.head(key), null);
      assert.equal(await store.get(key), null);
      await assert.rejects(store.put(key, text('mine')), { code: 'invalid-key' });
      await assert.rejects(store.put(key, text('mine'), { ifNoneMatch: '*' }), { code: 'invalid-key' });
      await store.delete(key);
      assert.equal(await readFile(join(dir, 'outside', 'secret.jpg'), 'utf8'), 'secret');
      assert.deepEqual(await readdir(join(dir, 'outside')), ['secret.jpg']);
      assert.ok((await lstat(join(root, key.split('/')[0]!))).isSymbolicLink());
    });
  }

  it('makes no folder through a link', async () => {
    await assert.rejects(store.put('folder/new/deep/x.jpg', text('mine')), { code: 'invalid-key' });
    assert.deepEqual(await readdir(join(dir, 'outside')), ['secret.jpg']);
    assert.equal(await unfinished(), 0);
  });

  it('lists no links', async () => {
    await store.put('real/a.jpg', text('x'));
    assert.deepEqual(await keys(), ['real/a.jpg']);
    assert.deepEqual(await keys({ prefix: 'folder/' }), []);
  });

  it('does not write through a link in the place of its own workshop', async () => {
    await symlink(join(dir, 'outside'), join(root, '.sightline'));
    await assert.rejects(store.put('a.jpg', text('mine')), { code: 'unavailable' });
    assert.deepEqual(await readdir(join(dir, 'outside')), ['secret.jpg']);
  });

  it('does not lose its way when folders are swapped for links all the time', async () => {
    await mkdir(join(root, 'swap-real'));
    await writeFile(join(root, 'swap-real', 'secret.jpg'), 'harmless');
    await symlink(join(dir, 'outside'), join(root, 'swap-link'));
    const swap = join(root, 'swap');
    const swapIn = async (other: string) => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await rename(other, swap);
        } catch (error) {
          // A put meanwhile created its own folder there, and may do so again.
          if (attempt === 100) throw error;
          await rm(swap, { recursive: true, force: true }).catch(() => {});
        }
      }
    };
    let isOver = false;
    const swapping = async () => {
      for (let round = 0; !isOver; round++) {
        for (const other of ['swap-real', 'swap-link']) {
          await swapIn(join(root, other));
          // Out of step with the reader, who would otherwise always see the same one of the two.
          for (let i = 0; i <= round % 7; i++) await new Promise((resolve) => setImmediate(resolve));
          await rename(swap, join(root, other));
        }
      }
    };
    let found = 0;
    const using = async () => {
      try {
        for (let i = 0; i < 600 || (found === 0 && i < 5000); i++) {
          const content = await read('swap/secret.jpg');
          assert.notEqual(content, 'secret');
          if (content === 'harmless') found++;
          if (i % 20 === 0) await store.put('swap/new.jpg', text('mine')).catch(isRefusal);
          if (i % 20 === 10) await store.delete('swap/secret.jpg.none');
        }
      } finally {
        isOver = true;
      }
    };
    const isRefusal = (error: unknown) => {
      if (!isSightlineError(error)) throw error;
    };
    await Promise.all([swapping(), using()]);
    assert.ok(found > 0, 'the real one was never met');
    assert.deepEqual(await readdir(join(dir, 'outside')), ['secret.jpg']);
  });

  it('serves no devices, pipes or folders', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await mkdir(join(root, 'sub'));
    for (const key of ['pipe', 'sub']) {
      assert.equal(await store.head(key), null);
      await assert.rejects(store.put(key, text('x')), { code: 'invalid-key' });
    }
    assert.deepEqual(await keys(), []);
  });
});

describe('names', () => {
  it('hides hidden files', async () => {
    await mkdir(join(root, '.git'));
    for (const name of ['.DS_Store', '.git/config', 'seen']) await writeFile(join(root, name), 'x');
    assert.deepEqual(await keys(), ['seen']);
    await assert.rejects(store.get('.DS_Store'), { code: 'invalid-key' });
    await assert.rejects(store.list({ limit: 1, cursor: 'x' }), { code: 'invalid-cursor' });
  });

  it('lists only what it can serve', { skip: isWindows }, async () => {
    for (const name of ['new\nline', 'back\\slash', 'con', 'dot.']) await writeFile(join(root, name), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root}/not-utf8-`), Buffer.from([0xff, 0xfe])]), 'x');
    const deep = Array.from({ length: 6 }, () => 'x'.repeat(200));
    await mkdir(join(root, ...deep), { recursive: true });
    await writeFile(join(root, ...deep, 'too-long'), 'x');
    const listed = await keys();
    assert.deepEqual(listed, ['con', 'dot.']);
    for (const key of listed) assert.equal(await read(key), 'x');
  });

  it('says when a key needs a folder where a file is, or a file where a folder is', async () => {
    await store.put('a', text('file'));
    await assert.rejects(store.put('a/b', text('x')), { code: 'invalid-key', message: /needs the folder .*a, but/ });
    await store.put('c/d', text('file'));
    await assert.rejects(store.put('c', text('x')), { code: 'invalid-key', message: /taken by a folder/ });
    assert.deepEqual(await keys(), ['a', 'c/d']);
  });

  it('keeps keys apart that a file system takes for one', async () => {
    // On a case-insensitive file system one file has two names; a hard link simulates it.
    await store.put('sub/Photo.JPG', text('one'));
    await link(join(root, 'sub', 'Photo.JPG'), join(root, 'sub', 'pHOTO.jpg'));
    assert.equal(await read('sub/Photo.JPG'), 'one', 'both names are stored: both can be read');
    assert.equal(await read('sub/pHOTO.jpg'), 'one');
  });

  it('knows the stored name where a file system ignores case and Unicode form', async () => {
    const stored = ['Photo.JPG', '\u00e9.jpg', '1.2', 'ß'];
    const sameFile = (name: string) => name.normalize('NFC').toLowerCase();
    const forgetful: FileNames = {
      async lstat(path) {
        const found = stored.findIndex((name) => sameFile(name) === sameFile(path.split(/[\\/]/).at(-1)!));
        if (found < 0) throw Object.assign(new Error('not there'), { code: 'ENOENT', syscall: 'lstat' });
        return { dev: 1n, ino: BigInt(found) };
      },
      readdir: async () => stored,
    };
    for (const name of stored) assert.equal(await isStoredAs({ path: '/x' }, name, forgetful), true, name);
    for (const name of ['photo.jpg', 'PHOTO.JPG', 'pHOTO.jpg', 'e\u0301.jpg', '\u00c9.JPG']) {
      assert.equal(await isStoredAs({ path: '/x' }, name, forgetful), false, name);
    }
  });

  it('does not answer to another case', { skip: caseSensitive() }, async () => {
    await store.put('Album/Photo.jpg', text('one'));
    for (const key of ['album/Photo.jpg', 'Album/photo.jpg', 'Album/PHOTO.JPG']) {
      assert.equal(await store.head(key), null);
      await assert.rejects(store.put(key, text('two')), { code: 'invalid-key' });
      await store.delete(key);
    }
    assert.deepEqual(await keys(), ['Album/Photo.jpg']);
  });
});

/** Why the temporary folder cannot behave like a case-insensitive file system, or false if it can. */
function caseSensitive(): string | false {
  const probe = tempFolder();
  const isSensitive = !existsSync(join(probe, '..', basename(probe).toUpperCase()));
  rmSync(probe, { recursive: true });
  return isSensitive && 'the temporary folder of this machine tells upper from lower case';
}

describe('writing', () => {
  it('leaves nothing behind', async () => {
    await store.put('a/b', text('x'));
    await assert.rejects(store.put('a/b', text('xyz'), { maxBytes: 2 }), { code: 'too-large' });
    await assert.rejects(store.put('a/b', text('x'), { ifNoneMatch: '*' }), { code: 'precondition-failed' });
    assert.equal(await unfinished(), 0);
  });

  it('removes the folders that a delete leaves empty, but never the root', async () => {
    await store.put('a/b/c/x', text('x'));
    await store.put('a/y', text('y'));
    await store.delete('a/b/c/x');
    assert.deepEqual(await readdir(join(root, 'a')), ['y']);
    await store.delete('a/y');
    assert.deepEqual(
      (await readdir(root)).filter((name) => name !== '.sightline'),
      [],
    );
    await store.put('z', text('z'));
    await store.delete('z');
    assert.ok((await lstat(root)).isDirectory());
  });

  it('keeps a folder in which something else is', async () => {
    await store.put('a/x', text('x'));
    await writeFile(join(root, 'a', '.keep'), '');
    await store.delete('a/x');
    assert.deepEqual(await readdir(join(root, 'a')), ['.keep']);
  });

  it('changes the etag with every version, also of the same size within one tick of the clock', async () => {
    const etags = new Set<string>();
    for (let i = 0; i < 100; i++) etags.add((await store.put('tick', Buffer.from([i]))).etag);
    assert.equal(etags.size, 100);
  });

  it('keeps the etag where inode numbers are made up: on FAT, exFAT (without ctime, too) and FUSE', async () => {
    const stat = { dev: 0n, ino: 1n, size: 2n, mtimeNs: 3n, ctimeNs: 4n };
    const of = (type: number) => {
      const etag = (changed: Partial<typeof stat>) =>
        etagOf({ ...stat, dev: BigInt(-type), ...changed }, root, () => type);
      return [{ ino: 9n }, { ctimeNs: 9n }, { mtimeNs: 9n }, { size: 9n }].map((one) => etag(one) === etag({}));
    };
    const [ext4, fat, exfat, fuse] = [0xef53, 0x4d44, 0x2011bab0, 0x65735546].map(of);
    assert.deepEqual(ext4, [false, false, false, false]);
    assert.deepEqual(fat, [true, true, false, false]);
    assert.deepEqual(exfat, fat);
    assert.deepEqual(fuse, [true, false, false, false]);
    const { dev, ino } = await lstat(root, { bigint: true });
    await assert.rejects(enterRoot({ path: root, dev, ino: ino + 1n }), { code: 'unavailable' });
    await (await enterRoot({ path: root, dev, ino: null })).close();
  });

  it('changes the etag when another program writes into the file', async () => {
    const { etag } = await store.put('a', text('one'));
    const handle = await open(join(root, 'a'), 'r+');
    await handle.write('two');
    await handle.close();
    assert.notEqual((await store.head('a'))?.etag, etag);
    assert.equal((await store.list({ limit: 1 })).items[0]?.etag, (await store.head('a'))?.etag);
  });

  it('ends a read that another program writes into, instead of mixing versions', async () => {
    await store.put('a', Buffer.alloc(2_000_000, 'o'));
    const got = await store.get('a');
    const reader = got!.body.getReader();
    await reader.read();
    await appendFile(join(root, 'a'), 'more');
    await assert.rejects(
      async () => {
        while (!(await reader.read()).done);
      },
      { code: 'unavailable', message: /cannot read .*a: / },
    );
  });

  for (const what of ['replaced', 'deleted', 'renamed'] as const) {
    it(`goes on reading a file that is ${what}`, async () => {
      await store.put('a', Buffer.alloc(2_000_000, 'o'));
      const got = await store.get('a');
      if (what === 'replaced') await store.put('a', text('new'));
      if (what === 'deleted') await store.delete('a');
      if (what === 'renamed') await rename(join(root, 'a'), join(root, 'b'));
      assert.equal((await new Response(got!.body).bytes()).length, 2_000_000);
    });
  }

  it('lets one of several processes write what is not there', async () => {
    const program = programOn(`
      let won = 0;
      for (let i = 0; i < 40; i++) {
        await store.put('k' + i, Buffer.from(String(process.pid)), { ifNoneMatch: '*' }).then(
          () => won++,
          (error) => { if (error.code !== 'precondition-failed') throw error; },
        );
      }
      console.log(won);`);
    const run = promisify(execFile);
    const outputs = await Promise.all([1, 2, 3].map(() => run(process.execPath, program)));
    const won = outputs.map(({ stdout }) => Number(stdout));
    assert.equal(won[0]! + won[1]! + won[2]!, 40, won.join());
    assert.equal((await keys()).length, 40);
  });

  it('leaves the old object when the process is killed in the middle', async () => {
    await store.put('a.jpg', text('old'));
    const program = programOn(`
      let sent = 0;
      await store.put('a.jpg', new ReadableStream({ pull(stream) {
        stream.enqueue(new Uint8Array(100_000));
        if (++sent === 20) process.kill(process.pid, 'SIGKILL');
      } }));`);
    const [exitCode, signal] = await once(spawn(process.execPath, program, { stdio: 'inherit' }), 'exit');
    assert.ok(isWindows ? exitCode !== 0 : signal === 'SIGKILL');
    assert.equal(await read('a.jpg'), 'old');
    assert.deepEqual(await keys(), ['a.jpg']);
    assert.equal(await unfinished(), 1, 'the half-written file is out of sight until it is stale');
  });
});

describe('faults of the disk', { skip: isWindows }, () => {
  it('a full disk is named, and the old object stays', { skip: smallDisk() }, async () => {
    await onSmallDisk(256, async (mount) => {
      const small = await openFolder({ root: mount });
      await small.put('a.jpg', Buffer.alloc(100_000, 'o'));
      await assert.rejects(small.put('a.jpg', Buffer.alloc(500_000)), {
        code: 'unavailable',
        message: /cannot store .*a\.jpg: the disk is full: free some space.*\(ENOSPC\)/,
      });
      assert.equal((await small.head('a.jpg'))?.bytes, 100_000);
      assert.deepEqual(await readdir(join(mount, '.sightline')), []);
      await small.put('b.jpg', Buffer.alloc(100_000));
    });
  });

  it('a limit on file sizes is named, and the old object stays', async () => {
    await store.put('a.jpg', text('old'));
    const program = programOn(`
      process.on('SIGXFSZ', () => {});
      await store
        .put('a.jpg', new Uint8Array(200_000))
        .catch((error) => console.log(error.code + ': ' + error.message));`);
    const limited = ['-c', 'ulimit -f 100; exec "$0" "$@"', process.execPath, ...program];
    const output = execFileSync('sh', limited, { encoding: 'utf8' });
    assert.match(output, /^unavailable: cannot store .*a\.jpg: the file is larger than .*\(EFBIG\)/);
    assert.equal(await read('a.jpg'), 'old');
    assert.equal(await unfinished(), 0);
  });

  it('what may not be read or written is named, and a listing is never silently incomplete', async () => {
    await store.put('open/a.jpg', text('x'));
    await store.put('closed/b.jpg', text('x'));
    await store.put('file.jpg', text('x'));
    await chmod(join(root, 'closed'), 0);
    await chmod(join(root, 'file.jpg'), 0);
    await chmod(dir, 0o755);
    await chmod(root, 0o555);
    const isRoot = process.geteuid?.() === 0;
    // Root may read everything, so the test drops to user nobody for a moment.
    if (isRoot) process.seteuid!(65534);
    try {
      const denied = (path: RegExp) => ({
        code: 'unavailable',
        message: new RegExp(`${path.source}: permission denied.*\\(EACCES\\)`),
      });
      await assert.rejects(store.list({ limit: 10 }), denied(/folder .*closed/));
      await assert.rejects(store.list({ limit: 10, prefix: 'closed/b' }), denied(/folder .*closed/));
      assert.deepEqual(await keys({ prefix: 'open/' }), ['open/a.jpg']);
      await assert.rejects(store.head('closed/b.jpg'), denied(/folder .*closed/));
      await assert.rejects(store.get('file.jpg'), denied(/read .*file\.jpg/));
      await assert.rejects(store.put('new.jpg', text('x')), { code: 'unavailable', message: /permission denied/ });
      await assert.rejects(store.delete('file.jpg'), { code: 'unavailable', message: /delete .*file\.jpg/ });
      await assert.rejects(openFolder({ root: join(root, 'closed') }), denied(/folder .*closed/));
      assert.ok(await openFolder({ root }), 'a folder without write permission can be opened');
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(root, 0o755);
      await chmod(join(root, 'closed'), 0o755);
    }
  });
});

describe('listing', () => {
  it('is the same from memory as from the disk, and sees what changed since', async () => {
    for (const key of ['a', 'b/c', 'b/d', 'e']) await store.put(key, text(key));
    // Recently changed folders are always reread; these count as settled.
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    for (let i = 0; i < 3; i++) assert.deepEqual(await keys(), ['a', 'b/c', 'b/d', 'e']);
    await writeFile(join(root, 'b', 'cc'), 'x');
    assert.deepEqual(await keys(), ['a', 'b/c', 'b/cc', 'b/d', 'e']);
    await rm(join(root, 'b', 'c'));
    await rename(join(root, 'e'), join(root, 'b', 'z'));
    assert.deepEqual(await keys(), ['a', 'b/cc', 'b/d', 'b/z']);
    assert.deepEqual(await keys({ prefix: 'b/c' }), ['b/cc']);
  });

  it('refuses the cursor of another list', async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'b/2']) await store.put(key, text(key));
    const { next } = await store.list({ prefix: 'a/', limit: 1 });
    await assert.rejects(store.list({ prefix: 'b/', limit: 1, cursor: next }), { code: 'invalid-cursor' });
    await assert.rejects(store.list({ limit: 1, cursor: next }), { code: 'invalid-cursor' });
    const other = await openFolder({ root, bucket: 'other' });
    await assert.rejects(other.list({ prefix: 'a/', limit: 1, cursor: next }), { code: 'invalid-cursor' });
  });

  it('pages through many folders as a naive walk lists them', async () => {
    const names = ['a', 'a-', 'a.b', 'a0', 'b', '写', '\uff5e', '🐈'];
    const all: string[] = [];
    for (const x of names) {
      for (const y of names) {
        const key = `dir-${x}/${y}${x === y ? '/leaf' : ''}`;
        await mkdir(join(root, key, '..'), { recursive: true });
        await writeFile(join(root, key), 'x');
        all.push(key);
      }
    }
    all.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list({ limit: 5, cursor });
      paged.push(...page.items.map(({ key }) => key));
      cursor = page.next;
    } while (cursor !== undefined);
    assert.deepEqual(paged, all);
  });
});
