import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planCrop, storedRect, turnSize, turnUpright } from '../../../core/picture/geometry.ts';
import { toTensorData } from '../../../core/picture/preprocess.ts';
import { noise } from '../encode/fixtures.ts';

const random = (length: number) => Uint8Array.from(noise(length, 5), (value) => (value + 1) * 127.9);

describe('scaling', () => {
  it('is (value - mean) / std per channel, in both layouts', () => {
    const [width, height] = [7, 5];
    const data = random(width * height * 3);
    const mean: [number, number, number] = [123.675, 116.28, 103.53];
    const std: [number, number, number] = [58.395, 57.12, 57.375];
    for (const layout of ['nchw', 'nhwc'] as const) {
      const out = toTensorData({ data, width, height }, { mean, std }, layout);
      assert.equal(out.length, data.length);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let c = 0; c < 3; c++) {
            const at = layout === 'nchw' ? (c * height + y) * width + x : (y * width + x) * 3 + c;
            assert.equal(out[at], Math.fround((data[(y * width + x) * 3 + c]! - mean[c]!) / std[c]!));
          }
        }
      }
    }
  });
});

describe('the plan of a crop', () => {
  const plan = (width: number, height: number, mode: 'shortest-edge' | 'squash') =>
    planCrop({ width, height }, { resize: { mode, size: 297, kernel: 'bicubic' }, crop: 260 });

  it('rounds the long edge and odd rests down', () => {
    assert.deepEqual(plan(500, 357, 'shortest-edge'), {
      reduced: { width: 415, height: 297 },
      window: { left: 77, top: 18, width: 260, height: 260 },
      enlarge: { x: null, y: null },
    });
    assert.deepEqual(plan(400, 100_000, 'squash').reduced, { width: 297, height: 297 });
  });

  it('never enlarges more than the crop needs', () => {
    const long = plan(1, 90_000_000, 'shortest-edge');
    assert.deepEqual(long.reduced, { width: 1, height: 90_000_000 });
    assert.ok(long.window.height <= 6);
  });
});

describe('turning', () => {
  /** Exif 2.32, 4.6.4 A: where row 0 and column 0 of the stored picture appear when it is viewed upright. */
  const seen: Record<number, [row: string, column: string]> = {
    1: ['top', 'left'],
    2: ['top', 'right'],
    3: ['bottom', 'right'],
    4: ['bottom', 'left'],
    5: ['left', 'top'],
    6: ['right', 'top'],
    7: ['right', 'bottom'],
    8: ['left', 'bottom'],
  };

  it('puts row 0 and column 0 where EXIF says they are', () => {
    const [width, height] = [4, 3];
    const stored = random(width * height * 3).fill(0);
    for (let x = 0; x < width; x++) stored[x * 3] = 1;
    for (let y = 0; y < height; y++) stored[y * width * 3 + 1] = 1;
    for (const [orientation, [row, column]] of Object.entries(seen)) {
      const size = turnSize({ width, height }, Number(orientation));
      const upright = turnUpright(stored, { width, height }, Number(orientation));
      for (const [channel, side] of [
        [0, row],
        [1, column],
      ] as const) {
        for (let y = 0; y < size.height; y++) {
          for (let x = 0; x < size.width; x++) {
            const onSide = { top: y === 0, bottom: y === size.height - 1, left: x === 0, right: x === size.width - 1 }[
              side
            ];
            assert.equal(upright[(y * size.width + x) * 3 + channel], onSide ? 1 : 0, `orientation ${orientation}`);
          }
        }
      }
    }
  });

  it('of a part is the part of the turned picture', () => {
    const stored = { width: 9, height: 7 };
    const pixels = random(stored.width * stored.height * 3);
    for (let orientation = 1; orientation <= 8; orientation++) {
      const size = turnSize(stored, orientation);
      const part = { left: 1, top: 2, width: 3, height: 4 };
      const whole = turnUpright(pixels, stored, orientation);
      const rect = storedRect(part, stored, orientation);
      const cut = (data: Uint8Array, width: number, r: typeof part) =>
        Uint8Array.from({ length: r.width * r.height * 3 }, (_, i) => {
          const [x, y] = [Math.floor(i / 3) % r.width, Math.floor(i / 3 / r.width)];
          return data[((r.top + y) * width + r.left + x) * 3 + (i % 3)]!;
        });
      assert.deepEqual(turnUpright(cut(pixels, stored.width, rect), rect, orientation), cut(whole, size.width, part));
    }
  });
});
