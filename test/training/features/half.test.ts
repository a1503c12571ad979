import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HalfMatrix, toHalf } from '../../../training/features/half.ts';

function roundTrip(value: number): number {
  const matrix = new HalfMatrix(1, 1);
  matrix.set(0, Float32Array.of(value));
  return matrix.row(0)[0]!;
}

describe('float16', () => {
  it('keeps every one of its own values', () => {
    for (let bits = 0; bits < 65_536; bits++) {
      const value = new HalfMatrix(1, 1, Uint16Array.of(bits)).row(0)[0]!;
      if (Number.isNaN(value)) assert.ok(Number.isNaN(roundTrip(value)));
      else assert.equal(toHalf(value), bits, `${bits.toString(16)} is ${value}`);
    }
  });

  it('rounds to the nearest, ties to even, as the search over all values does', () => {
    const values = Array.from({ length: 0x7c00 }, (_, bits) => new HalfMatrix(1, 1, Uint16Array.of(bits)).row(0)[0]!);
    for (let bits = 0; bits + 1 < 0x7c00; bits += 7) {
      const [below, above] = [values[bits]!, values[bits + 1]!];
      const middle = (below + above) / 2;
      assert.equal(roundTrip(middle), bits % 2 === 0 ? below : above, `tie above ${below}`);
      assert.equal(roundTrip(below + (above - below) * 0.4), below);
      assert.equal(roundTrip(-(below + (above - below) * 0.6)), -above);
    }
  });

  it('ends in infinity above 65,504 and in 0 below half the least value', () => {
    assert.equal(roundTrip(65_519), 65_504);
    assert.equal(roundTrip(65_520), Number.POSITIVE_INFINITY);
    assert.equal(roundTrip(-1e30), Number.NEGATIVE_INFINITY);
    assert.equal(roundTrip(2 ** -26), 0);
    assert.equal(roundTrip(2 ** -25), 0);
    assert.equal(roundTrip(1.01 * 2 ** -25), 2 ** -24);
  });
});
