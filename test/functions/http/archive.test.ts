import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import yauzl from 'yauzl';
import { SightlineError } from '../../../core/errors.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { archiveFileNames } from '../../../functions/http/archive-file-names.ts';
import { type ZipFile, zipped } from '../../../functions/http/zip.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

/** All entries of an archive, verified and in order, read by an independent implementation. */
async function entriesOf(zip: Buffer): Promise<Map<string, { bytes: Buffer; modified: Date }>> {
  const file = await yauzl.fromBufferPromise(zip);
  const entries = new Map<string, { bytes: Buffer; modified: Date }>();
  for await (const entry of file.eachEntry()) {
    const bytes = await buffer(await file.openReadStreamPromise(entry));
    entries.set(entry.fileName, { bytes, modified: entry.getLastModDate() });
  }
  return entries;
}

describe('an archive of pictures', () => {
  let t: TestApp;
  const ids: string[] = [];
  before(async () => {
    t = await testApp();
    for (const key of ['a/cat.jpg', 'b/moon.jpg', 'b/Moon.JPG', 'Straße/写真.jpg']) {
      const body = await samplePhoto(key.includes('cat') ? 'cat.jpg' : 'moon.jpg');
      const query = `key=${encodeURIComponent(key)}`;
      const request = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body };
      const answer = await t.json(`/images?${query}`, request);
      assert.equal(answer.status, 201);
      ids.push(answer.body.id);
    }
  });
  after(() => t.close());
  const asForm = (list: readonly string[], headers: Record<string, string> = {}) =>
    t.app.request('/archive', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(list.map((id) => ['ids', id])).toString(),
    });

  it('holds each as it is, with its folders and date, of the same name numbered', async () => {
    for (const response of [
      await t.app.request('/archive', jsonRequest('POST', { ids: [...ids, ids[0]] })),
      await asForm(ids, { origin: 'http://localhost', host: 'localhost' }),
    ]) {
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'application/zip');
      assert.match(response.headers.get('content-disposition')!, /^attachment; filename="pictures.zip"/);
      const entries = await entriesOf(Buffer.from(await response.bytes()));
      assert.deepEqual([...entries.keys()], ['a/cat.jpg', 'b/moon.jpg', 'b/Moon (2).JPG', 'Straße/写真.jpg']);
      assert.deepEqual(new Uint8Array(entries.get('a/cat.jpg')!.bytes), await samplePhoto('cat.jpg'));
      assert.deepEqual(new Uint8Array(entries.get('Straße/写真.jpg')!.bytes), await samplePhoto('moon.jpg'));
      const { modified } = entries.get('a/cat.jpg')!;
      assert.ok(Math.abs(modified.getTime() - Date.now()) < 3600_000, `${modified}`);
    }
  });

  it('holds all that a filter lets through', async () => {
    const filter = { keyPrefix: 'b/' };
    const response = await t.app.request('/archive', jsonRequest('POST', { filter }));
    const names = [...(await entriesOf(Buffer.from(await response.bytes()))).keys()];
    assert.deepEqual(
      names.map((name) => name.toLowerCase().replace(' (2)', '')),
      ['b/moon.jpg', 'b/moon.jpg'],
    );
    const none = jsonRequest('POST', { filter: { folder: 'nowhere' } });
    assert.equal((await t.app.request('/archive', none)).status, 404);
    const both = jsonRequest('POST', { ids, filter });
    assert.equal((await t.app.request('/archive', both)).status, 400);
  });

  it('is refused whole where a picture is not known, and where the request makes no sense', async () => {
    const unknown = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
    assert.equal((await asForm([ids[0]!, unknown])).status, 404);
    assert.equal((await asForm([])).status, 400);
    assert.equal((await asForm(['x'])).status, 400);
    assert.equal((await t.app.request('/archive', jsonRequest('POST', { ids: [] }))).status, 400);
    assert.equal((await t.app.request('/archive', { method: 'POST', body: 'x' })).status, 415);
    const foreign = { origin: 'https://elsewhere.example', host: 'localhost' };
    assert.equal((await asForm(ids, foreign)).status, 403);
  });

  it('lists what is gone from the folder, and holds the rest', async () => {
    await t.deps.buckets.get('photos')!.delete('a/cat.jpg');
    const entries = await entriesOf(Buffer.from(await (await asForm(ids.slice(0, 2))).bytes()));
    assert.deepEqual([...entries.keys()], ['b/moon.jpg', 'not in this archive.txt']);
    assert.equal(String(entries.get('not in this archive.txt')!.bytes), 'a/cat.jpg\n');
  });

  it('lists what cannot be read, and all that lay on a drive that goes meanwhile', async () => {
    const names = ['cat.jpg', 'clock.jpg', 'coffee.jpg', 'rocket.jpg'];
    const asked: string[] = [];
    for (const name of names) asked.push(await t.addPhoto(name));
    const buckets = t.deps.buckets as Map<string, ObjectStore>;
    const photos = buckets.get('photos')!;
    const goes: ObjectStore = {
      ...photos,
      async get(key, options) {
        if (key === 'clock.jpg') throw new SightlineError('unavailable', 'the file cannot be read');
        if (key === 'coffee.jpg') buckets.delete('photos');
        return photos.get(key, options);
      },
    };
    buckets.set('photos', goes);
    try {
      const entries = await entriesOf(Buffer.from(await (await asForm(asked)).bytes()));
      assert.deepEqual([...entries.keys()], ['cat.jpg', 'coffee.jpg', 'not in this archive.txt']);
      assert.equal(String(entries.get('not in this archive.txt')!.bytes), 'clock.jpg\nrocket.jpg\n');
    } finally {
      buckets.set('photos', photos);
    }
  });
});

describe('on Lambda', () => {
  it('an archive that is larger than an answer may be is refused before it begins', async () => {
    const t = await testApp({}, (deps) => ({ ...deps, local: false }));
    const id = await t.addPhoto('cat.jpg');
    const stored = (await t.deps.vectors.get([id])).get(id)!;
    const vector = (await t.deps.vectors.vectors([id])).get(id)!;
    assert.ok(!stored.deleted);
    const payload = { ...stored.payload, bytes: 201e6 } as typeof stored.payload;
    await t.deps.vectors.upsert([{ id, vector, payload }], 'not-older');
    const { status, body } = await t.json('/archive', jsonRequest('POST', { ids: [id] }));
    assert.deepEqual([status, body.maxBytes], [413, 200e6]);
    await t.close();
  });
});

describe('the zip format', () => {
  const files = function* (count: number, bytes: Uint8Array): Generator<ZipFile> {
    for (let i = 0; i < count; i++) yield { name: `${i}.jpg`, bytes, modified: new Date('2019-07-05T12:00:00Z') };
  };

  it('counts more files than 16 bits can', async () => {
    const parts: Uint8Array[] = [];
    for await (const part of zipped(files(70_000, new Uint8Array(1)))) parts.push(part);
    const file = await yauzl.fromBufferPromise(Buffer.concat(parts));
    assert.equal(file.entryCount, 70_000);
    let last = '';
    for await (const entry of file.eachEntry()) last = entry.fileName;
    assert.equal(last, '69999.jpg');
  });

  it('finds files beyond 4 GB', async () => {
    // Only the positions of the parts are kept; the reader gets zeros in between.
    const large = new Uint8Array(64 * 1024 ** 2);
    const kept: { at: number; part: Uint8Array }[] = [];
    let size = 0;
    for await (const part of zipped(files(66, large))) {
      if (part !== large) kept.push({ at: size, part });
      size += part.byteLength;
    }
    assert.ok(size > 2 ** 32);
    class Sparse extends yauzl.RandomAccessReader {
      override read(to: Buffer, offset: number, length: number, position: number, done: (e: Error | null) => void) {
        to.fill(0, offset, offset + length);
        for (const { at, part } of kept) {
          const [from, until] = [Math.max(at, position), Math.min(at + part.byteLength, position + length)];
          if (from < until) to.set(part.subarray(from - at, until - at), offset + from - position);
        }
        done(null);
      }
    }
    const file = await yauzl.fromRandomAccessReaderPromise(new Sparse(), size);
    const offsets: number[] = [];
    for await (const entry of file.eachEntry()) offsets.push(entry.relativeOffsetOfLocalHeader);
    assert.equal(offsets.length, 66);
    for (const [i, offset] of offsets.entries()) {
      const header = kept.find(({ at }) => at === offset)!;
      assert.match(Buffer.from(header.part).toString('latin1'), new RegExp(`^PK\x03\x04[^]*${i}\\.jpg`));
    }
  });

  it('has names that every system can unpack, none of them out of its folder', () => {
    assert.deepEqual(
      archiveFileNames(['/a//b.jpg', '../x/../y.jpg', 'c:\\d|?.jpg', '..', '', 'a/b.JPG', 'A/b.jpg', 'a/b']),
      ['a/b.jpg', '_/x/_/y.jpg', 'c__d__.jpg', '_', 'picture', 'a/b (2).JPG', 'A/b (3).jpg', 'a/b'],
    );
  });
});
