import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type OpenApiDocument, typesOf } from '../../scripts/development/client/openapi-types.ts';
import { ApiFault, type Client, createClient, pictureTerm } from '../../web/client.ts';
import { samplePhoto, type TestApp, testApp } from '../functions/http/harness.ts';
import { assertDescribed, type OpenApiDocument as CheckedDocument } from '../functions/http/openapi-checks.ts';

describe('the client and the OpenAPI document', () => {
  let app: TestApp;
  let document: unknown;
  let client: Client;
  before(async () => {
    app = await testApp();
    document = (await app.json('/openapi.json')).body;
    client = createClient({ baseUrl: 'http://localhost/', fetch: checkedFetch(app, document as CheckedDocument) });
  });
  after(() => app.close());

  it('has the types that the document describes', async () => {
    const committed = await readFile(fileURLToPath(new URL('../../web/api.ts', import.meta.url)), 'utf8');
    const made = typesOf(document as OpenApiDocument);
    assert.ok(committed === made, 'web/api.ts is not of this API any more: npm start, then npm run client');
  });

  it('calls only what is described and gets what is described', async () => {
    const photo = new Blob([await samplePhoto('cat.jpg')], { type: 'image/jpeg' });
    const { id } = await client.uploadImage(photo, 'cat.jpg');
    const other = await client.uploadImage(
      new Blob([await samplePhoto('moon.jpg')], { type: 'image/jpeg' }),
      'moon.jpg',
    );
    assert.deepEqual((await client.setTags(id, ['pet'])).tags, ['pet']);
    assert.deepEqual(await client.tags(), [{ tag: 'pet', count: 1 }]);
    assert.equal((await client.getImage(id)).contentType, 'image/jpeg');
    assert.equal((await client.listImages({ limit: 1 })).total, 2);
    assert.equal((await client.listImages({ filter: { tagsAll: ['pet'] } })).items.length, 1);
    assert.equal((await client.similar(id)).items[0]?.id, other.id);
    assert.deepEqual((await client.captionsFor(id)).items, []);
    const plain = {
      terms: [
        { text: 'a cat', weight: 1 },
        { text: 'people', weight: -0.5 },
      ],
      limit: 1,
    };
    const first = await client.search(plain);
    assert.equal((await client.search({ ...plain, cursor: first.next })).items.length, 1);
    const weighed = {
      terms: [
        { text: 'a cat', weight: 0.7 },
        { imageId: id, weight: 2 },
      ],
      minScore: -1,
    };
    assert.deepEqual(
      (await client.search(weighed)).items.map((item) => item.id),
      [other.id],
    );
    const found = await client.search({ terms: [await pictureTerm(photo)], limit: 1 });
    assert.equal(found.items[0]?.id, id);
    const { items: made } = await client.addCaptions([{ text: 'a quiet street', tags: ['city'] }, { text: '' }]);
    assert.deepEqual(
      made.map(({ status }) => status),
      ['created', 'rejected'],
    );
    assert.equal((await client.listCaptions({ filter: { tagsAny: ['city'] } })).items[0]?.caption, 'a quiet street');
    await client.deleteCaption(made[0]!.id!);
    assert.deepEqual((await client.listCaptions()).items, []);
    assert.equal((await client.embed({ texts: ['a cat'] })).texts[0]?.length, 64);
    assert.equal((await client.map()).items.length, 2);
    assert.equal((await client.status()).pictures, 2);
    assert.equal((await client.model()).space, first.space);
    await client.deleteImage(id);
    assert.equal((await client.failures()).total, 0);
  });

  it('sends the same question by GET where that can say it', async () => {
    const asked: string[] = [];
    const watched = createClient({
      baseUrl: 'http://localhost/api',
      fetch: async (url, init) => {
        asked.push(`${init?.method} ${url} ${init?.body}`);
        return Response.json({ items: [], space: 'x' });
      },
    });
    await watched.search({
      terms: [
        { text: 'a b', weight: 1 },
        { text: 'c', weight: -0.5 },
      ],
      filter: { tagsAll: ['x', 'y'] },
      lang: 'de',
    });
    await watched.search({
      terms: [
        { text: 'a', weight: 1 },
        { text: 'b', weight: 1 },
      ],
      lang: 'de',
    });
    await watched.embed({ texts: ['a'], lang: 'de' });
    await watched.addCaptions([{ text: 'a', lang: 'de' }]);
    assert.deepEqual(asked, [
      'GET http://localhost/api/search?q=a+b&minus=c&lang=de&tagsAll=x&tagsAll=y undefined',
      'POST http://localhost/api/search {"terms":[{"text":"a","weight":1},{"text":"b","weight":1}],"lang":"de"}',
      'POST http://localhost/api/embed {"texts":["a"],"lang":"de"}',
      'POST http://localhost/api/captions {"items":[{"text":"a","lang":"de"}]}',
    ]);
  });

  it('turns refusals, silence and nonsense into faults that say which', async () => {
    const answering = (answer: () => Promise<Response>, timeoutMs?: number) =>
      createClient({ baseUrl: 'http://localhost/', fetch: answer, timeoutMs });
    const faultOf = async (call: Promise<unknown>): Promise<Partial<ApiFault>> => {
      const fault = await call.then(
        () => assert.fail('expected a fault'),
        (error: unknown) => error,
      );
      assert.ok(fault instanceof ApiFault);
      const { kind, status, code, retryAfter } = fault;
      return { kind, status, code, retryAfter };
    };
    assert.deepEqual(await faultOf(client.getImage('6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11')), {
      kind: 'refused',
      status: 404,
      code: 'not-found',
      retryAfter: undefined,
    });
    const busy = answering(async () => new Response('<p>busy', { status: 429, headers: { 'retry-after': '7' } }));
    assert.deepEqual(await faultOf(busy.tags()), { kind: 'refused', status: 429, code: '', retryAfter: 7 });
    // A proxy may give a date.
    const until = new Date(Date.now() + 3_600_000).toUTCString();
    const later = answering(async () => new Response('', { status: 503, headers: { 'retry-after': until } }));
    const { retryAfter } = await faultOf(later.tags());
    assert.ok(retryAfter !== undefined && retryAfter > 3000 && retryAfter <= 3600, String(retryAfter));
    const portal = answering(async () => new Response('<p>log in'));
    assert.equal((await faultOf(portal.tags())).kind, 'unexpected-answer');
    const empty = answering(async () => Response.json({}));
    assert.equal((await faultOf(empty.tags())).kind, 'unexpected-answer');
    const gone = answering(() => Promise.reject(new TypeError('fetch failed')));
    assert.equal((await faultOf(gone.tags())).kind, 'unreachable');
    const silent = createClient({
      baseUrl: 'http://localhost/',
      timeoutMs: 20,
      fetch: (_, init) =>
        new Promise((_resolve, reject) => {
          init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason));
        }),
    });
    // The timer of AbortSignal.timeout does not keep a process alive.
    const alive = setInterval(() => {}, 10);
    assert.equal((await faultOf(silent.tags())).kind, 'timeout');
    clearInterval(alive);
  });
});

/** The API without a network; every response must match the OpenAPI document. */
function checkedFetch(app: TestApp, document: CheckedDocument): typeof fetch {
  const templates = Object.keys(document.paths);
  return async (input, init) => {
    const url = new URL(String(input));
    const response = await app.app.request(url, init as RequestInit);
    const path = templates.find((template) =>
      new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url.pathname),
    );
    assert.ok(path !== undefined, `${url.pathname} is described`);
    const text = await response.clone().text();
    const contentType = response.headers.get('content-type');
    const body = text === '' ? '' : JSON.parse(text);
    assertDescribed(document, { method: init?.method ?? 'GET', path }, { status: response.status, contentType, body });
    return response;
  };
}
