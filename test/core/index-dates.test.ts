import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import sharp from 'sharp';
import { createIndexer, type IndexJob } from '../../core/index-image.ts';
import { openFolder } from '../../core/objects/folder/store.ts';
import { imageId } from '../../core/point-ids.ts';
import type { ObjectStore, VectorStore } from '../../core/ports.ts';
import type { ImagePayload } from '../../core/types.ts';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { hashEmbedder } from '../functions/http/harness.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: string;
let objects: ObjectStore;
let vectors: VectorStore;
let index: IndexJob;

beforeEach(async () => {
  folder = tempFolder();
  mkdirSync(join(folder, 'photos'));
  objects = await openFolder({ root: join(folder, 'photos'), bucket: 'b' });
  const embedder = hashEmbedder();
  vectors = await openEmbeddedStore({ file: join(folder, 'index.sqlite'), space: embedder.space, dimension: 64 });
  index = createIndexer({ embedder, vectors, buckets: new Map([['b', objects]]), maxBytes: 1e6 });
});

afterEach(() => vectors.close());

const pathOf = (key: string) => join(folder, 'photos', key);
const plain = () => sharp({ create: { width: 8, height: 8, channels: 3, background: '#789' } });
const dated = (text: string) => plain().withExif({ IFD2: { DateTimeOriginal: text } });

async function write(key: string, bytes: Uint8Array, time = '2015-03-04T05:06:07Z'): Promise<void> {
  writeFileSync(pathOf(key), bytes);
  utimesSync(pathOf(key), new Date(time), new Date(time));
}

/** The stored payload of a picture after indexing. */
async function indexed(key: string): Promise<ImagePayload> {
  const outcome = await index({ type: 'created', bucket: 'b', key, sequencer: null });
  assert.ok(outcome.status === 'indexed' || outcome.status === 'skipped', JSON.stringify(outcome));
  const point = (await vectors.get([imageId('b', key)])).get(imageId('b', key));
  assert.ok(point !== undefined && !point.deleted && point.payload.kind === 'image');
  return point.payload;
}

async function dateOf(key: string): Promise<string> {
  const { takenAt, takenFrom } = await indexed(key);
  return `${takenFrom} ${takenAt?.slice(0, 19)}`;
}

const takeout = JSON.stringify({ photoTakenTime: { timestamp: '1562320800' } });
const xmp = '<rdf:Description exif:DateTimeOriginal="2018-01-02T03:04:05"/>';

describe('when a picture was taken', () => {
  it('is what it says itself, then what lies beside it, its name, and its file', async () => {
    const [withDate, without] = [await dated('2019:07:05 12:00:00').jpeg().toBuffer(), await plain().png().toBuffer()];
    await write('IMG_20200101_101010.jpg', withDate);
    await write('IMG_20200101_101010.png', without);
    await write('beside.png', without);
    writeFileSync(pathOf('beside.png.json'), takeout);
    await write('corrected.jpg', withDate);
    writeFileSync(pathOf('corrected.xmp'), xmp);
    await write('kept.jpg', withDate);
    writeFileSync(pathOf('kept.jpg.supplemental-metadata.json'), takeout);
    await write('plain.png', without);
    assert.equal(await dateOf('IMG_20200101_101010.jpg'), 'exif 2019-07-05T12:00:00');
    assert.equal(await dateOf('IMG_20200101_101010.png'), 'name 2020-01-01T10:10:10');
    assert.equal(await dateOf('beside.png'), 'sidecar 2019-07-05T10:00:00');
    assert.equal(await dateOf('corrected.jpg'), 'sidecar 2018-01-02T03:04:05');
    assert.equal(await dateOf('kept.jpg'), 'exif 2019-07-05T12:00:00');
    assert.match(await dateOf('plain.png'), /^file 2015-03-0[345]T/);
  });

  it('is its own also where another file has the same bytes and shares the vector', async () => {
    const bytes = await plain().png().toBuffer();
    await write('IMG_20200101_101010.png', bytes);
    await write('2021-05-06 07.08.09.png', bytes);
    await write('none.png', bytes, '1970-01-01T00:00:00Z');
    assert.equal(await dateOf('IMG_20200101_101010.png'), 'name 2020-01-01T10:10:10');
    assert.equal(await dateOf('2021-05-06 07.08.09.png'), 'name 2021-05-06T07:08:09');
    assert.equal(await dateOf('none.png'), 'null undefined');
    assert.equal(await vectors.count({ kind: 'image' }), 3);
  });

  it('is never the time of an upload, also when the file is touched or copied to another disk', async () => {
    await objects.put('up.png', await plain().png().toBuffer());
    assert.equal(await dateOf('up.png'), 'null undefined');
    copyFileSync(pathOf('up.png'), pathOf('other'));
    rmSync(pathOf('up.png'));
    copyFileSync(pathOf('other'), pathOf('up.png'));
    assert.equal(await dateOf('up.png'), 'null undefined');
  });

  it('is read from every kind of block', async () => {
    const at = '2019-07-05T12:00:00';
    const packet =
      `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ` +
      `xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ` +
      `xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="${at}"/></rdf:RDF></x:xmpmeta>`;
    const exif = { DateTimeOriginal: '2019:07:05 12:00:00' };
    for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
      await write(`x.${format}`, await plain().withXmp(packet).toFormat(format).toBuffer());
      assert.equal(await dateOf(`x.${format}`), `xmp ${at}`, format);
      await write(`e.${format}`, await plain().withExif({ IFD2: exif }).toFormat(format).toBuffer());
      assert.equal(await dateOf(`e.${format}`), `exif ${at}`, format);
    }
  });
});
