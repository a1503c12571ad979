import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveRange } from '../../../../core/objects/byte-range.ts';
import { isKey, newSegmentsOf, segmentsOf } from '../../../../core/objects/folder/key.ts';
import { compareUtf8 } from '../../../../core/util/utf8-order.ts';

const invalid = { name: 'SightlineError', code: 'invalid-key' };
const name = (value: string) => JSON.stringify(value.length > 30 ? `${value.slice(0, 30)}...` : value);

describe('keys of a folder', () => {
  for (const key of ['a', 'a.jpg', 'a/b c/d+e.jpg', 'ä/猫.png', 'a..b', 'a...b', 'x'.repeat(255)]) {
    it(`takes ${name(key)}`, () => assert.deepEqual(segmentsOf(key), key.split('/')));
  }

  const impossible = [
    '',
    '.',
    '..',
    '../a.jpg',
    'a/../b.jpg',
    'a/..',
    'a/./b.jpg',
    '/a.jpg',
    '//a.jpg',
    'a//b.jpg',
    'a/',
    '/',
    '\\',
    'a\\b.jpg',
    '..\\..\\a.jpg',
    'C:\\a.jpg',
    'a\0.jpg',
    'a\n.jpg',
    'a\u007f.jpg',
    '.hidden',
    'a/.hidden/b.jpg',
    '.sightline/x',
    'a\ud800',
    '\udc00a',
    'x'.repeat(256),
    'ä'.repeat(128),
    `${'x'.repeat(200)}/`.repeat(5) + 'x'.repeat(20),
  ];
  for (const key of impossible) {
    it(`refuses ${name(key)}`, () => {
      assert.throws(() => segmentsOf(key), invalid);
      assert.throws(() => newSegmentsOf(key), invalid);
      assert.equal(isKey(key), false);
    });
  }

  const unportable = [
    'con',
    'CON',
    'aux.jpg',
    'a/NUL.png',
    'com1',
    'LPT9.x',
    'com¹.jpg',
    'nul .txt',
    'CONIN$',
    'a.',
    'a ',
    'a./b',
    'a /b',
  ];
  for (const key of unportable) {
    it(`writes nothing called ${name(key)}, on any system`, () => assert.throws(() => newSegmentsOf(key), invalid));
    it(`reads ${name(key)} where the system can have it`, { skip: process.platform === 'win32' }, () => {
      assert.deepEqual(segmentsOf(key), key.split('/'));
    });
  }
  for (const key of ['console.jpg', 'auxiliary', 'com10', 'null', 'prn-1.jpg', 'a b.c', 'icon']) {
    it(`writes ${name(key)}`, () => assert.deepEqual(newSegmentsOf(key), [key]));
  }
});

describe('UTF-8 order', () => {
  it('is that of the bytes', () => {
    const parts = [
      '',
      'a',
      'B',
      '/',
      '-',
      '.',
      '0',
      '\u007f',
      '\u0080',
      'ä',
      '\u07ff',
      '\u0800',
      '写',
      '\ud7ff',
      '\ue000',
      '\uff5e',
      '\uffff',
      '\u{10000}',
      '🐈',
      '\u{10ffff}',
    ];
    const words = parts.flatMap((x) => parts.flatMap((y) => [x + y, `a${x}b${y}`]));
    for (const a of words) {
      for (const b of words) {
        const naive = Buffer.compare(Buffer.from(a), Buffer.from(b));
        assert.equal(Math.sign(compareUtf8(a, b)), naive, JSON.stringify([a, b]));
      }
    }
  });
});

describe('byte ranges', () => {
  it('give the same bytes as slicing, for every range of small objects', () => {
    for (let size = 0; size <= 6; size++) {
      const bytes = Array.from({ length: size }, (_, i) => i);
      const check = (range: Parameters<typeof resolveRange>[0], expected: number[]) => {
        if (expected.length === 0) {
          assert.throws(() => resolveRange(range, size), { code: 'range-not-satisfiable', details: { size } });
          return;
        }
        const { offset, length } = resolveRange(range, size);
        assert.deepEqual(bytes.slice(offset, offset + length), expected, JSON.stringify({ range, size }));
      };
      for (let first = 0; first <= 8; first++) {
        check({ first }, bytes.slice(first));
        for (let end = 0; end <= 8; end++) check({ first, end }, bytes.slice(first, end + 1));
        check({ last: first }, first === 0 ? [] : bytes.slice(-first));
      }
    }
    assert.deepEqual(resolveRange(undefined, 0), { offset: 0, length: 0 });
  });
});
