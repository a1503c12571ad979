import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readIptc } from '../../../core/metadata/iptc.ts';
import { readPng } from '../../../core/metadata/png.ts';
import { readXmp } from '../../../core/metadata/xmp.ts';

const xmp = (inside: string) =>
  readXmp(Buffer.from(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description ${inside}</rdf:RDF></x:xmpmeta>`));

describe('XMP', () => {
  it('is read from attributes and from elements', () => {
    const expected = '2019-07-05T12:00:00.000+02:00';
    assert.equal(xmp('photoshop:DateCreated="2019-07-05T12:00:00+02:00"/>').original, expected);
    assert.equal(xmp("exif:DateTimeOriginal = '2019-07-05T12:00:00+02:00'/>").original, expected);
    const element = '><exif:DateTimeOriginal>\n 2019-07-05T12:00:00+02:00</exif:DateTimeOriginal>';
    assert.equal(xmp(element).original, expected);
    assert.equal(xmp('xmp:CreateDate="2019-07-05T12:00:00+02:00"/>').digitized, expected);
    assert.equal(readXmp(Buffer.from(`\ufeff${element}`, 'utf16le')).original, expected);
    assert.equal(xmp('xmp:ModifyDate="2019-07-05T12:00:00+02:00"/>').digitized, null);
  });

  it('says the camera and keywords, with the entities of XML', () => {
    const found = xmp(
      'tiff:Make="Canon" tiff:Model="Canon EOS 5D" aux:Lens="EF 50mm f/1.8">' +
        '<dc:subject><rdf:Bag><rdf:li>salt &amp; pepper</rdf:li><rdf:li>K&#252;che</rdf:li></rdf:Bag></dc:subject>',
    );
    assert.deepEqual(
      [found.camera, found.lens, found.keywords],
      ['Canon EOS 5D', 'EF 50mm f/1.8', ['salt & pepper', 'Küche']],
    );
  });

  it('takes linear time and no more than it says, whatever is in it', () => {
    const hostile = ['<dc:subject', '<rdf:li', 'photoshop:DateCreated=', '&#x', '<!ENTITY a "&a;&a;">', '"'];
    for (const text of hostile) {
      assert.deepEqual(readXmp(Buffer.from(text.repeat(200_000))).keywords, [], text);
    }
    assert.equal(readXmp(Buffer.from([0xff, 0xfe, 0, 1])).original, null);
  });
});

const dataSet = (record: number, name: number, value: string | Buffer) =>
  Buffer.concat([Buffer.from([0x1c, record, name, 0, Buffer.from(value).length]), Buffer.from(value)]);

describe('IPTC', () => {
  const block = Buffer.concat([
    dataSet(2, 55, '20190705'),
    dataSet(2, 60, '120000+0200'),
    dataSet(2, 25, 'Küche'),
    dataSet(2, 25, Buffer.from('K\xfcche', 'latin1')),
  ]);
  const expected = { original: '2019-07-05T12:00:00.000+02:00', digitized: null, keywords: ['Küche', 'Küche'] };

  it('is read bare, and as Photoshop wraps it', () => {
    assert.deepEqual(readIptc(block), expected);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(block.length);
    const other = Buffer.from('8BIM\x04\x25\0\0\0\0\0\x02xx', 'latin1');
    const head = Buffer.from('8BIM\x04\x04\0\0', 'latin1');
    assert.deepEqual(readIptc(Buffer.concat([Buffer.from('Photoshop 3.0\0'), other, head, size, block])), expected);
  });

  it('is read as far as it goes when it ends early', () => {
    for (let length = 0; length < block.length; length++) readIptc(block.subarray(0, length));
    assert.deepEqual(readIptc(new Uint8Array(0)).keywords, []);
    assert.equal(readIptc(block.subarray(0, 20)).original, '2019-07-05T00:00:00.000');
  });
});

const chunk = (type: string, data: Buffer) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
};
const png = (...chunks: Buffer[]) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);

describe('the texts and times of PNG', () => {
  it('are read, the time of creation apart from that of the last change', () => {
    const created = Buffer.from('Creation Time\0Fri, 05 Jul 2019 12:00:00 +0200', 'latin1');
    const changed = Buffer.from([0x07, 0xe3, 7, 6, 10, 0, 0]);
    assert.deepEqual(readPng(png(chunk('tEXt', created), chunk('tIME', changed))), {
      created: '2019-07-05T12:00:00.000+02:00',
      changed: '2019-07-06T10:00:00.000+00:00',
    });
    const international = Buffer.from('Creation Time\0\0\0en\0Created\x002019-07-05T12:00:00', 'latin1');
    assert.equal(readPng(png(chunk('iTXt', international))).created, '2019-07-05T12:00:00.000');
  });

  it('are none where the chunks are broken', () => {
    const broken = [chunk('tIME', Buffer.alloc(7)), chunk('tEXt', Buffer.from('Creation Time')), Buffer.alloc(11, 255)];
    assert.deepEqual(readPng(png(...broken)), { created: null, changed: null });
  });
});
