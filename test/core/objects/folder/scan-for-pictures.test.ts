import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { countLeftOut, type LeftOut } from '../../../../core/files/non-picture-files.ts';
import { type FolderOptions, type FolderStore, openFolder } from '../../../../core/objects/folder/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

let dir: string;
let root: string;
beforeEach(async () => {
  dir = tempFolder();
  root = join(dir, 'photos');
  await mkdir(root);
});

async function write(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), path);
  }
}

async function scan(options: Partial<FolderOptions> = {}, prefix = '') {
  const store = await openFolder({ root, ...options });
  return { store, ...(await scanned(store, prefix)) };
}

async function scanned(store: FolderStore, prefix = '') {
  const keys: string[] = [];
  const leftOut: LeftOut = {};
  const failed: Record<string, string> = {};
  for await (const found of store.scan(prefix)) {
    if (found.type === 'object') keys.push(found.object.key);
    else if (found.type === 'left-out') countLeftOut(leftOut, found.reason, found.files);
    else failed[found.path] = found.reason;
  }
  return { keys, leftOut, failed };
}

describe('what is left out of a folder', () => {
  it('is what lies beside pictures, each file counted once with its reason', async () => {
    await write('a.jpg', 'b/c.PNG', 'notes.txt', 'raw.CR2', 'no-extension');
    await write('a.jpg.json', 'a.XMP', 'IMG_1.AAE', 'b/c.thm');
    await write('movie.MP4', 'b/clip.mov', 'song.mp3', 'catalog.lrcat', 'x.sqlite-wal');
    await write('Thumbs.db', 'b/desktop.ini', 'Icon\r', '@eaDir/a.jpg/SYNOPHOTO.jpg', '@eaDir/b.jpg/SYNOPHOTO.jpg');
    await write('#recycle/x.jpg', '$RECYCLE.BIN/S-1/y.jpg', 'lost+found/z.jpg', 'System Volume Information/w.jpg');
    await write('.DS_Store', '.thumbnails/1.jpg', '.thumbnails/deep/2.jpg', 'b/._c.PNG');
    const { keys, leftOut, failed, store } = await scan();
    assert.deepEqual(keys, ['a.jpg', 'b/c.PNG', 'no-extension', 'notes.txt', 'raw.CR2']);
    assert.deepEqual(leftOut, { hidden: 4, system: 9, sidecar: 4, video: 2, audio: 1, database: 2 });
    assert.deepEqual(failed, {});
    for (const key of ['@eaDir/a.jpg/SYNOPHOTO.jpg', 'lost+found/z.jpg', 'Thumbs.db'])
      assert.equal(await store.leftOut(key), 'system');
    assert.equal(await store.leftOut('b/c.PNG'), null);
  });

  it('is not a folder that is called like a file', async () => {
    await write('holiday.mov/a.jpg', 'notes.json/b.jpg');
    assert.deepEqual((await scan()).keys, ['holiday.mov/a.jpg', 'notes.json/b.jpg']);
  });

  it('is what ignore files and settings say, the innermost last', async () => {
    await write(
      'a.jpg',
      'a.png',
      'b/a.png',
      'b/keep.png',
      'private/x.jpg',
      'b/private/y.jpg',
      'Trip/2.jpg',
      'b/Trip/2.jpg',
    );
    await writeFile(join(root, '.sightlineignore'), '# mine\nprivate/\n*.png\n/Trip\n');
    await writeFile(join(root, 'b/.sightlineignore'), '!keep.png\n');
    const { keys, leftOut, store } = await scan({ ignore: ['a.jpg'] });
    assert.deepEqual(keys, ['b/Trip/2.jpg', 'b/keep.png']);
    assert.deepEqual(leftOut, { hidden: 2, ignored: 6 });
    const judged = ['a.png', 'b/keep.png', 'b/private/y.jpg', 'b/', 'Trip/'].map((key) => store.leftOut(key));
    assert.deepEqual(await Promise.all(judged), ['ignored', null, 'ignored', null, 'ignored']);
  });

  it('is what ignore files say that Windows wrote', async () => {
    await write('a/x.jpg', 'b/x.jpg', 'c/x.jpg');
    const text = '\ufeffa/\r\nb/\r\n';
    for (const encoding of ['utf8', 'utf16le'] as const) {
      await writeFile(join(root, '.sightlineignore'), Buffer.from(text, encoding));
      assert.deepEqual((await scan()).keys, ['c/x.jpg'], encoding);
    }
  });

  it('is the index, when it lies in the folder', async () => {
    await write('a.jpg', 'index/index.sqlite', 'index/thumbnail.jpg', 'index2/b.jpg');
    const { keys, leftOut, store } = await scan({ data: join(root, 'index') });
    assert.deepEqual([keys, leftOut], [['a.jpg', 'index2/b.jpg'], { 'own-data': 2 }]);
    assert.equal(await store.leftOut('index/thumbnail.jpg'), 'own-data');
    assert.deepEqual((await scan({ data: dir })).leftOut, { database: 1 });
  });

  it('is counted below a prefix only when that is asked for', async () => {
    await write('a.json', 'b/c.json', 'b/d.jpg', 'bc/e.json');
    const { keys, leftOut } = await scan({}, 'b/');
    assert.deepEqual([keys, leftOut], [['b/d.jpg'], { sidecar: 1 }]);
  });
});

describe('what can be no object', { skip: process.platform === 'win32' && 'no such names there' }, () => {
  it('is named with the reason', async () => {
    await write('plain.jpg', 'a\nb.jpg', 'c\td.jpg', '2015\\08\\e.jpg', 'tab\t/f.jpg', 'tab\t/g/h.jpg');
    const bytes = (name: string) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
    if (process.platform === 'linux') {
      await writeFile(bytes('caf\xe9.jpg'), 'x');
      await writeFile(bytes('caf\xe8.jpg'), 'x');
    }
    const deep = Array.from({ length: 11 }, () => 'd'.repeat(100)).join('/');
    await write(`${deep}/deep.jpg`);
    const { keys, failed } = await scan();
    assert.deepEqual(keys, ['plain.jpg']);
    const expected = [
      'a\\nb.jpg',
      'c\\td.jpg',
      '2015\\08\\e.jpg',
      'tab\\t/f.jpg',
      'tab\\t/g/h.jpg',
      `${deep}/deep.jpg`,
    ];
    if (process.platform === 'linux') expected.push('caf\\xe9.jpg', 'caf\\xe8.jpg');
    assert.deepEqual(failed, Object.fromEntries(expected.map((path) => [path, 'invalid-name'])));
  });

  it('is a symbolic link that leads out, in a circle or nowhere; one to what is there anyway is left out', async () => {
    await write('a.jpg', 'b/c.jpg');
    await mkdir(join(dir, 'other'));
    await symlink(join(dir, 'other'), join(root, 'out'));
    await symlink('b', join(root, 'inside'));
    await symlink('a.jpg', join(root, 'same.jpg'));
    await symlink('..', join(root, 'b/back'));
    await symlink('self', join(root, 'self'));
    await symlink('nothing.jpg', join(root, 'broken.jpg'));
    const { keys, failed, leftOut } = await scan();
    assert.deepEqual(keys, ['a.jpg', 'b/c.jpg']);
    assert.deepEqual(Object.keys(failed).sort(), ['b/back', 'broken.jpg', 'out', 'self']);
    assert.deepEqual(leftOut, { link: 2 });
  });

  it('is a folder that may not be read, and only that', {
    skip: process.getuid?.() === 0 && 'root may read all',
  }, async () => {
    await write('a.jpg', 'private/b.jpg', 'z.jpg');
    await chmod(join(root, 'private'), 0);
    const { keys, failed } = await scan();
    await chmod(join(root, 'private'), 0o700);
    assert.deepEqual([keys, failed], [['a.jpg', 'z.jpg'], { 'private/': 'unreadable-folder' }]);
  });
});
