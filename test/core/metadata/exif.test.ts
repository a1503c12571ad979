import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deviceName, readExif } from '../../../core/metadata/exif.ts';
import { ASCII, exifBlock, RATIONALS, SHORT, type Tags } from './exif-block.ts';

const NOTHING = readExif(new Uint8Array());
const original = (text: string, more: Record<number, ReturnType<typeof ASCII>> = {}) =>
  readExif(exifBlock({ photo: { 36867: ASCII(text), ...more } })).original;

describe('EXIF', () => {
  it('says when the shutter opened, by the clock where it did, with the offset that belongs to it', () => {
    const taken = '2019:07:05 23:30:00';
    assert.equal(original(taken), '2019-07-05T23:30:00.000');
    assert.equal(original(taken, { 36881: ASCII('+02:00') }), '2019-07-05T23:30:00.000+02:00');
    assert.equal(original(taken, { 36881: ASCII('-09:30'), 37521: ASCII('12') }), '2019-07-05T23:30:00.120-09:30');
    // The offset of the modification date says nothing about the exposure.
    assert.equal(original(taken, { 36880: ASCII('+05:00') }), '2019-07-05T23:30:00.000');
    assert.equal(original(taken, { 34858: { type: 8, values: [-8] } }), '2019-07-05T23:30:00.000-08:00');
  });

  it('tells apart exposure, digitising, last change and satellites', () => {
    const exif = readExif(
      exifBlock({
        main: { 306: ASCII('2022:02:02 02:02:02') },
        photo: { 36867: ASCII('2019:07:05 12:00:00'), 36868: ASCII('2021:01:01 01:01:01') },
        gps: { 29: ASCII('2019:07:05'), 7: RATIONALS([10, 1], [0, 1], [590, 10]) },
      }),
    );
    assert.deepEqual(exif, {
      ...NOTHING,
      original: '2019-07-05T12:00:00.000',
      digitized: '2021-01-01T01:01:01.000',
      changed: '2022-02-02T02:02:02.000',
      gps: '2019-07-05T10:00:59.000+00:00',
    });
    assert.equal(readExif(exifBlock({ gps: { 29: ASCII('2019:07:05') } })).gps, '2019-07-05T00:00:00.000');
  });

  it('names camera and lens without saying the maker twice', () => {
    const exif = readExif(
      exifBlock({
        main: { 271: ASCII('NIKON CORPORATION'), 272: ASCII('NIKON D850') },
        photo: { 42035: ASCII('Tamron'), 42036: ASCII('A007') },
      }),
    );
    assert.deepEqual([exif.camera, exif.lens], ['NIKON D850', 'Tamron A007']);
    assert.equal(deviceName('Canon', 'Canon EOS 5D'), 'Canon EOS 5D');
    assert.equal(deviceName('Apple', 'iPhone 15'), 'Apple iPhone 15');
    assert.equal(deviceName('', 'X100'), 'X100');
    assert.equal(deviceName('Canon', ''), null);
    assert.equal(deviceName('Canon', '----'), null);
  });

  it('says exposure and place', () => {
    const photo = {
      33434: RATIONALS([1, 250]),
      33437: RATIONALS([28, 10]),
      34855: SHORT(400),
      37386: RATIONALS([50, 1]),
    };
    const south = { 1: ASCII('S'), 2: RATIONALS([33, 1], [51, 1], [3132, 100]) };
    const east = { 3: ASCII('E'), 4: RATIONALS([151, 1], [12, 1], [0, 1]) };
    const { exposureTime, aperture, iso, focalLength, latitude, longitude } = readExif(
      exifBlock({ photo, gps: { ...south, ...east } }),
    );
    assert.deepEqual([exposureTime, aperture, iso, focalLength], [0.004, 2.8, 400, 50]);
    assert.deepEqual([latitude, longitude], [-33.8587, 151.2]);
    const placeOf = (gps: Tags) => {
      const exif = readExif(exifBlock({ gps }));
      return [exif.latitude, exif.longitude];
    };
    assert.deepEqual(placeOf(south), [null, null], 'half a place');
    const zeros = { 1: ASCII('N'), 2: RATIONALS([0, 1]), 3: ASCII('E'), 4: RATIONALS([0, 1]) };
    assert.deepEqual(placeOf(zeros), [null, null], 'a camera that knew none');
    assert.deepEqual(placeOf({ ...east, 1: ASCII('N'), 2: RATIONALS([91, 1]) }), [null, null], 'no place on earth');
    const odd = readExif(exifBlock({ photo: { 33434: RATIONALS([0, 0]), 34855: SHORT(65_535) } }));
    assert.deepEqual([odd.exposureTime, odd.iso], [null, null]);
  });

  it('is read the same in both byte orders, behind its letters, and with its directory in a block of its own', () => {
    const tags = { photo: { 36867: ASCII('2019:07:05 12:00:00') } };
    const expected = { ...NOTHING, original: '2019-07-05T12:00:00.000' };
    assert.deepEqual(readExif(exifBlock(tags, 'big')), expected);
    assert.deepEqual(readExif(Buffer.concat([Buffer.from('Exif\0\0'), exifBlock(tags)])), expected);
    const photo = exifBlock({ main: tags.photo });
    assert.deepEqual(readExif(exifBlock({ main: {} }), photo), expected);
  });

  it('is unknown where a block is broken, whatever is broken', () => {
    const block = exifBlock({
      main: { 306: ASCII('2019:07:05 12:00:00') },
      photo: { 36867: ASCII('2019:07:05 12:00:00'), 34855: SHORT(400) },
      gps: { 29: ASCII('2019:07:05'), 1: ASCII('N'), 2: RATIONALS([1, 1]), 7: RATIONALS([12, 0], [0, 1], [0, 1]) },
    });
    assert.equal(readExif(block).original, '2019-07-05T12:00:00.000');
    for (let length = 0; length < block.length; length++) readExif(block.subarray(0, length));
    for (let at = 0; at < block.length; at++) {
      for (const value of [0, 0xff]) {
        const broken = Buffer.from(block);
        broken[at] = value;
        for (const found of Object.values(readExif(broken))) {
          assert.ok(
            typeof found === 'string' ? /^\d{4}-/.test(found) : found === null || Number.isFinite(found),
            found,
          );
        }
      }
    }
  });

  it('costs nothing in a block of many overlapping tags', () => {
    // Reading every tag would create 65,000 numbers for each of these 5,000 entries.
    const entries = 5000;
    const block = Buffer.alloc(65_000);
    block.write('II*\0', 'latin1');
    block.writeUInt32LE(8, 4);
    block.writeUInt16LE(entries, 8);
    for (let i = 0; i < entries; i++) {
      block.writeUInt16LE(i + 20_000, 10 + i * 12);
      block.writeUInt16LE(1, 12 + i * 12);
      block.writeUInt32LE(65_000, 14 + i * 12);
    }
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    assert.deepEqual(readExif(block), NOTHING);
    assert.deepEqual(new Set(Object.values(NOTHING)), new Set([null]));
    assert.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 10e6);
  });
});
