import assert from 'node:assert/strict';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { discardedFiles } from '../../../core/objects/folder/trash.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { createTrash, type Trash, type TrashEntry } from '../../../core/trash.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import type { AppDeps } from '../../../functions/http/deps.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

describe('the trash', () => {
  let api: TestApp;
  beforeEach(async () => {
    api = await testApp();
  });
  afterEach(() => api.close());

  const remove = (id: string, query = '') => api.json(`/images/${id}${query}`, { method: 'DELETE' });
  const keysOf = async (path: string) => (await api.json(path)).body.items.map(({ key }) => key);
  const files = async () => (await readdir(join(api.root, 'photos'))).filter((name) => name !== '.sightline').sort();
  const keys = async () => [await keysOf('/images'), await keysOf('/trash')];

  /** As on one machine: discarded files are kept in a folder beside the pictures. */
  async function trashOfMachine(changed: Partial<AppDeps> = {}): Promise<Trash> {
    const files = join(api.root, 'discarded');
    connect(await openFolder({ root: join(api.root, 'photos'), bucket: 'photos', trash: files }));
    await mkdir(join(api.root, 'records'));
    const records = await openFolder({ root: join(api.root, 'records'), bucket: 'trash' });
    return createTrash({ ...api.deps, ...changed, records, keepDays: 30, nearby: discardedFiles(files) });
  }
  const buckets = () => api.deps.buckets as Map<string, ObjectStore>;
  const connect = (store: ObjectStore) => void buckets().set(store.bucket, store);
  function disconnect(): ObjectStore {
    const photos = buckets().get('photos')!;
    buckets().delete('photos');
    return photos;
  }
  async function discard(trash: Trash, ...names: string[]): Promise<TrashEntry[]> {
    const entries: TrashEntry[] = [];
    for (const name of names) entries.push((await trash.put(await api.addPhoto(name), { from: 'disk' }))!);
    return entries;
  }

  it('takes a picture with its tags, shows it, and gives it back as it was', async () => {
    const id = await api.addPhoto('cat.jpg', '&tags=pet&tags=grey');
    const before = (await api.json(`/images/${id}`)).body;
    const deleted = await remove(id);
    assert.equal(deleted.status, 204);
    const entry = deleted.headers.get('sightline-trash')!;
    assert.deepEqual(await keys(), [[], ['cat.jpg']]);

    const { total, keepDays, items } = (await api.json('/trash')).body;
    const [shown] = items;
    assert.deepEqual([total, keepDays, shown!.id, shown!.imageId, shown!.moved], [1, 30, entry, id, true]);
    assert.deepEqual(shown!.tags, ['pet', 'grey']);
    const days = (Date.parse(shown!.expiresAt as string) - Date.parse(shown!.deletedAt as string)) / 86_400_000;
    assert.equal(days, 30);
    assert.deepEqual((await api.json(`/trash/${entry}`)).body, shown);
    const thumbnail = await api.app.request(`/trash/${entry}/thumbnail?size=64`);
    assert.deepEqual([thumbnail.status, thumbnail.headers.get('content-type')], [200, 'image/webp']);

    const restored = await api.json(`/trash/${entry}/restore`, { method: 'POST' });
    assert.equal(restored.status, 200);
    assert.deepEqual(restored.body, before);
    assert.deepEqual(await keys(), [['cat.jpg'], []]);
    assert.equal((await api.json(`/trash/${entry}/restore`, { method: 'POST' })).status, 404);
  });

  it('gives nothing back over a picture that has its key by now', async () => {
    const id = await api.addPhoto('cat.jpg');
    const entry = (await remove(id)).headers.get('sightline-trash');
    await api.addPhoto('cat.jpg');
    const refused = await api.json(`/trash/${entry}/restore`, { method: 'POST' });
    assert.deepEqual([refused.status, refused.body.type], [409, '/problems/already-exists']);
    assert.match(String(refused.body.detail), /the name "cat\.jpg" to be free, but another file has it/);
    assert.deepEqual(await keys(), [['cat.jpg'], ['cat.jpg']]);
    await rm(join(api.root, 'photos/cat.jpg'));
    await mkdir(join(api.root, 'photos/cat.jpg'));
    const folder = await api.json(`/trash/${entry}/restore`, { method: 'POST' });
    assert.equal(folder.status, 409);
    assert.match(String(folder.body.detail), /"cat\.jpg" to be free: .* is taken by a folder .*; move that away/);
  });

  it('gives the tags back, too, when it is asked again after the index could not be written', async () => {
    let isFull = false;
    const index: AppDeps['index'] = async (job) => {
      if (isFull) throw new SightlineError('unavailable', 'the disk is full');
      return api.deps.index(job);
    };
    const trash = await trashOfMachine({ index });
    const id = await api.addPhoto('cat.jpg', '&tags=pet');
    const entry = (await trash.put(id, { from: 'disk' }))!;
    isFull = true;
    await assert.rejects(trash.restore(entry.id), { code: 'unavailable' });
    isFull = false;
    assert.equal((await trash.restore(entry.id)).outcome.status, 'indexed');
    assert.deepEqual((await api.json(`/images/${id}`)).body.tags, ['pet']);
    assert.equal((await trash.list({ limit: 10 })).total, 0);
  });

  it('deletes for good, one or all, latest first, page by page', async () => {
    for (const name of ['cat.jpg', 'moon.jpg', 'clock.jpg']) await remove(await api.addPhoto(name));
    const first = (await api.json('/trash?limit=2')).body;
    assert.deepEqual([first.total, first.items.map(({ key }) => key)], [3, ['clock.jpg', 'moon.jpg']]);
    const rest = await api.json(`/trash?limit=2&cursor=${first.next}`);
    assert.deepEqual([rest.body.items.map(({ key }) => key), rest.body.next], [['cat.jpg'], undefined]);
    const entry = first.items[0]!.id as string;
    assert.equal((await api.json(`/trash/${entry}`, { method: 'DELETE' })).status, 204);
    assert.equal((await api.json(`/trash/${entry}`, { method: 'DELETE' })).status, 404);
    assert.equal((await api.app.request(`/trash/${entry}/thumbnail`)).status, 404);
    assert.equal((await api.json('/trash', { method: 'DELETE' })).status, 204);
    assert.deepEqual(await keys(), [[], []]);
    assert.deepEqual(await readdir(join(api.root, 'photos/.sightline/trash')), []);
  });

  it('lets the index forget a picture whose file stays, also at the next look at the folder', async () => {
    const id = await api.addPhoto('cat.jpg', '&tags=pet');
    const { sha256 } = (await api.json(`/images/${id}`)).body;
    const entry = (await remove(id, '?from=index')).headers.get('sightline-trash')!;
    assert.deepEqual(await files(), ['cat.jpg']);
    assert.deepEqual(
      (await api.json('/trash')).body.items.map(({ moved }) => moved),
      [false],
    );
    assert.deepEqual((await api.json('/failures')).body.items, []);
    const note = await api.deps.failures.get(id);
    assert.deepEqual([note!.reason, note!.retryable], ['removed-from-index', false]);
    assert.deepEqual(note!.etag, (await api.deps.buckets.get('photos')!.head('cat.jpg'))!.etag);
    const restored = (await api.json(`/trash/${entry}/restore`, { method: 'POST' })).body;
    assert.deepEqual([restored.sha256, restored.tags], [sha256, ['pet']]);
    assert.equal(await api.deps.failures.get(id), null);
  });

  it('lets go for good of an entry whose file stayed, and leaves the file', async () => {
    const id = await api.addPhoto('cat.jpg');
    const entry = (await remove(id, '?from=index')).headers.get('sightline-trash');
    assert.equal((await api.json(`/trash/${entry}`, { method: 'DELETE' })).status, 204);
    assert.deepEqual(await files(), ['cat.jpg']);
  });

  it('takes nothing when the picture is another version than the caller thinks', async () => {
    const id = await api.addPhoto('cat.jpg');
    const init = { method: 'DELETE', headers: { 'if-match': '"another"' } };
    assert.equal((await api.json(`/images/${id}`, init)).status, 412);
    assert.deepEqual(await keys(), [['cat.jpg'], []]);
  });

  it('is empty after the delete of a picture whose file has gone by itself', async () => {
    const id = await api.addPhoto('cat.jpg');
    await api.deps.buckets.get('photos')!.delete('cat.jpg');
    const deleted = await remove(id);
    assert.deepEqual([deleted.status, deleted.headers.get('sightline-trash')], [204, null]);
    assert.deepEqual(await keys(), [[], []]);
  });

  it('lets go of what was kept for its time', async () => {
    const root = tempFolder();
    const [day, clock] = [86_400_000, { now: Date.UTC(2026, 10, 1) }];
    const records = await openFolder({ root, bucket: 'trash' });
    const trash = createTrash({ ...api.deps, records, keepDays: 30, now: () => clock.now });
    await trash.put(await api.addPhoto('cat.jpg'), { from: 'disk' });
    clock.now += 29 * day;
    assert.equal(await trash.empty('expired'), 0);
    assert.equal((await trash.list({ limit: 10 })).total, 1);
    clock.now += day;
    assert.equal(await trash.empty('expired'), 1);
  });

  it('shows and lets go of files that wait on this machine, also when their folder is not there', async () => {
    const trash = await trashOfMachine();
    const [cat, moon] = await discard(trash, 'cat.jpg', 'moon.jpg');
    disconnect();
    const found = await trash.open(cat!);
    assert.deepEqual(await new Response(found!.body).bytes(), await samplePhoto('cat.jpg'));
    assert.equal((await trash.remove(cat!.id)).id, cat!.id);
    assert.deepEqual(await readdir(join(api.root, 'discarded')), [`${moon!.id}.jpg`]);
    assert.equal(await trash.empty('all'), 1);
    assert.deepEqual(await readdir(join(api.root, 'discarded')), []);
    assert.equal((await trash.list({ limit: 10 })).total, 0);
  });

  it('deletes all that it can when one of them cannot be reached, and says so', async () => {
    const trash = await trashOfMachine();
    const [cat, moon, clock] = await discard(trash, 'cat.jpg', 'moon.jpg', 'clock.jpg');
    // Its file is in a bucket that is not served at the moment.
    await rm(join(api.root, 'discarded', `${moon!.id}.jpg`));
    const photos = disconnect();
    const left = { code: 'unavailable', message: /^1 of 3 .* the folder or bucket photos is not there/ };
    await assert.rejects(trash.empty('all'), left);
    assert.deepEqual(
      (await trash.list({ limit: 10 })).items.map(({ id }) => id),
      [moon!.id],
    );
    assert.ok(cat!.id < clock!.id);
    connect(photos);
    assert.equal(await trash.empty('all'), 1);
  });
});

describe('pictures that are not ours to change', () => {
  it('are only taken out of the index when they were only indexed, unless the caller says disk', async () => {
    await using api = closing(await testApp({}, (deps) => ({ ...deps, uploadBucket: () => 'elsewhere' })));
    const bucket = api.deps.buckets.get('photos')!;
    for (const name of ['cat.jpg', 'moon.jpg']) {
      await bucket.put(name, await samplePhoto(name));
      await api.deps.index({ type: 'created', bucket: 'photos', key: name, sequencer: null });
    }
    const ids = Object.fromEntries((await api.json('/images')).body.items.map(({ id, key }) => [key as string, id]));
    await api.json(`/images/${ids['cat.jpg']}`, { method: 'DELETE' });
    assert.deepEqual((await readdir(join(api.root, 'photos'))).filter((name) => name !== '.sightline').sort(), [
      'cat.jpg',
      'moon.jpg',
    ]);
    await api.json(`/images/${ids['moon.jpg']}?from=disk`, { method: 'DELETE' });
    assert.deepEqual(
      (await readdir(join(api.root, 'photos'))).filter((name) => name !== '.sightline'),
      ['cat.jpg'],
    );
  });

  it('stay as they are when the server is read-only, and can still leave the index', async () => {
    const root = tempFolder();
    await mkdir(join(root, 'photos'));
    const writable = await openFolder({ root: join(root, 'photos'), bucket: 'photos' });
    await writable.put('cat.jpg', await samplePhoto('cat.jpg'));
    const before = await readdir(join(root, 'photos'), { recursive: true });
    const store = await openFolder({ root: join(root, 'photos'), bucket: 'photos', readOnly: true });
    await using api = closing(
      await testApp({ readOnly: true }, (deps) => {
        (deps.buckets as Map<string, typeof store>).set('photos', store);
        return deps;
      }),
    );
    const { id } = await api.deps.index({ type: 'created', bucket: 'photos', key: 'cat.jpg', sequencer: null });
    const upload = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: await samplePhoto('moon.jpg') };
    const refused = [await api.json('/images', upload), await api.json(`/images/${id}`, { method: 'DELETE' })];
    assert.deepEqual(
      refused.map(({ status, body }) => [status, body.type]),
      [
        [403, '/problems/read-only'],
        [403, '/problems/read-only'],
      ],
    );
    assert.deepEqual((await api.json('/trash')).body.items, []);
    assert.equal((await api.json(`/images/${id}`, jsonRequest('PATCH', { tags: ['pet'] }))).status, 200);
    assert.equal((await api.json(`/images/${id}?from=index`, { method: 'DELETE' })).status, 204);
    assert.deepEqual(await readdir(join(root, 'photos'), { recursive: true }), before);
    assert.equal((await api.json('/status')).body.readOnly, true);
  });
});
