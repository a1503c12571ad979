import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Json, samplePhoto, type TestApp, testApp } from './harness.ts';

describe('copies over HTTP', () => {
  let t: TestApp;
  const upload = async (key: string, photo: string) => {
    const headers = { 'content-type': 'image/jpeg' };
    const { body } = await t.json(`/images?key=${key}`, { method: 'POST', headers, body: await samplePhoto(photo) });
    return String(body.id);
  };
  const keysOf = ({ pictures }: Json) => (pictures as Json[]).map(({ key }) => key).sort();
  before(async () => {
    t = await testApp();
    for (const key of ['a/moon.jpg', 'b/moon.jpg', 'c/moon.jpg']) await upload(key, 'moon.jpg');
    for (const key of ['cat.jpg', 'cat-2.jpg']) await upload(key, 'cat.jpg');
    await upload('clock.jpg', 'clock.jpg');
  });
  after(() => t.close());

  it('lists stacks in pages, those with the most to spare first, and deletes nothing', async () => {
    const { status, body } = await t.json('/stacks?limit=1');
    assert.equal(status, 200);
    assert.equal(body.total, 2);
    const next = await t.json(`/stacks?limit=1&cursor=${body.next}`);
    assert.equal(next.body.next, undefined);
    const stacks = [...body.items, ...next.body.items];
    assert.deepEqual(stacks.map(keysOf).sort(), [
      ['a/moon.jpg', 'b/moon.jpg', 'c/moon.jpg'],
      ['cat-2.jpg', 'cat.jpg'],
    ]);
    assert.deepEqual(stacks.map(({ count }) => count).sort(), [2, 3]);
    const spare = stacks.map(({ spareBytes }) => Number(spareBytes));
    assert.deepEqual(
      spare,
      spare.toSorted((a, b) => b - a),
    );
    assert.deepEqual(body.spare, { pictures: 3, bytes: spare[0]! + spare[1]! });
    assert.equal((await t.json('/images')).body.total, 6);
  });

  it('follows what is deleted, and refuses cursors that are none', async () => {
    const { body } = await t.json('/stacks');
    const pair = body.items.find(({ count }) => count === 2)!;
    await t.json(`/images/${(pair.pictures as Json[])[1]!.id}`, { method: 'DELETE' });
    assert.equal((await t.json('/stacks')).body.total, 1);
    assert.equal((await t.json('/stacks?cursor=nothing')).status, 400);
    assert.equal((await t.json('/stacks?limit=51')).status, 400);
  });
});
