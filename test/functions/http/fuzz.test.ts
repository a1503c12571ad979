import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { captionId, imageId } from '../../../core/point-ids.ts';
import { seededRandom } from '../../support/random.ts';
import { type TestApp, testApp } from './harness.ts';
import { type OpenApiDocument, operations } from './openapi-checks.ts';

const SEED = 20261123;
const CASES = 2500;

const NASTY = [
  '',
  ' ',
  '0',
  '-1',
  '1',
  '20',
  '1e309',
  'NaN',
  'null',
  'true',
  '[]',
  '{}',
  '..',
  '../..',
  '%00',
  '\u0000',
  '\ud800',
  '\u202e',
  '🦊',
  'a'.repeat(3000),
  "'; DROP TABLE points; --",
  '" OR ""="',
  '$where',
  '{{7*7}}',
  '<script>',
  'image/jpeg',
  '2026-01-01',
  '2026-01-01T00:00:00Z',
  'image',
  'caption',
  'any',
  'WzEsImEiLCJiIiwiYyJd',
  '*',
  '%',
  '_',
  '\\',
  'é',
  '\r\nX-Injected: 1',
  'constructor',
  '__proto__',
  'toString',
];
const VALUES: unknown[] = [
  ...NASTY,
  null,
  true,
  0,
  -0,
  -1,
  1,
  20,
  1.5,
  1e308,
  -1e308,
  2 ** 53,
  [],
  {},
  [[]],
  [null],
  [1, 'a'],
  { a: 1 },
  { text: 'x' },
  { text: 'x', weight: 1 },
];

describe('random requests', () => {
  let t: TestApp;
  let document: OpenApiDocument;
  before(async () => {
    t = await testApp();
    await t.addPhoto('cat.jpg');
    document = (await t.json('/openapi.json')).body as unknown as OpenApiDocument;
  });
  after(() => t.close());

  it(`never end in a fault of ours, and are always answered in a known form (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const all = operations(document);
    const names = [
      ...new Set(all.flatMap(({ operation }) => (operation.parameters ?? []).map(({ name }) => name))),
      'x',
      '__proto__',
    ];
    const fields = [
      'text',
      'minus',
      'imageId',
      'image',
      'weights',
      'terms',
      'kind',
      'filter',
      'limit',
      'cursor',
      'minScore',
      'tags',
      'texts',
      'images',
      'items',
      'weight',
      'tagsAll',
      'minBytes',
      'takenAfter',
    ];
    const ids = [imageId('photos', 'cat.jpg'), captionId('x'), 'x', '..', '%ff', '\ud800', ''];
    const value = (depth = 0): unknown => {
      if (depth < 3 && random() < 0.3) {
        return Object.fromEntries(Array.from({ length: 1 + random() * 3 }, () => [pick(fields), value(depth + 1)]));
      }
      return depth < 3 && random() < 0.15 ? Array.from({ length: random() * 4 }, () => value(depth + 1)) : pick(VALUES);
    };
    const encode = (text: string) =>
      random() < 0.9 ? encodeURIComponent(text.toWellFormed()) : encodeURI(text.toWellFormed()).replaceAll('#', '');
    const headerNames = [
      'range',
      'if-none-match',
      'if-match',
      'if-range',
      'x-request-id',
      'x-api-key',
      'authorization',
      'content-encoding',
      'origin',
    ];

    const seen = new Map<number, number>();
    for (let i = 0; i < CASES; i++) {
      const { method, path } = pick(all);
      const parameters = Array.from({ length: random() * 4 }, () => `${pick(names)}=${encode(pick(NASTY))}`).join('&');
      const target = `${path.replace('{id}', () => encodeURIComponent(pick(ids).toWellFormed()))}?${parameters}`;
      const headers: Record<string, string> = { host: 'localhost' };
      if (random() < 0.3)
        headers[pick(headerNames)] = pick(NASTY)
          .replace(/[^\x20-\x7e]/g, '')
          .trim();
      const sentBy = random() < 0.05 ? pick(['PUT', 'OPTIONS', 'HEAD', 'PATCH', 'DELETE']) : method;
      const init: RequestInit = { method: sentBy, headers };
      if (!['GET', 'HEAD'].includes(sentBy)) {
        headers['content-type'] = pick([
          'application/json',
          'application/json',
          'application/json; charset=utf-8',
          'multipart/form-data; boundary=b',
          'image/jpeg',
          'text/plain',
        ]);
        const json = JSON.stringify(value()) ?? 'null';
        init.body = random() < 0.9 ? json : json.slice(0, json.length * random());
      }
      const response = await t.app.request(target, init);
      const where =
        `case ${i}: ${sentBy} ${target.slice(0, 200)} ${String(init.body ?? '').slice(0, 300)} ` +
        `-> ${response.status}`;
      assert.ok(response.status < 500, where);
      assert.equal(response.headers.get('x-injected'), null, where);
      const text = await response.text();
      if (response.status >= 400 && sentBy !== 'HEAD') {
        assert.equal(response.headers.get('content-type'), 'application/problem+json', where);
        const problem = JSON.parse(text) as { status: number; detail: string };
        assert.equal(problem.status, response.status, where);
        assert.ok(problem.detail.length > 5, where);
      }
      seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
    }
    // Cases that are all rejected in the same way would test nothing.
    for (const status of [200, 400, 404, 415])
      assert.ok((seen.get(status) ?? 0) > 20, `${status}: ${JSON.stringify([...seen])}`);
  });
});
