import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { createWriteStream } from 'node:fs';
import { appendFile, cp, mkdir, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NO_PICTURE } from '../../../core/files/non-picture-files.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { FailureLog } from '../../../core/ports.ts';
import { createSequencer } from '../../../functions/events/local-sequencer.ts';
import { parseS3Event, type S3Event } from '../../../functions/events/s3-event.ts';
import { reconcile } from '../../../server/watch/reconcile.ts';
import { createWorld, eventually, type World } from '../../support/ingest-harness.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.dispose());

const path = (key: string) => join(world.root, key);
/** Puts a picture into the folder as another program would. */
async function drop(key: string, text = key): Promise<void> {
  await mkdir(join(path(key), '..'), { recursive: true });
  await writeFile(path(key), `PIC ${text}`);
}
const finds = (...keys: string[]) =>
  eventually(async () => assert.deepEqual(await world.indexed(), keys.toSorted(), 'indexed keys'));

describe('at the start', () => {
  it('indexes what is there, and nothing again at the next start', async () => {
    const keys = ['a.jpg', 'b c+d.jpg', 'sub/ä 猫.jpg', 'sub/deep/x.jpg'];
    for (const key of keys) await drop(key);
    const first = await world.start();
    await finds(...keys);
    await first.stop();
    assert.equal(world.embedder.embeddedImages.length, 4);

    await world.reopen();
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 4, created: 0, removed: 0, failed: 0 });
    await second.queue.onIdle();
    assert.equal(second.jobs.length, 0);
    assert.equal(world.embedder.embeddedImages.length, 4);
  });

  it('catches up with what changed while nobody watched', async () => {
    for (const key of ['same.jpg', 'changed.jpg', 'removed.jpg', 'album/1.jpg', 'album/2.jpg']) await drop(key);
    await (await world.start()).stop();
    await world.reopen();
    const first = await world.start();
    await finds('album/1.jpg', 'album/2.jpg', 'changed.jpg', 'removed.jpg', 'same.jpg');
    await first.stop();

    await drop('changed.jpg', 'other content');
    await drop('new.jpg');
    await unlink(path('removed.jpg'));
    await rm(path('album'), { recursive: true });
    await old('changed.jpg', 'new.jpg');
    await world.reopen();
    const { source, queue } = await world.start();
    assert.deepEqual(source.found, { unchanged: 1, created: 2, removed: 3, failed: 0 });
    await queue.onIdle();
    assert.deepEqual(await world.indexed(), ['changed.jpg', 'new.jpg', 'same.jpg']);
    assert.deepEqual(world.embedder.embeddedImages.filter((text) => text === 'PIC same.jpg').length, 1);
  });

  it('reads pictures again whose sidecars came, changed or went while nobody watched, and no others', async () => {
    const xmp = (year: number) => `<rdf:Description exif:DateTimeOriginal="${year}-01-02T03:04:05"/>`;
    const takeout = '{"photoTakenTime":{"timestamp":"1562320800"}}';
    for (const key of ['none.jpg', 'came.jpg', 'trip/changed.jpg', 'trip/went.jpg', 'trip/same.jpg']) await drop(key);
    for (const key of ['trip/changed.xmp', 'trip/went.jpg.xmp', 'trip/same.xmp']) await writeFile(path(key), xmp(2011));
    await writeFile(path('trip/same.jpg.json'), takeout);
    const first = await world.start();
    await finds('none.jpg', 'came.jpg', 'trip/changed.jpg', 'trip/went.jpg', 'trip/same.jpg');
    await first.stop();
    const years = async () =>
      Promise.all(
        ['came.jpg', 'trip/changed.jpg', 'trip/went.jpg', 'trip/same.jpg'].map(
          async (key) =>
            (await world.payload(key)).takenFrom === 'sidecar' && (await world.payload(key)).takenAt?.slice(0, 4),
        ),
      );
    assert.deepEqual(await years(), [false, '2011', '2011', '2011']);
    await writeFile(path('came.jpg.supplemental-metadata.json'), takeout);
    await writeFile(path('trip/changed.xmp'), xmp(2012));
    await unlink(path('trip/went.jpg.xmp'));
    await world.reopen();
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 2, created: 3, removed: 0, failed: 0 });
    await second.queue.onIdle();
    assert.deepEqual(await years(), ['2019', '2012', false, '2011']);
    await writeFile(path('trip/went.xmp'), xmp(2013));
    await eventually(async () => assert.deepEqual(await years(), ['2019', '2012', '2013', '2011']));
    await second.stop();
    await world.reopen();
    const third = await world.start();
    assert.deepEqual(third.source.found, { unchanged: 5, created: 0, removed: 0, failed: 0 });
    assert.equal(world.embedder.embeddedImages.length, 5);
  });

  it('goes on where it was stopped in the middle', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `${i}.jpg`);
    for (const key of keys) await drop(key);
    await old(...keys);
    let handled = 0;
    const stopping = Promise.withResolvers<void>();
    const first = await world.start({
      wrap: (index) => async (job) => {
        handled++;
        if (handled > 10) await stopping.promise;
        return index(job);
      },
    });
    await eventually(() => assert.ok(handled > 10));
    const queueStopped = first.queue.stop();
    stopping.resolve();
    await queueStopped;
    await first.stop();
    const before = (await world.indexed()).length;
    assert.ok(before >= 10 && before < 60, `${before} before the stop`);
    assert.equal(before, handled, 'what had begun was finished');

    await world.reopen();
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: before, created: 60 - before, removed: 0, failed: 0 });
    await second.queue.onIdle();
    assert.equal((await world.indexed()).length, 60);
    assert.equal(world.embedder.embeddedImages.length, 60, 'nothing was embedded twice');
  });

  it('does not try again what can never succeed, but what may', async () => {
    await drop('good.jpg');
    await writeFile(path('notes.jpg'), 'just words');
    await drop('unlucky.jpg');
    await old('good.jpg', 'notes.jpg', 'unlucky.jpg');
    const first = await world.start({
      maxAttempts: 2,
      wrap: (index) => async (job) => {
        if (job.key === 'unlucky.jpg') throw new Error('out of memory');
        return index(job);
      },
    });
    await first.queue.onIdle();
    await first.stop();
    assert.equal(await world.failures.count(), 2);

    await world.reopen();
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 1, created: 1, removed: 0, failed: 1 });
    await second.queue.onIdle();
    assert.deepEqual(await world.indexed(), ['good.jpg', 'unlucky.jpg']);
    const { items } = await world.failures.list({ limit: 10 });
    assert.deepEqual(
      items.map(({ key, reason, retryable }) => [key, reason, retryable]),
      [['notes.jpg', 'not-an-image', false]],
    );
    await second.stop();

    // Turned into a picture, then deleted.
    await writeFile(path('notes.jpg'), 'PIC after all');
    const third = await world.start();
    await finds('good.jpg', 'notes.jpg', 'unlucky.jpg');
    assert.equal(await world.failures.count(), 0);
    await third.stop();
    await writeFile(path('notes.jpg'), 'words again');
    const fourth = await world.start();
    await eventually(async () => assert.equal(await world.failures.count(), 1));
    await fourth.stop();
    await unlink(path('notes.jpg'));
    const fifth = await world.start();
    assert.equal(fifth.source.found.removed, 1);
    await fifth.queue.onIdle();
    assert.equal(await world.failures.count(), 0);
  });

  it('forgets a failure that was dismissed when its file is gone, and remembers it while it is there', async () => {
    for (const key of ['gone.jpg', 'stays.jpg']) await writeFile(path(key), 'just words');
    await old('gone.jpg', 'stays.jpg');
    const first = await world.start();
    await first.queue.onIdle();
    await first.stop();
    for (const { id } of (await world.failures.list({ limit: 10 })).items) await world.failures.dismiss(id);
    await unlink(path('gone.jpg'));
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 0, created: 0, removed: 1, failed: 1 });
    await second.queue.onIdle();
    assert.equal(await world.failures.get(imageId('photos', 'gone.jpg')), null);
    assert.equal((await world.failures.get(imageId('photos', 'stays.jpg')))?.key, 'stays.jpg');
    assert.equal(await world.failures.count(), 0);
  });

  it('reads what is no picture by its name nor by its bytes once, and lists no failure of it', async () => {
    const id = imageId('photos', 'notes.txt');
    for (const key of ['notes.txt', 'letter']) await writeFile(path(key), 'just words');
    await writeFile(path('bill.pdf'), '%PDF-1.7');
    await old('notes.txt', 'letter', 'bill.pdf');
    // As an older version left it.
    const failure = { bucket: 'photos', key: 'notes.txt', sequencer: '', message: '', retryable: false };
    const { etag } = (await world.objects.head('notes.txt'))!;
    await world.failures.record({ ...failure, id, etag, reason: 'not-an-image' });
    const bill = { key: 'bill.pdf', id: imageId('photos', 'bill.pdf'), message: 'expected JPEG or PNG, got PDF' };
    const { etag: asItIs } = (await world.objects.head('bill.pdf'))!;
    await world.failures.record({ ...failure, ...bill, etag: asItIs, reason: 'unsupported-format' });
    const first = await world.start();
    // Only the letter may be a picture by its name.
    assert.deepEqual(first.source.found, { unchanged: 0, created: 1, removed: 0, failed: 0 });
    await first.queue.onIdle();
    await first.stop();
    assert.deepEqual([await world.failures.count(), await world.failures.count(NO_PICTURE)], [0, 3]);
    for (const key of ['bill.pdf', 'notes.txt']) await unlink(path(key));
    await writeFile(path('letter'), 'PIC after all');
    await old('letter');
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 0, created: 1, removed: 2, failed: 0 });
    await second.queue.onIdle();
    await second.stop();
    assert.equal(await world.failures.count(NO_PICTURE), 0);
    await writeFile(path('letter'), 'words again');
    await old('letter');
    const third = await world.start();
    await third.queue.onIdle();
    await third.stop();
    assert.deepEqual([await world.indexed(), await world.failures.count(NO_PICTURE)], [[], 1]);
    const fourth = await world.start();
    assert.deepEqual(fourth.source.found, { unchanged: 0, created: 0, removed: 0, failed: 0 });
  });

  it('forgets failures of pictures that are indexed', async () => {
    await drop('a.jpg');
    const first = await world.start();
    await finds('a.jpg');
    await first.stop();
    const failure = {
      bucket: 'photos',
      sequencer: '',
      reason: 'internal',
      message: 'outage',
      retryable: true,
      etag: '',
    };
    await world.failures.record({ ...failure, id: imageId('photos', 'a.jpg'), key: 'a.jpg' });
    await world.failures.record({ ...failure, id: imageId('others', 'b.jpg'), bucket: 'others', key: 'b.jpg' });
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 1, created: 0, removed: 0, failed: 0 });
    assert.deepEqual(
      (await world.failures.list({ limit: 10 })).items.map(({ key }) => key),
      ['b.jpg'],
    );
  });

  it('reads of the failures those below the folder that is compared, and no others', async () => {
    const failure = { sequencer: '', etag: '', reason: 'corrupt', message: '', retryable: false };
    const record = (bucket: string, key: string) =>
      world.failures.record({ ...failure, id: imageId(bucket, key), bucket, key }, { dismissed: key.endsWith('.txt') });
    for (let i = 0; i < 20; i++) for (const bucket of ['photos', 'others']) await record(bucket, `notes/${i}.txt`);
    for (const key of ['trip/gone.jpg', 'trip/gone.txt', 'trips/other.jpg']) await record('photos', key);
    await drop('trip/a.jpg');
    const read: string[] = [];
    const failures: FailureLog = {
      ...world.failures,
      async list(options) {
        const page = await world.failures.list(options);
        read.push(...page.items.map(({ key }) => key));
        return page;
      },
    };
    const removed: string[] = [];
    const emit = (event: S3Event) => {
      for (const { key, type } of parseS3Event(event)) if (type === 'removed') removed.push(key);
    };
    const { objects: store, vectors } = world;
    await reconcile({ root: null, store, vectors, failures, emit, sequencer: null }, 'trip/');
    assert.deepEqual(read.sort(), ['trip/gone.jpg', 'trip/gone.txt']);
    assert.deepEqual(removed.sort(), ['trip/gone.jpg', 'trip/gone.txt']);
  });

  it('removes nothing when the drive looks unmounted', async () => {
    for (const key of ['a.jpg', 'b.jpg']) await drop(key);
    const first = await world.start();
    await finds('a.jpg', 'b.jpg');
    await first.stop();
    // As after a restart without the drive: another, empty folder at the same path.
    await rename(world.root, `${world.root}-drive`);
    await mkdir(world.root);
    await world.reopen();
    await assert.rejects(world.start(), { code: 'unavailable', message: /holds 2 of them; is its drive mounted/ });
    assert.deepEqual(await world.indexed(), ['a.jpg', 'b.jpg']);
    await rm(world.root, { recursive: true });
    await assert.rejects(world.start(), /ENOENT|unavailable/);
    assert.deepEqual(await world.indexed(), ['a.jpg', 'b.jpg']);
    await rename(`${world.root}-drive`, world.root);
    await world.reopen();
    assert.equal((await world.start()).source.found.unchanged, 2);
  });

  it('removes everything when the folder was emptied', async () => {
    for (const key of ['a.jpg', 'sub/b.jpg']) await drop(key);
    const first = await world.start();
    await finds('a.jpg', 'sub/b.jpg');
    await first.stop();
    await unlink(path('a.jpg'));
    await rm(path('sub'), { recursive: true });
    await world.reopen();
    const second = await world.start();
    assert.equal(second.source.found.removed, 2);
    await second.queue.onIdle();
    assert.deepEqual(await world.indexed(), []);
  });

  it('leaves the pictures of other folders alone', async () => {
    await drop('a.jpg');
    const first = await world.start();
    await finds('a.jpg');
    await first.stop();
    const vector = (await world.vectors.vectors([imageId('photos', 'a.jpg')])).values().next().value!;
    const payload = { ...(await world.payload('a.jpg')), bucket: 'others', key: 'z.jpg' };
    await world.vectors.upsert([{ id: imageId('others', 'z.jpg'), vector, payload }], 'newer');
    const second = await world.start();
    assert.deepEqual(second.source.found, { unchanged: 1, created: 0, removed: 0, failed: 0 });
    assert.deepEqual(await world.indexed(), ['a.jpg', 'z.jpg']);
  });

  it('beats what earlier runs wrote, although the clock went back', async () => {
    await drop('a.jpg', 'one');
    await drop('b.jpg', 'one');
    const future = await world.start({ sequencer: createSequencer(() => Date.now() + 86_400_000) });
    await finds('a.jpg', 'b.jpg');
    await unlink(path('b.jpg'));
    await finds('a.jpg');
    await future.stop();

    await drop('a.jpg', 'two');
    await drop('b.jpg', 'two');
    await world.start();
    await finds('a.jpg', 'b.jpg');
    const { bytes } = (await world.objects.head('a.jpg'))!;
    await eventually(async () => {
      const [payload, info] = [await world.payload('a.jpg'), await world.objects.head('a.jpg')];
      assert.equal(payload.etag, info?.etag);
      assert.equal(payload.bytes, bytes);
    });
  });
});

/** Sets the modification time back, so that the files count as written long ago. */
async function old(...keys: string[]): Promise<void> {
  const past = new Date(Date.now() - 60_000);
  for (const key of keys) await utimes(path(key), past, past);
}

describe('while it is watched', () => {
  it('a new picture is found, a changed one is indexed again, a removed one is gone', async () => {
    await world.start();
    await drop('a.jpg', 'one');
    await finds('a.jpg');
    const before = await world.payload('a.jpg');
    await drop('a.jpg', 'two and more');
    await eventually(async () => assert.notEqual((await world.payload('a.jpg')).sha256, before.sha256));
    await unlink(path('a.jpg'));
    await finds();
  });

  it('takes names as they are', async () => {
    await world.start();
    const keys = ['with space.jpg', 'plus+sign.jpg', '100%.jpg', 'ä/ö ü.jpg', '猫 🐈.jpg', "it's #1 (best)!.jpg"];
    for (const key of keys) await drop(key);
    await finds(...keys);
    for (const key of keys) await unlink(path(key));
    await finds();
  });

  it('sees pictures in new folders, and in folders in those', async () => {
    await world.start();
    await drop('one/two/three/a.jpg');
    await finds('one/two/three/a.jpg');
    await drop('one/two/b.jpg');
    await drop('one/four/c.jpg');
    await finds('one/four/c.jpg', 'one/two/b.jpg', 'one/two/three/a.jpg');
  });

  it('sees a folder that is copied, moved in, renamed, moved out, deleted and made again', async () => {
    await world.start();
    const album = join(world.dir, 'album');
    await mkdir(join(album, 'sub'), { recursive: true });
    for (const name of ['1.jpg', '2.jpg', 'sub/3.jpg']) await writeFile(join(album, name), `PIC ${name}`);
    const keysIn = (folder: string) => ['1.jpg', '2.jpg', 'sub/3.jpg'].map((name) => `${folder}/${name}`);

    await cp(album, path('copied'), { recursive: true });
    await finds(...keysIn('copied'));
    await rename(album, path('moved'));
    await finds(...keysIn('copied'), ...keysIn('moved'));
    await rename(path('moved'), path('renamed'));
    await finds(...keysIn('copied'), ...keysIn('renamed'));
    await rename(path('renamed'), album);
    await finds(...keysIn('copied'));
    await rm(path('copied'), { recursive: true });
    await finds();
    await drop('copied/sub/4.jpg');
    await finds('copied/sub/4.jpg');
    await drop('copied/5.jpg');
    await finds('copied/5.jpg', 'copied/sub/4.jpg');
    assert.equal(world.embedder.embeddedImages.length, 5, 'the same bytes are embedded once');
  });

  it('waits until a slow copy is complete', async () => {
    const { jobs } = await world.start({ quietMs: 1000 });
    const file = createWriteStream(path('slow.jpg'));
    for (let i = 0; i < 12; i++) {
      file.write(`PIC part ${i}, `);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(jobs, []);
    await new Promise((resolve) => file.end(resolve));
    await finds('slow.jpg');
    assert.equal(jobs.length, 1);
    assert.match(world.embedder.embeddedImages.join(), /part 0.*part 11, $/);
  });

  it('indexes again what was cut off at first', async () => {
    await world.start();
    await writeFile(path('late.jpg'), 'half of a');
    await eventually(async () => assert.equal(await world.failures.count(), 1));
    await writeFile(path('late.jpg'), 'PIC whole');
    await finds('late.jpg');
    await eventually(async () => assert.equal(await world.failures.count(), 0));
  });

  it('follows pictures that are replaced by a rename, as editors do', async () => {
    await world.start();
    await drop('a.jpg', 'one');
    await finds('a.jpg');
    for (const text of ['two', 'three', 'four']) {
      await writeFile(path('.a.jpg.tmp'), `PIC ${text}`);
      await rename(path('.a.jpg.tmp'), path('a.jpg'));
    }
    await eventually(async () => {
      assert.equal((await world.payload('a.jpg')).etag, (await world.objects.head('a.jpg'))?.etag);
    });
    assert.equal(world.embedder.embeddedImages.at(-1), 'PIC four');
    await rename(path('a.jpg'), path('b.jpg'));
    await finds('b.jpg');
  });

  it('sees a folder, a link and a pipe in the place of a picture', { skip: process.platform === 'win32' }, async () => {
    await drop('a.jpg');
    await drop('b.jpg');
    await drop('c.jpg');
    await world.start();
    await finds('a.jpg', 'b.jpg', 'c.jpg');
    for (const key of ['a.jpg', 'b.jpg', 'c.jpg']) await rm(path(key));
    await drop('a.jpg/inside.jpg');
    await symlink('/etc/hostname', path('b.jpg'));
    execFileSync('mkfifo', [path('c.jpg')]);
    await finds('a.jpg/inside.jpg');
  });

  it('ends with what is there after many quick changes', async () => {
    await world.start();
    for (let i = 0; i < 30; i++) {
      await drop('a.jpg', `version ${i}`);
      if (i % 3 === 0) await unlink(path('a.jpg'));
      await drop('b.jpg', `version ${i}`);
      await unlink(path('b.jpg'));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await finds('a.jpg');
    await eventually(async () => {
      assert.equal((await world.payload('a.jpg')).etag, (await world.objects.head('a.jpg'))?.etag);
    });
  });

  it('takes many at once', async () => {
    await world.start();
    const keys = Array.from({ length: 400 }, (_, i) => `${i % 7}/${i}.jpg`);
    await Promise.all(keys.map((key) => drop(key)));
    await finds(...keys);
    await rm(path('3'), { recursive: true });
    await finds(...keys.filter((key) => !key.startsWith('3/')));
  });

  it('ignores hidden files, our own unfinished writes, symbolic links and what lies outside', async () => {
    const { jobs } = await world.start();
    await writeFile(join(world.dir, 'outside.jpg'), 'PIC outside');
    await writeFile(path('.DS_Store'), 'PIC hidden');
    await drop('.thumbnails/a.jpg');
    await symlink(join(world.dir, 'outside.jpg'), path('link.jpg'));
    await mkdir(join(world.dir, 'elsewhere'));
    await symlink(join(world.dir, 'elsewhere'), path('linked'));
    await writeFile(join(world.dir, 'elsewhere', 'x.jpg'), 'PIC elsewhere');
    await drop('seen.jpg');
    await finds('seen.jpg');
    await world.objects.put('uploaded.jpg', Buffer.from('PIC uploaded'));
    await finds('seen.jpg', 'uploaded.jpg');
    assert.deepEqual([...new Set(jobs.map(({ key }) => key))].sort(), ['seen.jpg', 'uploaded.jpg']);
  });

  it('sends no event about a picture that is indexed as it is', async () => {
    const { jobs, queue } = await world.start();
    await drop('a.jpg');
    await finds('a.jpg');
    await queue.onIdle();
    const before = jobs.length;
    await drop('b.jpg');
    await finds('a.jpg', 'b.jpg');
    await appendFile(path('a.jpg'), '');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(
      jobs.slice(before).map(({ key }) => key),
      ['b.jpg'],
    );
  });

  it('misses nothing that happens while it starts', async () => {
    for (let i = 0; i < 50; i++) await drop(`before/${i}.jpg`);
    const dropping = (async () => {
      for (let i = 0; i < 100; i++) await drop(`new-${i % 10}/${i}.jpg`);
    })();
    await world.start();
    await dropping;
    await eventually(async () => assert.equal((await world.indexed()).length, 150));
  });

  it('finds by comparing again what no system reported', async () => {
    await world.start({ resyncMs: 200, quietMs: 50 });
    // A file changed on another machine may look unchanged here. A change of the store has the same effect.
    await drop('a.jpg');
    await finds('a.jpg');
    const sequencer = 'f'.repeat(15);
    await world.vectors.remove(
      [{ id: imageId('photos', 'a.jpg'), sequencer, deletedAt: '2026-01-01T00:00:00.000Z' }],
      'newer',
    );
    await finds();
    await finds('a.jpg');
  });

  it('finds by comparing again what the system does not watch, because it takes no more watchers', async (t) => {
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    t.mock.method(fs, 'watch', () => {
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    });
    syncBuiltinESMExports();
    await drop('a.jpg');
    await world.start({ resyncMs: 200, quietMs: 50 });
    await drop('b.jpg');
    await finds('a.jpg', 'b.jpg');
  });

  it('follows what is ignored, as it changes', async () => {
    await drop('a.jpg');
    await drop('b.jpg');
    await drop('private/c.jpg');
    await world.start();
    await finds('a.jpg', 'b.jpg', 'private/c.jpg');
    await writeFile(path('.sightlineignore'), 'b.jpg\nprivate/\n');
    await finds('a.jpg');
    await drop('private/d.jpg');
    await writeFile(path('.sightlineignore'), 'b.jpg\n');
    await finds('a.jpg', 'private/c.jpg', 'private/d.jpg');
    await drop('private/e.jpg');
    await rm(path('.sightlineignore'));
    await finds('a.jpg', 'b.jpg', 'private/c.jpg', 'private/d.jpg', 'private/e.jpg');
  });

  it('lists names that can be no keys as failures, until they are gone', {
    skip: process.platform === 'win32',
  }, async () => {
    await world.start();
    await writeFile(path('a\nb.jpg'), 'PIC');
    await writeFile(path('c\\d.jpg'), 'PIC');
    await symlink(world.dir, path('out'));
    const listed = async () => (await world.failures.list({ limit: 10 })).items.map(({ key }) => key).sort();
    await eventually(async () => assert.deepEqual(await listed(), ['a\\nb.jpg', 'c\\d.jpg', 'out']));
    await rename(path('a\nb.jpg'), path('ab.jpg'));
    await rm(path('c\\d.jpg'));
    await rm(path('out'));
    await finds('ab.jpg');
    await eventually(async () => assert.deepEqual(await listed(), []));
  });

  it('removes from the index what is left out now, also when an older version had indexed or refused it', async () => {
    await drop('b.jpg');
    const first = await world.start();
    await finds('b.jpg');
    await first.stop();
    await world.reopen();
    await drop('@eaDir/a.jpg');
    await writeFile(path('c.json'), '{}');
    const [key, id] = ['@eaDir/a.jpg', imageId('photos', '@eaDir/a.jpg')];
    const [vector] = await world.embedder.embedTexts(['a']);
    const payload = { ...(await world.payload('b.jpg')), key };
    await world.vectors.upsert([{ id, vector: vector!, payload }], 'newer');
    const failed = { bucket: 'photos', key: 'c.json', etag: '', sequencer: '', message: '', retryable: false };
    await world.failures.record({ id: imageId('photos', 'c.json'), reason: 'not-an-image', ...failed });
    const { queue } = await world.start();
    await queue.onIdle();
    await finds('b.jpg');
    assert.equal(await world.failures.count(), 0);
  });

  it('removes nothing below an empty folder that has not changed: the mount point of a drive', async () => {
    await drop('mnt/nas/a.jpg');
    await drop('mnt/b.jpg');
    const first = await world.start({ resyncMs: 100 });
    await finds('mnt/b.jpg', 'mnt/nas/a.jpg');
    await first.stop();
    await rename(path('mnt/nas'), join(world.dir, 'drive'));
    await mkdir(path('mnt/nas'));
    // In reality the mount point is older than the index of the drive; here the index is made younger instead.
    await world.reopen();
    const later = new Date(Date.now() + 60_000).toISOString();
    const { items } = await world.vectors.list({ filter: { kind: 'image' }, limit: 10, order: 'id' });
    const found = await world.vectors.vectors(items.map(({ id }) => id));
    await world.vectors.upsert(
      items.map(({ id, payload }) => ({ id, vector: found.get(id)!, payload: { ...payload, indexedAt: later } })),
      'not-older',
    );
    const second = await world.start({ resyncMs: 100 });
    assert.deepEqual(second.source.found, { unchanged: 1, created: 0, removed: 0, failed: 0 });
    await rm(path('mnt/b.jpg'));
    await finds('mnt/nas/a.jpg');
  });

  it('keeps what it knows when the folder disappears', async () => {
    await world.start({ resyncMs: 100, quietMs: 20 });
    await drop('a.jpg');
    await finds('a.jpg');
    await rename(world.root, `${world.root}-gone`);
    await mkdir(world.root);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await world.indexed(), ['a.jpg']);
  });
});
