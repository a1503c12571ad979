import assert from 'node:assert/strict';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import sharp from 'sharp';
import { createIndexer } from '../../../core/index-image.ts';
import { METADATA_VERSION } from '../../../core/metadata/embedded.ts';
import { type Refreshed, refreshOutdated, refreshPicture } from '../../../core/metadata/refresh.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { NOTHING_KNOWN } from '../../../core/picture-fields.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { ObjectStore, VectorStore } from '../../../core/ports.ts';
import type { ImagePayload } from '../../../core/types.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { hashEmbedder } from '../../functions/http/harness.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { rawOf } from '../picture/odd-pictures.ts';
import { ASCII } from './exif-block.ts';

let folder: string;
let objects: ObjectStore;
let vectors: VectorStore;
let embedded: number;
let refresh: (id: string) => Promise<Refreshed>;
let index: (key: string) => Promise<unknown>;

beforeEach(async () => {
  folder = tempFolder();
  mkdirSync(join(folder, 'photos'));
  objects = await openFolder({ root: join(folder, 'photos'), bucket: 'b' });
  embedded = 0;
  const plain = hashEmbedder();
  const embedder = {
    ...plain,
    embedImage: (bytes: Uint8Array) => {
      embedded += 1;
      return plain.embedImage(bytes);
    },
  };
  vectors = await openEmbeddedStore({ file: join(folder, 'index.sqlite'), space: embedder.space, dimension: 64 });
  const deps = { embedder, vectors, buckets: new Map([['b', objects]]), maxBytes: 1e6 };
  const indexJob = createIndexer(deps);
  index = (key) => indexJob({ type: 'created', bucket: 'b', key, sequencer: null });
  refresh = (id) => refreshPicture(deps, id);
});

afterEach(() => vectors.close());

const write = (key: string, content: Uint8Array | string) => writeFileSync(join(folder, 'photos', key), content);

async function stored(key: string): Promise<ImagePayload> {
  const point = (await vectors.get([imageId('b', key)])).get(imageId('b', key));
  assert.ok(point !== undefined && !point.deleted && point.payload.kind === 'image', key);
  return point.payload;
}

/** As stored by the first version. */
async function age(key: string, changes: Partial<ImagePayload> = {}): Promise<void> {
  const id = imageId('b', key);
  const payload = { ...(await stored(key)), ...NOTHING_KNOWN, ...changes };
  await vectors.upsert([{ id, vector: (await vectors.vectors([id])).get(id)!, payload }], 'not-older');
}

const plain = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#789' } });
const dated = () =>
  plain()
    .withExif({ IFD0: { Make: 'Canon', Model: 'Canon EOS 5D' }, IFD2: { DateTimeOriginal: '2019:07:05 12:00:00' } })
    .jpeg()
    .toBuffer();

describe('reading pictures again', () => {
  it('follows a sidecar that comes, changes and goes, and keeps tags and vector', async () => {
    write('x.png', await plain().png().toBuffer());
    utimesSync(join(folder, 'photos', 'x.png'), 0, 0);
    await index('x.png');
    const id = imageId('b', 'x.png');
    await vectors.setTags(id, ['kept']);
    const vector = (await vectors.vectors([id])).get(id);
    const dates = ['2018-01-02T03:04:05', '2017-06-07T08:09:10', null];
    for (const date of dates) {
      if (date === null) rmSync(join(folder, 'photos', 'x.xmp'));
      else write('x.xmp', `<rdf:Description exif:DateTimeOriginal="${date}"/>`);
      assert.equal(await refresh(id), 'refreshed');
      const { takenAt, takenFrom, tags } = await stored('x.png');
      assert.deepEqual(
        [takenAt, takenFrom, tags],
        [date === null ? null : `${date}.000`, date === null ? null : 'sidecar', ['kept']],
      );
    }
    assert.deepEqual((await vectors.vectors([id])).get(id), vector);
    assert.equal(embedded, 1);
  });

  it('follows events of sidecars to the pictures they describe', async () => {
    for (const key of ['x.png', 'y.png']) {
      write(key, await plain().png().toBuffer());
      utimesSync(join(folder, 'photos', key), 0, 0);
      await index(key);
    }
    const before = await stored('y.png');
    write('x.png.xmp', '<rdf:Description exif:DateTimeOriginal="2018-01-02T03:04:05"/>');
    await index('x.png.xmp');
    assert.deepEqual(
      [(await stored('x.png')).takenAt, (await stored('x.png')).takenFrom],
      ['2018-01-02T03:04:05.000', 'sidecar'],
    );
    rmSync(join(folder, 'photos', 'x.png.xmp'));
    await index('x.png.xmp');
    assert.equal((await stored('x.png')).takenAt, null);
    assert.deepEqual(await stored('y.png'), before);
    assert.deepEqual([embedded, await vectors.count({})], [1, 2]);
  });

  it('is done by an event that announces a picture again, as a new sidecar or an older version asks', async () => {
    write('x.jpg', await dated());
    await index('x.jpg');
    await age('x.jpg');
    const id = imageId('b', 'x.jpg');
    assert.deepEqual(await index('x.jpg'), { status: 'indexed', id, reusedVector: true });
    assert.equal((await stored('x.jpg')).camera, 'Canon EOS 5D');
    write('x.xmp', '<rdf:Description exif:DateTimeOriginal="2018-01-02T03:04:05"/>');
    await index('x.jpg');
    assert.equal((await stored('x.jpg')).takenFrom, 'sidecar');
    assert.deepEqual(await index('x.jpg'), { status: 'skipped', id, reason: 'unchanged' });
    assert.equal(embedded, 1);
  });

  it(
    'brings what an older version did not read, goes on where it stopped, and leaves what is gone or ' + 'changed',
    async () => {
      const keys = ['1.jpg', '2.jpg', '3.jpg', 'changed.jpg', 'gone.jpg'];
      for (const key of keys) {
        write(key, await dated());
        await index(key);
        await age(key);
      }
      rmSync(join(folder, 'photos', 'gone.jpg'));
      write('changed.jpg', await plain().jpeg().toBuffer());
      const outdated = () => vectors.count({ kind: 'image', metadataBelow: METADATA_VERSION });
      assert.equal(await outdated(), 5);
      const stop = new AbortController();
      const onProgress = (done: number) => done === 2 && stop.abort();
      await refreshOutdated({ vectors, refresh }, { signal: stop.signal, onProgress });
      assert.ok((await outdated()) > 2);
      await refreshOutdated({ vectors, refresh });
      assert.equal(await outdated(), 2);
      assert.deepEqual(await refreshOutdated({ vectors, refresh }), { refreshed: 0, left: 2 });
      for (const key of ['1.jpg', '2.jpg', '3.jpg']) {
        const { takenAt, camera } = await stored(key);
        assert.deepEqual([takenAt, camera], ['2019-07-05T12:00:00.000', 'Canon EOS 5D'], key);
      }
      assert.equal(embedded, 1, 'the same bytes, and nothing again');
    },
  );

  it('takes no time of a file that may be that of its upload before uploads were remembered', async () => {
    write('x.png', await plain().png().toBuffer());
    await index('x.png');
    await age('x.png');
    await refresh(imageId('b', 'x.png'));
    assert.equal((await stored('x.png')).takenAt, null);
    await age('x.png', { indexedAt: '2015-01-01T00:00:00.000Z' });
    await refresh(imageId('b', 'x.png'));
    assert.equal((await stored('x.png')).takenFrom, 'file');
  });

  it('embeds again what was taken for its thumbnail', async () => {
    const preview = await plain().resize(600, 400).jpeg().toBuffer();
    write('x.dng', rawOf({ make: 'NIKON', jpegs: [preview], photo: { 36867: ASCII('2019:07:05 12:00:00') } }));
    await index('x.dng');
    await age('x.dng', { contentType: 'image/tiff', width: 160, height: 107 });
    assert.equal(await refresh(imageId('b', 'x.dng')), 'refreshed');
    const { contentType, width, takenAt } = await stored('x.dng');
    assert.deepEqual([contentType, width, takenAt], ['image/x-nikon-nef', 4600, '2019-07-05T12:00:00.000']);
    assert.equal(embedded, 2);
  });
});
