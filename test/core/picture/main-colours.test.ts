import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { decodeImage } from '../../../core/picture/decode.ts';
import { coloursOf } from '../../../core/picture/main-colours.ts';
import { squashed } from '../../support/squashed.ts';

const PHOTOS = join(import.meta.dirname, '../../../examples/photos');
const HOW = squashed(297, 260, 'bicubic');

/** Common names for some colours of CSS, paint and photos. */
const CALLED: Readonly<Record<string, readonly string[]>> = {
  red: ['#ff0000', '#c41e1e', '#8b0000', '#dc143c', '#e34234'],
  orange: ['#ff8c00', '#ffa500', '#e8751a', '#f28c28'],
  yellow: ['#ffff00', '#ffd700', '#f4d03f', '#e6c619'],
  green: ['#00ff00', '#228b22', '#006400', '#6b8e23', '#2e8b57', '#90c050'],
  blue: ['#0000ff', '#1e90ff', '#87ceeb', '#000080', '#4682b4', '#2f5d9e'],
  purple: ['#800080', '#6a0dad', '#9370db', '#8a2be2'],
  pink: ['#ffc0cb', '#ff69b4', '#ff1493', '#f4a6b8'],
  brown: ['#8b4513', '#a0522d', '#6b4423', '#5c4033'],
  black: ['#000000', '#0a0a0a', '#14110f'],
  white: ['#ffffff', '#f5f5f5', '#fafcff'],
  grey: ['#808080', '#a9a9a9', '#5a5a5a', '#708090'],
};

/** A picture of equal stripes in these colours. */
function stripes(...colours: readonly string[]) {
  const data = colours.flatMap((hex) => {
    const rgb = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
    return Array.from({ length: 3000 }, () => rgb).flat();
  });
  return { data: Uint8Array.from(data), width: 3000, height: colours.length };
}

const coloursIn = async (bytes: Uint8Array) => (await decodeImage(bytes, HOW, DEFAULT_LIMITS)).picture.colours;

describe('the main colours of a picture', () => {
  it('are called as people call them', () => {
    for (const [name, colours] of Object.entries(CALLED)) {
      for (const hex of colours) {
        const found = coloursOf(stripes(hex)).filter((colour) => colour !== 'monochrome');
        assert.deepEqual(found, [name], hex);
      }
    }
  });

  it('are those of a good part of it', () => {
    assert.deepEqual(coloursOf(stripes('#ff0000', '#0000ff', '#228b22')), ['red', 'green', 'blue']);
    const mostlyBlack = stripes('#ff0000', ...Array<string>(9).fill('#000000'));
    assert.deepEqual(coloursOf(mostlyBlack), ['black']);
    const halfGrey = stripes('#808080', '#ffffff', '#000000', '#ff0000');
    assert.deepEqual(coloursOf(halfGrey), ['red']);
  });

  it('are none in a monochrome picture, however it was compressed', async () => {
    assert.deepEqual(coloursOf(stripes('#ffffff', '#000000')), ['black', 'white', 'monochrome']);
    assert.ok(!coloursOf(stripes('#808080', '#808080', '#8c8060')).includes('monochrome'));
    const names = (await readdir(PHOTOS)).filter((name) => name.endsWith('.jpg'));
    const monochrome: string[] = [];
    for (const name of names) {
      const photo = await readFile(join(PHOTOS, name));
      if ((await coloursIn(photo)).includes('monochrome')) monochrome.push(name);
      const grey = await sharp(photo).grayscale().toColourspace('srgb').jpeg({ quality: 50 }).toBuffer();
      assert.ok((await coloursIn(grey)).includes('monochrome'), name);
    }
    assert.deepEqual(monochrome.sort(), ['moon.jpg', 'photographer.jpg']);
  });

  it('of photos are those that one sees', async () => {
    for (const [name, colours] of Object.entries({
      'coffee.jpg': ['red', 'orange'],
      'bridge-cables.jpg': ['blue'],
      'galaxies.jpg': ['black'],
      'autumn-hills.jpg': ['green'],
      'moon.jpg': ['grey', 'monochrome'],
    })) {
      assert.deepEqual(await coloursIn(await readFile(join(PHOTOS, name))), colours, name);
    }
  });
});
