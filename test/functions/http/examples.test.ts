import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { imageId } from '../../../core/point-ids.ts';
import { addressOf, requestsOf } from './example-requests.ts';
import { jsonRequest, type TestApp, testApp } from './harness.ts';
import { type OpenApiDocument, operations } from './openapi-checks.ts';

/** Responses with no key, no training report, and a bucket instead of folders. */
const WITHOUT: Readonly<Record<string, number>> = {
  'POST /session': 401,
  'GET /report': 404,
  'POST /folders': 404,
  'PATCH /folders/{name}': 404,
  'DELETE /folders/{name}': 404,
};

describe('the examples of the documentation', () => {
  let t: TestApp;
  let document: OpenApiDocument;
  before(async () => {
    t = await testApp();
    document = (await t.json('/openapi.json')).body as unknown as OpenApiDocument;
  });
  after(() => t.close());

  it('succeed, all of them', async () => {
    const cat = imageId('photos', 'cat.jpg');
    const trash = async () => {
      await t.addPhoto('rocket.jpg');
      const { headers } = await t.json(`/images/${imageId('photos', 'rocket.jpg')}`, { method: 'DELETE' });
      return headers.get('sightline-trash')!;
    };
    const failed = imageId('photos', 'nothing.jpg');
    const failure = { bucket: 'photos', etag: '', sequencer: '', reason: 'corrupt', retryable: true } as const;
    let sent = 0;
    for (const { method, path, operation } of operations(document)) {
      const [, of] = path.split('/');
      const words = await t.json('/captions', jsonRequest('POST', { text: 'a boat' }));
      if ((await t.json(`/images/${cat}`)).status === 404) await t.addPhoto('cat.jpg');
      await t.deps.failures.record({ ...failure, id: failed, key: 'nothing.jpg', message: 'x' });
      const ids = {
        images: cat,
        captions: String(words.body.id),
        failures: failed,
        trash: of === 'trash' ? await trash() : '',
      };
      for (const request of await requestsOf(document, method, operation)) {
        await t.json(`/images/${imageId('photos', 'holidays/beach.jpg')}`, { method: 'DELETE' });
        const response = await t.app.request(addressOf(path, operation, ids), request);
        const why = response.ok ? await response.body?.cancel() : await response.text();
        const expected = WITHOUT[`${method} ${path}`];
        const isAsExpected = expected === undefined ? response.ok : response.status === expected;
        assert.ok(isAsExpected, `${method} ${addressOf(path, operation, ids)}: ${response.status} ${why}`);
        sent++;
      }
    }
    assert.ok(sent > operations(document).length);
  });
});
