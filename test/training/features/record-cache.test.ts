import assert from 'node:assert/strict';
import { appendFile, open, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hashText, RecordCache } from '../../../training/features/record-cache.ts';
import { onSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const description = { made: { encoder: 'test' }, columns: 3 };
const RECORD = 32 + 4 + 6;
const row = (n: number) => ({ hash: hashText(`row ${n}`), values: Float32Array.of(n, n / 2, -n) });

async function filled(folder: string, count: number): Promise<void> {
  const cache = await RecordCache.open(folder, description);
  // Concurrently: the order in the file must match the order of the records.
  await Promise.all(Array.from({ length: count }, (_, n) => cache.append([row(n)])));
  await cache.close();
}

describe('the cache of encoder outputs', () => {
  it('gives back what was put in, in any order and more than once, also after reopening', async () => {
    const folder = tempFolder();
    await filled(folder, 5);
    const cache = await RecordCache.open(folder, description);
    const matrix = cache.rows([4, 0, 4].map((n) => row(n).hash));
    assert.deepEqual([...matrix.row(0), ...matrix.row(1), ...matrix.row(2)], [4, 2, -4, 0, 0, -0, 4, 2, -4]);
    assert.ok(!cache.has(row(5).hash));
    const inner = cache.rows([row(3).hash, row(1).hash], { from: 1, to: 2 });
    assert.deepEqual([inner.rows, inner.columns, ...inner.block(0, 2)], [2, 1, 1.5, 0.5]);
    assert.throws(() => cache.rows([row(5).hash]), /expected a row/);
    await cache.close();
  });

  it('cuts off a half-written tail and goes on', async () => {
    const folder = tempFolder();
    await filled(folder, 3);
    await truncate(join(folder, 'rows.bin'), 3 * RECORD - 5);
    const cache = await RecordCache.open(folder, description);
    assert.equal(cache.size, 2);
    await cache.append([row(2), row(7)]);
    await cache.close();
    const again = await RecordCache.open(folder, description);
    assert.deepEqual([...again.rows([row(7).hash]).row(0)], [7, 3.5, -7]);
    assert.equal((await stat(join(folder, 'rows.bin'))).size, 4 * RECORD);
    await again.close();
  });

  it('does not believe a damaged record', async () => {
    const folder = tempFolder();
    await filled(folder, 3);
    const file = await open(join(folder, 'rows.bin'), 'r+');
    await file.write(Buffer.of(0xff), 0, 1, RECORD + 40);
    await file.close();
    const cache = await RecordCache.open(folder, description);
    assert.equal(cache.damaged, 1);
    assert.deepEqual([cache.has(row(0).hash), cache.has(row(1).hash), cache.has(row(2).hash)], [true, false, true]);
    await cache.append([row(1)]);
    assert.deepEqual([...cache.rows([row(1).hash]).row(0)], [1, 0.5, -1]);
    await cache.close();
  });

  it('refuses a cache that something else made, naming both', async () => {
    const folder = tempFolder();
    await filled(folder, 1);
    await assert.rejects(RecordCache.open(folder, { made: { encoder: 'other' }, columns: 3 }), {
      code: 'schema-mismatch',
      message: /other[\s\S]*got[\s\S]*test/,
    });
  });

  it('survives rubbish at the end', async () => {
    const folder = tempFolder();
    await filled(folder, 1);
    await appendFile(join(folder, 'rows.bin'), Buffer.alloc(RECORD + 3, 1));
    const cache = await RecordCache.open(folder, description);
    assert.deepEqual([cache.size, cache.damaged], [1, 1]);
    await cache.close();
  });

  it('says so when the disk is full, and keeps every row it acknowledged', { skip: smallDisk() }, async () => {
    await onSmallDisk(64, async (folder) => {
      const cache = await RecordCache.open(folder, description);
      let acknowledged = 0;
      const fill = async () => {
        for (;;) {
          const rows = Array.from({ length: 100 }, (_, i) => row(acknowledged + i));
          await cache.append(rows);
          acknowledged += rows.length;
        }
      };
      await assert.rejects(fill(), { code: 'unavailable', message: /rows\.bin: the disk is full: free some space/ });
      await cache.close();
      const again = await RecordCache.open(folder, description);
      assert.ok(acknowledged > 0 && again.size >= acknowledged && again.size < acknowledged + 100);
      assert.equal(again.damaged, 0);
      assert.deepEqual([...again.rows([row(acknowledged - 1).hash]).row(0)].length, 3);
      await again.close();
    });
  });

  it('does not give out rows that another process moved', async () => {
    const folder = tempFolder();
    const cache = await RecordCache.open(folder, description);
    const other = await RecordCache.open(folder, description);
    await other.append([row(8)]);
    await cache.append([row(9)]);
    assert.throws(() => cache.rows([row(9).hash]).row(0), {
      code: 'unavailable',
      message: /is another process writing there/,
    });
    await Promise.all([cache.close(), other.close()]);
  });
});
