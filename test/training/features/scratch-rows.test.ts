import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeScratch } from '../../../training/features/scratch-rows.ts';
import { onSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = tempFolder();

async function* blocks(count: number, rows = 2) {
  for (let b = 0; b < count; b++) yield Float32Array.from({ length: rows * 3 }, (_, i) => b * 100 + i);
}

describe('rows in a file that is there only while they are used', () => {
  it('give back what was written, row by row and in blocks', async () => {
    const { rows, close } = await writeScratch(join(folder, 'below', 'a.f16'), 3, blocks(3));
    assert.deepEqual([rows.rows, rows.columns], [6, 3]);
    assert.deepEqual([...rows.row(5)], [203, 204, 205]);
    assert.deepEqual([...rows.block(1, 3)], [3, 4, 5, 100, 101, 102, 103, 104, 105]);
    const mixed = new Float32Array(4);
    rows.copyRow(0, mixed, 1, 0.5);
    rows.addRow(1, mixed, 1, 2);
    assert.deepEqual([...mixed], [0, 6, 8.5, 11]);
    assert.throws(() => rows.row(6), /expected 6 bytes from row 6 on, got 0/);
    await close();
    assert.deepEqual(await readdir(join(folder, 'below')), []);
  });

  it('say so when the disk is full, and leave nothing behind', { skip: smallDisk() }, async () => {
    await onSmallDisk(64, async (small) => {
      await assert.rejects(writeScratch(join(small, 'a.f16'), 3, blocks(100, 10_000)), {
        code: 'unavailable',
        message: /a\.f16: the disk is full: free some space/,
      });
      assert.deepEqual(await readdir(small), []);
    });
  });
});
