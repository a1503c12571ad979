import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { openFolder } from '../../../core/objects/folder/store.ts';
import type { StoredPoint, VectorStore } from '../../../core/ports.ts';
import { findMoved } from '../../../server/folders/moved-folder.ts';
import type { Folder } from '../../../server/folders/registry.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Recognising a folder that moved up or down the tree; folders.test.ts shows that tags are kept. */
describe('a folder that was moved', () => {
  /** Compares a folder with these files, by path and content, with an index of these pictures. */
  async function look(files: Record<string, string>, indexed: Record<string, string>) {
    const root = tempFolder();
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    const items = Object.entries(indexed).map(([key, content], i) => {
      const sha256 = createHash('sha256').update(content).digest('hex');
      return { id: `${i}`, payload: { kind: 'image', key, bytes: content.length, sha256 } } as unknown as StoredPoint;
    });
    const vectors: Pick<VectorStore, 'list'> = { list: async () => ({ items, next: undefined }) };
    const gone: Folder = { bucket: 'old', path: '/gone', name: 'gone', watched: true, formerly: [] };
    const match = await findMoved(await openFolder({ root }), [gone], vectors);
    return match && { found: match.found, of: match.of, isSure: match.isSure };
  }

  const trip = { '2020/a.jpg': 'one', '2020/b.jpg': 'two.', '2021/a.jpg': 'three', 'c.jpg': 'four..' };
  const below = (folder: string, files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));

  it('is known as it was, deeper than before, and higher than before', async () => {
    const all = { found: 4, of: 4, isSure: true };
    assert.deepEqual(await look(trip, trip), all);
    assert.deepEqual(await look({ ...below('x/Photos', trip), 'other.jpg': 'new' }, trip), all);
    assert.deepEqual(await look(trip, below('Photos', trip)), all);
    assert.deepEqual(await look(below('Bilder', trip), below('Photos', trip)), all);
  });

  it('is not sure of too few of them, or of other bytes, or where nothing is the same', async () => {
    const { 'c.jpg': _, ...most } = trip;
    assert.deepEqual(await look(below('x', most), trip), { found: 3, of: 4, isSure: false });
    assert.deepEqual(await look(below('x', { ...trip, 'c.jpg': 'FOUR..' }), trip), { found: 4, of: 4, isSure: false });
    assert.equal(await look(below('x', { 'd.jpg': 'other' }), trip), null);
  });

  it('is not taken for one in which two pictures would change places', async () => {
    const nested = { 'Photos/c.jpg': 'inner.', 'c.jpg': 'outer.' };
    assert.equal((await look(below('Photos', nested), nested))?.isSure, false);
  });
});
