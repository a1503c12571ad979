import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { captionId } from '../../../core/point-ids.ts';
import { jsonRequest, type TestApp, testApp } from './harness.ts';

describe('captions over HTTP', () => {
  let t: TestApp;
  before(async () => {
    t = await testApp();
  });
  after(() => t.close());

  const post = (body: unknown) => t.json('/captions', jsonRequest('POST', body));

  it('adds one, the same text being the same caption', async () => {
    const first = await post({ text: ' a red boat ', tags: ['sea'] });
    assert.equal(first.status, 201);
    const id = captionId('a red boat');
    assert.equal(first.headers.get('location'), `captions/${id}`);
    const { indexedAt, ...rest } = first.body as unknown as Record<string, unknown>;
    assert.ok(!Number.isNaN(Date.parse(String(indexedAt))));
    assert.deepEqual(rest, {
      id,
      kind: 'caption',
      caption: 'a red boat',
      tags: ['sea'],
      links: { self: `/captions/${id}` },
    });

    const again = await post({ text: 'a red boat' });
    assert.equal(again.status, 200);
    assert.deepEqual(again.body.tags, ['sea']);
    const changed = await post({ text: 'a red boat', tags: [] });
    assert.deepEqual(changed.body.tags, []);
    assert.deepEqual((await t.json(`/captions/${id}`)).body, changed.body);
    assert.equal((await t.json('/captions')).body.items.length, 1);
  });

  it('adds a batch, each item by itself', async () => {
    const { status, body } = await post({
      items: [
        { text: 'one' },
        { text: '' },
        { text: 'one' },
        { text: 'a red boat' },
        'two',
        { text: 'three', tgas: [] },
        null,
      ],
    });
    assert.equal(status, 200);
    const results = body.items;
    assert.deepEqual(
      results.map((result) => result.status),
      ['created', 'rejected', 'rejected', 'updated', 'rejected', 'rejected', 'rejected'],
    );
    assert.equal(results[0]!.id, captionId('one'));
    assert.match(results[1]!.detail!, /#\/text: expected at least 1 character, got 0/);
    assert.match(results[2]!.detail!, /that of item 0 again/);
    assert.match(results[5]!.detail!, /tgas/);
    assert.equal((await t.json('/captions')).body.items.length, 2);
    assert.equal((await post({ items: [] })).status, 400);
    assert.equal((await post({ items: Array(101).fill({ text: 'x' }) })).status, 400);
    assert.equal((await post({ items: 'x' })).status, 400);
    assert.equal((await post({ items: [{ text: 'x' }], more: 1 })).status, 400);
  });

  it('lists, pages and filters by tag', async () => {
    await post({
      items: [
        { text: 'four', tags: ['n'] },
        { text: 'five', tags: ['n', 'm'] },
        { text: 'six', tags: ['m'] },
      ],
    });
    const texts = (body: unknown) => (body as { items: { caption: string }[] }).items.map(({ caption }) => caption);
    assert.deepEqual(texts((await t.json('/captions?tagsAll=n&tagsAll=m')).body), ['five']);
    assert.deepEqual(texts((await t.json('/captions?tagsAny=n&tagsAny=m')).body).sort(), ['five', 'four', 'six']);
    const first = await t.json('/captions?tagsAll=n&limit=1');
    const second = await t.json(`/captions?tagsAll=n&limit=1&cursor=${first.body.next}`);
    assert.deepEqual([...texts(first.body), ...texts(second.body)].sort(), ['five', 'four']);
    assert.equal((await t.json(`/captions?tagsAll=m&limit=1&cursor=${first.body.next}`)).status, 400);
  });

  it('deletes, and can be added again', async () => {
    const id = captionId('one');
    assert.equal((await t.app.request(`/captions/${id}`, { method: 'DELETE' })).status, 204);
    assert.equal((await t.json(`/captions/${id}`)).status, 404);
    assert.equal((await t.json(`/captions/${id}`, { method: 'DELETE' })).status, 404);
    assert.equal((await post({ text: 'one' })).status, 201);
    assert.equal((await t.json(`/captions/${id}`)).status, 200);
  });

  it('a caption is no picture and a picture no caption', async () => {
    const photo = await t.addPhoto('cat.jpg');
    assert.equal((await t.json(`/captions/${photo}`)).status, 404);
    assert.equal((await t.json(`/captions/${photo}`, { method: 'DELETE' })).status, 404);
    for (const path of ['', '/content', '/thumbnail', '/similar', '/captions']) {
      assert.equal((await t.json(`/images/${captionId('one')}${path}`)).status, 404, path);
    }
    assert.equal((await t.json(`/images/${captionId('one')}`, { method: 'DELETE' })).status, 404);
  });
});
