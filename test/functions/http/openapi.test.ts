import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { imageId } from '../../../core/point-ids.ts';
import type { FolderChanges } from '../../../functions/http/deps.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';
import { assertDescribed, fitsComponent, type OpenApiDocument, operations } from './openapi-checks.ts';

const MISSING = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';

/** Folders that can be added but never change. */
const FOLDER = { name: 'photos', bucket: 'photos', path: '/photos', pictures: 1, watched: true, isThere: true };
const CHANGES: FolderChanges = { add: async () => 'photos', move: async () => 'photos', remove: async () => {} };

describe('the OpenAPI document', () => {
  let t: TestApp;
  let document: OpenApiDocument;
  before(async () => {
    t = await testApp({}, (deps) => ({ ...deps, folders: async () => [FOLDER], folderChanges: CHANGES }));
    document = (await t.json('/openapi.json')).body as unknown as OpenApiDocument;
  });
  after(() => t.close());

  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>);
    assert.deepEqual(result, { valid: true });
    assert.equal(validator.version, '3.1');
  });

  it('describes every route of the app, and no other', () => {
    const undescribed = ['/openapi.json', '/problems/{code}', '/docs', '/docs/{file}'];
    const routes = t.app.routes
      .filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)\??/g, '{$1}')}`)
      .filter((route) => !undescribed.includes(route.split(' ')[1]!));
    const described = operations(document).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual([...new Set(routes)].sort(), described.sort());
  });

  it('says what each operation is for, and what can go wrong as problem documents', () => {
    for (const { method, path, operation } of operations(document)) {
      const where = `${method} ${path}`;
      assert.ok(operation.summary, where);
      assert.ok('default' in operation.responses, where);
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.ok(response.description, `${where} ${status}`);
        if (Number(status) < 400) continue;
        assert.deepEqual(Object.keys(response.content ?? {}), ['application/problem+json'], `${where} ${status}`);
      }
    }
  });

  it('states a limit for every text, list and number that callers send', () => {
    const unlimited: string[] = [];
    const visit = (schema: Record<string, unknown>, where: string): void => {
      if (typeof schema.$ref === 'string') {
        const name = schema.$ref.split('/').at(-1)!;
        visit(document.components.schemas[name]!, name);
        return;
      }
      for (const part of ['allOf', 'anyOf', 'oneOf'] as const) {
        for (const [i, one] of ((schema[part] as Record<string, unknown>[]) ?? []).entries()) {
          if (!('required' in one && Object.keys(one).length === 1)) visit(one, `${where}/${part}/${i}`);
        }
      }
      const bounded =
        schema.enum !== undefined ||
        schema.const !== undefined ||
        schema.format !== undefined ||
        schema.pattern !== undefined;
      if (schema.type === 'string' && !bounded && schema.maxLength === undefined) unlimited.push(where);
      if (schema.type === 'array' && schema.maxItems === undefined) unlimited.push(where);
      const upper = schema.maximum ?? schema.exclusiveMaximum;
      const lower = schema.minimum ?? schema.exclusiveMinimum;
      if ((schema.type === 'number' || schema.type === 'integer') && (upper === undefined || lower === undefined))
        unlimited.push(where);
      if (schema.items) visit(schema.items as Record<string, unknown>, `${where}/items`);
      for (const [name, value] of Object.entries(
        (schema.properties as Record<string, Record<string, unknown>>) ?? {},
      )) {
        visit(value, `${where}/${name}`);
      }
      if (schema.type === 'object') assert.equal(schema.additionalProperties, false, `${where} takes unknown fields`);
    };
    let visited = 0;
    for (const { method, path, operation } of operations(document)) {
      for (const parameter of operation.parameters ?? [])
        visit(parameter.schema, `${method} ${path} ${parameter.name}`);
      for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
        visit(schema, `${method} ${path} ${type}`);
        visited++;
      }
    }
    assert.equal(visited, 13);
    assert.deepEqual(unlimited, []);
  });

  it('has examples that fit their own schemas, and that work', async () => {
    await t.addPhoto('cat.jpg');
    let tried = 0;
    for (const { method, path, operation } of operations(document)) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      if (schema === undefined) continue;
      for (const { $ref } of (schema.anyOf as { $ref: string }[] | undefined) ?? [schema as { $ref: string }]) {
        const name = $ref.split('/').at(-1)!;
        const { example } = document.components.schemas[name]!;
        assert.ok(example, `${name} has an example`);
        assert.ok(fitsComponent(document, name, example), `the example of ${name} fits`);
        const target = path.replace('{id}', imageId('photos', 'cat.jpg')).replace('{name}', 'photos');
        const { status, body } = await t.json(target, jsonRequest(method, example));
        assert.ok(status < 300, `${method} ${path} ${name}: ${JSON.stringify(body)}`);
        tried++;
      }
    }
    assert.equal(tried, 9);
  });

  it('describes what is really answered, good and bad', async () => {
    const id = imageId('photos', 'cat.jpg');
    const photo = await samplePhoto('moon.jpg');
    await t.deps.failures.record({
      id: imageId('photos', 'nothing.jpg'),
      bucket: 'photos',
      key: 'nothing.jpg',
      etag: '',
      sequencer: '',
      reason: 'corrupt',
      message: 'x',
      retryable: false,
    });
    const upload = (body: BodyInit, type = 'image/jpeg'): RequestInit => ({
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    const asked: [string, string, RequestInit?][] = [
      ['/search', '?q=x'],
      ['/search', '?q=x&kind=any'],
      ['/search', '?limit=0'],
      ['/search', `?imageId=${MISSING}`],
      ['/search', '', jsonRequest('POST', { text: 'x', kind: 'any' })],
      ['/search', '', upload('x', 'text/plain')],
      ['/search', '', jsonRequest('POST', { image: 'AAAA' })],
      ['/images', '', upload(photo)],
      ['/images', '?key=moon.jpg', upload(photo)],
      ['/images', '?key=moon.jpg', upload(photo)],
      ['/images', '?key=moon.jpg&overwrite=true', upload(photo)],
      ['/images', '', upload('no picture')],
      ['/images', '', upload(photo.slice(0, 3000))],
      ['/images', '', upload(new Uint8Array(6 * 1024 ** 2))],
      ['/images', '?limit=1'],
      ['/images/{id}', `/images/${id}`],
      ['/images/{id}', `/images/${MISSING}`],
      ['/images/{id}', `/images/${id}`, jsonRequest('PATCH', { tags: ['x'] })],
      ['/images/{id}', `/images/${id}`, jsonRequest('PATCH', { tags: 1 })],
      ['/images/{id}', `/images/${id}`, { method: 'DELETE', headers: { 'if-match': '"x"' } }],
      ['/images/{id}/similar', `/images/${id}/similar`],
      ['/images/{id}/captions', `/images/${id}/captions`],
      ['/images/{id}/content', `/images/${id}/content`],
      ['/images/{id}/content', `/images/${id}/content`, { headers: { range: 'bytes=0-1' } }],
      ['/images/{id}/content', `/images/${id}/content`, { headers: { range: 'bytes=99999999-' } }],
      ['/images/{id}/content', `/images/${id}/content`, { headers: { 'if-none-match': '*' } }],
      ['/images/{id}/content', `/images/${id}/content`, { headers: { 'if-match': '"x"' } }],
      ['/images/{id}/thumbnail', `/images/${id}/thumbnail`],
      ['/tags', ''],
      ['/captions', '', jsonRequest('POST', { text: 'described' })],
      ['/captions', '', jsonRequest('POST', { text: 'described' })],
      ['/captions', '', jsonRequest('POST', { items: [{ text: 'described' }, {}] })],
      ['/captions', ''],
      ['/captions/{id}', `/captions/${MISSING}`],
      ['/embed', '', jsonRequest('POST', { texts: ['x'] })],
      ['/failures', ''],
      ['/failures/{id}/retry', `/failures/${imageId('photos', 'nothing.jpg')}/retry`, { method: 'POST' }],
      ['/failures/{id}/retry', `/failures/${MISSING}/retry`, { method: 'POST' }],
      ['/folders', ''],
      ['/folders', '', jsonRequest('POST', { path: '/photos' })],
      ['/folders', '', jsonRequest('POST', {})],
      ['/folders/{name}', '/folders/photos', jsonRequest('PATCH', { path: '/photos' })],
      ['/folders/{name}', '/folders/photos', { method: 'DELETE' }],
      ['/health', ''],
      ['/ready', ''],
      ['/model', ''],
      ['/metrics', ''],
      ['/images/{id}', `/images/${id}`, { method: 'DELETE' }],
    ];
    const statuses = new Set<number>();
    for (const [path, rest, init] of asked) {
      const response = await t.app.request(rest.startsWith('/') ? rest : `${path}${rest}`, init);
      const contentType = response.headers.get('content-type');
      const text = await response.text();
      const body = contentType?.includes('json') ? JSON.parse(text) : text;
      assertDescribed(
        document,
        { method: init?.method ?? 'GET', path },
        { status: response.status, contentType, body },
      );
      statuses.add(response.status);
    }
    assert.deepEqual([...statuses].sort(), [200, 201, 204, 206, 304, 400, 404, 409, 412, 413, 415, 416, 422]);
  });
});
