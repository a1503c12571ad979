import assert from 'node:assert/strict';
import { watch as fsWatch } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type TreeWatcher, watchTree } from '../../../server/watch/recursive-fs-watch.ts';
import { eventually } from '../../support/ingest-harness.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let root: string;
let watcher: TreeWatcher | undefined;
let files: Set<string>;
let folders: Set<string>;
beforeEach(async () => {
  root = tempFolder();
  files = new Set();
  folders = new Set();
});
afterEach(async () => {
  watcher?.close();
  watcher = undefined;
});

const path = (name: string) => join(root, name);
async function watch(isRecursive?: boolean): Promise<void> {
  const events = {
    onFile: (name: string) => void files.add(name),
    onFolder: (name: string) => void folders.add(name),
    onError: (error: Error) => assert.fail(error),
  };
  watcher = await watchTree(root, events, isRecursive);
}
const reports = (...names: string[]) =>
  eventually(() => {
    for (const name of names) assert.ok(files.has(name), `${name} is not among ${[...files].join()}`);
  });
const reportsFolder = (name: string) => eventually(() => assert.ok(folders.has(name), [...folders].join()));

// One watcher per folder, as on Linux, and one for the tree, as on macOS and Windows.
for (const isRecursive of process.platform === 'linux' ? [false, true] : [true]) {
  describe(`watching a tree with ${isRecursive ? 'one watcher' : 'a watcher for each folder'}`, () => {
    it('reports files that come, change and go, at any depth', async () => {
      await mkdir(path('a/b'), { recursive: true });
      await writeFile(path('a/b/old'), '1');
      await watch(isRecursive);
      await writeFile(path('new'), '1');
      await writeFile(path('a/b/old'), '2');
      await reports('new', 'a/b/old');
      files.clear();
      await rm(path('a/b/old'));
      await rename(path('new'), path('a/moved'));
      await reports('a/b/old', 'new', 'a/moved');
    });

    it('reports folders that come and go, and what happens in them later', async () => {
      await watch(isRecursive);
      await mkdir(path('x/y'), { recursive: true });
      await reportsFolder('x');
      // A listener that hears of a folder reads it; from then on, its files are reported.
      await writeFile(path('x/file'), '1');
      await reports('x/file');
      folders.clear();
      await rm(path('x'), { recursive: true });
      await reportsFolder('x');
    });

    it('reports nothing of hidden names', async () => {
      await mkdir(path('.git'));
      await watch(isRecursive);
      await writeFile(path('.git/index'), '1');
      await writeFile(path('.DS_Store'), '1');
      await mkdir(path('.cache/x'), { recursive: true });
      await writeFile(path('seen'), '1');
      await reports('seen');
      assert.deepEqual([...files], ['seen']);
      assert.deepEqual([...folders], []);
    });
  });
}

describe('watching a tree', () => {
  it('watches a folder again that was deleted and made anew, or replaced by another', async () => {
    await mkdir(path('album'));
    await mkdir(path('other'));
    await watch();
    for (let i = 0; i < 5; i++) {
      folders.clear();
      await rm(path('album'), { recursive: true });
      await mkdir(path('album'));
      await reportsFolder('album');
      await eventually(async () => {
        await writeFile(path(`album/${i}`), '1');
        assert.ok(files.has(`album/${i}`));
      });
    }
    await rename(path('album'), path('.away'));
    await rename(path('other'), path('album'));
    await eventually(async () => {
      await writeFile(path('album/last'), '1');
      assert.ok(files.has('album/last'));
    });
  });

  it('does not follow symbolic links', { skip: process.platform === 'win32' && 'links need rights' }, async () => {
    const outside = tempFolder();
    await symlink(outside, path('link'));
    await watch();
    await writeFile(join(outside, 'file'), '1');
    await symlink(outside, path('later'));
    await reports('later');
    await writeFile(join(outside, 'another'), '1');
    await writeFile(path('seen'), '1');
    await reports('seen');
    assert.deepEqual([...files].sort(), ['later', 'seen']);
    await rm(outside, { recursive: true });
  });

  it('is silent once it is closed', async () => {
    await watch();
    watcher?.close();
    await writeFile(path('a'), '1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(files.size, 0);
  });

  it('says once that the system takes no more watchers, and keeps those it has', async () => {
    for (let i = 0; i < 6; i++) await mkdir(path(`${i}`));
    let left = 3;
    const limited = ((...args: Parameters<typeof fsWatch>) => {
      if (left-- <= 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      return fsWatch(...args);
    }) as typeof fsWatch;
    const errors: Error[] = [];
    const events = {
      onFile: (name: string) => void files.add(name),
      onFolder: () => {},
      onError: (error: Error) => void errors.push(error),
    };
    watcher = await watchTree(root, events, false, limited);
    assert.equal(errors.length, 1);
    assert.match(errors[0]!.message, /raise fs\.inotify\.max_user_watches/);
    for (let i = 0; i < 6; i++) await writeFile(path(`${i}/x`), '1');
    await writeFile(path('x'), '1');
    await reports('x');
    assert.equal(files.size, 3);
  });

  it('ends its walk through the folders when it is told to', async () => {
    for (let i = 0; i < 100; i++) await mkdir(path(`${i}/below`), { recursive: true });
    const stop = new AbortController();
    let asked = 0;
    const events = {
      onFile: () => {},
      onFolder: () => {},
      onError: (error: Error) => assert.fail(error),
      isLeftOut: async () => {
        if (++asked === 5) stop.abort();
        return false;
      },
      signal: stop.signal,
    };
    watcher = await watchTree(root, events, false);
    assert.equal(asked, 5);
  });

  it('says what cannot be watched', async () => {
    const none = { onFile: () => {}, onFolder: () => {}, onError: () => {} };
    await assert.rejects(watchTree(path('missing'), none), { code: 'unavailable', message: /cannot watch .*missing/ });
    await writeFile(path('file'), '1');
    await assert.rejects(watchTree(path('file'), none), { code: 'unavailable', message: /not a folder/ });
  });
});
