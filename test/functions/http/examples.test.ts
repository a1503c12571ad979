import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { imageId } from '../../../core/index-image.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';
import { type OpenApiDocument, type Operation, operations } from './openapi-checks.ts';

type Schema = Record<string, unknown>;

/** What is answered where there is no key, no report of a training, and a bucket instead of folders. */
const WITHOUT: Readonly<Record<string, number>> = {
  'POST /session': 401,
  'GET /report': 404,
  'POST /folders': 404,
  'PATCH /folders/{name}': 404,
  'DELETE /folders/{name}': 404,
};

/** What somebody sends who presses "Try it out" and "Execute" at /docs, once for each kind of body. */
describe('the examples of the documentation', () => {
  let t: TestApp;
  let document: OpenApiDocument;
  before(async () => {
    t = await testApp();
    document = (await t.json('/openapi.json')).body as unknown as OpenApiDocument;
  });
  after(() => t.close());

  const resolved = (schema: Schema): Schema =>
    typeof schema.$ref === 'string' ? document.components.schemas[schema.$ref.split('/').at(-1)!]! : schema;
  const filledIn = (schema: Schema) => schema.example ?? schema.default;

  /** The address with everything that is filled in. */
  function addressOf(path: string, { parameters = [] }: Operation, ids: Record<string, string>): string {
    const query = new URLSearchParams();
    let filled = path;
    for (const { name, in: where, schema } of parameters) {
      const value = where === 'path' && name === 'id' ? ids[path.split('/')[1]!] : filledIn(schema);
      if (where === 'path') filled = filled.replace(`{${name}}`, String(value));
      else if (value !== undefined && where === 'query') query.set(name, String(value));
    }
    return query.size === 0 ? filled : `${filled}?${query}`;
  }

  /** A request for each body that is described; one without, where there is none. */
  async function requestsOf(method: string, { requestBody }: Operation): Promise<RequestInit[]> {
    const photo = await samplePhoto('coffee.jpg');
    const contents = Object.entries(requestBody?.content ?? {});
    if (contents.length === 0) return [{ method }];
    return contents.flatMap(([type, { schema }]): RequestInit[] => {
      const forms = (schema.anyOf as Schema[] | undefined)?.map(resolved) ?? [resolved(schema)];
      if (type === 'application/json') return forms.map(({ example }) => jsonRequest(method, example));
      if (type !== 'multipart/form-data') {
        return type === 'application/x-www-form-urlencoded'
          ? []
          : [{ method, headers: { 'content-type': 'image/jpeg' }, body: photo }];
      }
      const body = new FormData();
      for (const [name, field] of Object.entries(forms[0]!.properties as Record<string, Schema>)) {
        const value = filledIn(field);
        const list = field.items as Schema | undefined;
        if (value !== undefined) body.set(name, String(value));
        else if ((list ?? field).format === 'binary') body.set(name, new File([photo], 'coffee.jpg'));
      }
      return [{ method, body }];
    });
  }

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
      for (const request of await requestsOf(method, operation)) {
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
