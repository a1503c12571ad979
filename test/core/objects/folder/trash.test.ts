import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openFolder } from '../../../../core/objects/folder/store.ts';
import type { DiscardedObject, ObjectStore } from '../../../../core/ports.ts';
import { onSmallDisk, smallDisk } from '../../../support/small-disk.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

describe('the trash of a folder', () => {
  const root = tempFolder();

  /** In minutes, because a picture's date may be that of its file. */
  const taken = new Date('2019-07-05T21:30:00Z');

  async function fill(folder: string): Promise<void> {
    await mkdir(join(folder, 'trip/day2'), { recursive: true });
    await writeFile(join(folder, 'trip/day2/x.jpg'), 'a picture');
    await utimes(join(folder, 'trip/day2/x.jpg'), taken, taken);
  }

  async function discard(store: ObjectStore, key: string): Promise<DiscardedObject> {
    const object = { id: randomUUID(), key, etag: (await store.head(key))!.etag };
    await store.discard(object);
    return object;
  }

  async function thereAndBack(pictures: string, trash: string): Promise<void> {
    await fill(pictures);
    const store = await openFolder({ root: pictures, trash });
    const object = await discard(store, 'trip/day2/x.jpg');
    assert.deepEqual(await readdir(trash), [`${object.id}.jpg`]);
    assert.equal(await readFile(join(trash, `${object.id}.jpg`), 'utf8'), 'a picture');
    assert.deepEqual(
      (await readdir(pictures)).filter((name) => name !== '.sightline'),
      [],
    );
    await store.recover(object);
    assert.deepEqual(await readdir(trash), []);
    assert.equal(await readFile(join(pictures, 'trip/day2/x.jpg'), 'utf8'), 'a picture');
    assert.equal((await stat(join(pictures, 'trip/day2/x.jpg'))).mtimeMs, taken.getTime());
    assert.deepEqual(await readdir(join(pictures, '.sightline')).catch(() => []), []);
  }

  it('moves a file with its time, out of folders that it leaves empty and back', () =>
    thereAndBack(join(root, 'same/photos'), join(root, 'same/trash')));

  it('copies, checks and then removes where it is another file system', { skip: smallDisk() }, () =>
    onSmallDisk(200, (disk) => thereAndBack(join(disk, 'photos'), join(root, 'other/trash'))),
  );

  it('leaves a file where it is that does not fit into the trash', { skip: smallDisk() }, () =>
    onSmallDisk(64, async (disk) => {
      const pictures = join(root, 'full/photos');
      await mkdir(pictures, { recursive: true });
      await writeFile(join(pictures, 'large.jpg'), new Uint8Array(200_000));
      const store = await openFolder({ root: pictures, trash: join(disk, 'trash') });
      await assert.rejects(discard(store, 'large.jpg'), { code: 'unavailable', message: /disk is full/ });
      assert.equal((await stat(join(pictures, 'large.jpg'))).size, 200_000);
      assert.deepEqual(await readdir(join(disk, 'trash')), []);
    }),
  );

  it('moves nothing through a symbolic link', async () => {
    const pictures = join(root, 'links/photos');
    await fill(join(root, 'links/elsewhere'));
    await mkdir(pictures, { recursive: true });
    await symlink(join(root, 'links/elsewhere/trip'), join(pictures, 'trip'));
    const store = await openFolder({ root: pictures, trash: join(root, 'links/trash') });
    const object = { id: randomUUID(), key: 'trip/day2/x.jpg', etag: 'any' };
    await assert.rejects(store.discard(object), { code: 'precondition-failed' });
    assert.equal(await readFile(join(root, 'links/elsewhere/trip/day2/x.jpg'), 'utf8'), 'a picture');
  });

  it('changes nothing in a folder that is only to be read', async () => {
    const pictures = join(root, 'read/photos');
    await fill(pictures);
    const store = await openFolder({ root: pictures, readOnly: true });
    const { etag } = (await store.head('trip/day2/x.jpg'))!;
    const object = { id: randomUUID(), key: 'trip/day2/x.jpg', etag };
    const changes = [
      () => store.put('a.jpg', new Uint8Array(1)),
      () => store.delete('trip/day2/x.jpg'),
      () => store.discard(object),
      () => store.recover(object),
      () => store.purge(object),
    ];
    for (const change of changes) await assert.rejects(change(), { code: 'read-only' });
    assert.deepEqual(await readdir(pictures, { recursive: true }), ['trip', 'trip/day2', 'trip/day2/x.jpg']);
  });
});
