import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HalfMatrix } from '../../../training/features/float16-matrix.ts';

describe('a float16 matrix', () => {
  it('keeps rows, rounded to the nearest value, and reads, copies and adds them', () => {
    const matrix = new HalfMatrix(2, 3);
    matrix.set(0, Float32Array.of(1, 2, 3));
    // 65,519 and 1 + 2^-11 lie between two float16 values; 65,520 and above become infinite.
    matrix.set(1, Float32Array.of(65_519, 1 + 2 ** -11, 65_520));
    assert.deepEqual([...matrix.row(1)], [65_504, 1, Number.POSITIVE_INFINITY]);
    assert.deepEqual([...matrix.block(0, 1)], [1, 2, 3]);
    const out = new Float32Array(4);
    matrix.copyRow(0, out, 1, 2);
    matrix.addRow(0, out, 1, -1);
    assert.deepEqual([...out], [0, 1, 2, 3]);
  });

  it('refuses values of another size', () => {
    assert.throws(() => new HalfMatrix(2, 2, new Float16Array(3)), /expected 2 x 2 values, got 3/);
    assert.throws(() => new HalfMatrix(2, 2).set(0, new Float32Array(3)), /expected 2 values, got 3/);
  });
});
