import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import { belongs, findSidecars, picturesOfSidecar } from '../../../core/metadata/sidecar.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const LONG = 'a'.repeat(50);

describe('sidecars by their names', () => {
  it('belong to the picture they were written for', () => {
    const pairs = [
      ['x.jpg.xmp', 'x.jpg'],
      ['x.xmp', 'x.jpg'],
      ['x.XMP', 'x.CR2'],
      ['x.jpg.json', 'x.jpg'],
      ['x.jpg.json', 'x.JPG'],
      ['x.JPG.xmp', 'x.jpg'],
      ['x.json', 'x.jpg'],
      ['x.jpg.supplemental-metadata.json', 'x.jpg'],
      ['x.jpg(1).json', 'x(1).jpg'],
      ['x(1).jpg.json', 'x(1).jpg'],
      ['x.jpg.supplemental-metadata(1).json', 'x(1).jpg'],
      ['x.jpg.json', 'x-edited.jpg'],
      ['x.jpg.supplemental-metadata.json', 'x-bearbeitet.jpg'],
      ['IMG_20190704_123005_abcdefghijklmn.jpg.supple.json', 'IMG_20190704_123005_abcdefghijklmn.jpg'],
      ['IMG_20190704_123005_abcdefghijklmn.jpg.s.json', 'IMG_20190704_123005_abcdefghijklmn.jpg'],
      [`${LONG.slice(0, 46)}.json`, `${LONG}.jpg`],
      [`${LONG.slice(0, 47)}.json`, `${LONG}.jpg`],
    ];
    for (const [sidecar, picture] of pairs) assert.equal(belongs(sidecar!, picture!), true, `${sidecar} ${picture}`);
  });

  it('do not belong to others', () => {
    const pairs = [
      ['y.xmp', 'x.jpg'],
      ['x.jpg(1).json', 'x.jpg'],
      ['x.jpg.json', 'x(1).jpg'],
      ['IMG_1.jpg.json', 'IMG_10.jpg'],
      ['metadata.json', 'x.jpg'],
      ['x.jpg.txt', 'x.jpg'],
      [`${LONG.slice(0, 30)}.json`, `${LONG}.jpg`],
    ];
    for (const [sidecar, picture] of pairs) assert.equal(belongs(sidecar!, picture!), false, `${sidecar} ${picture}`);
  });
});

const takeout = (seconds: number) =>
  JSON.stringify({
    title: 'x.jpg',
    photoTakenTime: { timestamp: `${seconds}`, formatted: '05.07.2019, 10:00:00 UTC' },
  });
const xmp = '<rdf:Description photoshop:DateCreated="2018-01-02T03:04:05+01:00" tiff:Model="X100"/>';

async function folderOf(files: Readonly<Record<string, string>>) {
  const folder = tempFolder();
  for (const [key, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, key)), { recursive: true });
    writeFileSync(join(folder, key), content);
  }
  return openFolder({ root: folder, bucket: 'photos' });
}

describe('sidecars in a folder', () => {
  it('are found from the picture, and the picture from them', async () => {
    const objects = await folderOf({
      'trip/x.jpg': '',
      'trip/x-edited.jpg': '',
      'trip/x(1).jpg': '',
      'trip/x.jpg.json': takeout(1562320800),
      'trip/x.xmp': xmp,
      'trip/x.jpg(1).json': takeout(1562320900),
      'trip/xy.jpg.json': takeout(1),
      'x.jpg.json': takeout(1),
      'y.JPG': '',
      'y.jpg.json': takeout(1562320800),
      ['é.jpg'.normalize('NFC')]: '',
      ['é.jpg.json'.normalize('NFD')]: takeout(1562320800),
      ['ü.jpg'.normalize('NFD')]: '',
      ['ü.xmp'.normalize('NFC')]: xmp,
    });
    const sidecarsOf = async (key: string) =>
      (await findSidecars(objects, key)).files.map(({ kind, takenAt }) => `${kind} ${takenAt}`).toSorted();
    const original = 'takeout 2019-07-05T10:00:00.000+00:00';
    assert.deepEqual(await sidecarsOf('trip/x.jpg'), [original, 'xmp 2018-01-02T03:04:05.000+01:00']);
    assert.deepEqual(await sidecarsOf('trip/x-edited.jpg'), [original]);
    assert.deepEqual(await sidecarsOf('trip/x(1).jpg'), ['takeout 2019-07-05T10:01:40.000+00:00']);
    const picturesOf = async (key: string) => (await picturesOfSidecar(objects, key)).toSorted();
    assert.deepEqual(await picturesOf('trip/x.jpg.json'), ['trip/x-edited.jpg', 'trip/x.jpg']);
    assert.deepEqual(await picturesOf('trip/x.xmp'), ['trip/x.jpg']);
    assert.deepEqual([await sidecarsOf('y.JPG'), await picturesOf('y.jpg.json')], [[original], ['y.JPG']]);
    assert.deepEqual(await picturesOf('trip/x.jpg(1).json'), ['trip/x(1).jpg']);
    const [nfc, nfd] = [
      ['é.jpg', 'ü.xmp'],
      ['é.jpg.json', 'ü.jpg'],
    ].map((names, i) => names.map((name) => name.normalize(i ? 'NFD' : 'NFC')));
    assert.deepEqual([await sidecarsOf(nfc![0]!), await picturesOf(nfd![0]!)], [[original], [nfc![0]]]);
    assert.equal((await sidecarsOf(nfd![1]!)).length, 1);
    assert.deepEqual(await picturesOf(nfc![1]!), [nfd![1]]);
    assert.deepEqual(await picturesOf('trip/x.jpg'), []);
    assert.deepEqual(await picturesOf('trip/.json'), []);
  });

  it('that may not be read do not keep their picture from being indexed', async () => {
    const objects = await folderOf({ 'x.xmp': '<x/>' });
    const denied = new SightlineError('unavailable', 'permission denied', { details: { code: 'EACCES' } });
    const { files, mark } = await findSidecars({ ...objects, get: () => Promise.reject(denied) }, 'x.jpg');
    assert.deepEqual(files, []);
    assert.notEqual(mark, null, 'it is looked at again when it changes');
    const away = new SightlineError('unavailable', 'try again', { details: { code: 'EIO' } });
    await assert.rejects(findSidecars({ ...objects, get: () => Promise.reject(away) }, 'x.jpg'), away);
  });

  it('that are broken, or JSON of something else, say nothing', async () => {
    const contents = ['', '{', '[]', 'null', '{"photoTakenTime":{"timestamp":"soon"}}', '{"photoTakenTime":3}'];
    for (const content of contents) {
      const objects = await folderOf({ 'x.jpg.json': content });
      const found = (await findSidecars(objects, 'x.jpg')).files;
      assert.ok(
        found.every(({ takenAt }) => takenAt === null),
        content,
      );
    }
  });
});
