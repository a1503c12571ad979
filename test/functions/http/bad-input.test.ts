import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { imageId } from '../../../core/point-ids.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

/** Every response to bad input is a problem document with a status below 500 that says what was expected. */
describe('bad input over HTTP', () => {
  let t: TestApp;
  let id: string;
  before(async () => {
    t = await testApp();
    id = await t.addPhoto('cat.jpg');
  });
  after(() => t.close());

  async function refused(path: string, init: RequestInit | undefined, status: number, detail: RegExp): Promise<void> {
    const answer = await t.json(path, init);
    const where = `${init?.method ?? 'GET'} ${path.slice(0, 100)}: ${JSON.stringify(answer.body).slice(0, 300)}`;
    assert.equal(answer.status, status, where);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json', where);
    assert.equal(answer.headers.get('cache-control'), 'no-store', where);
    const { type, title, detail: said, instance } = answer.body;
    assert.match(type as string, /^\/problems\/[a-z-]+$/, where);
    assert.ok(title, where);
    assert.equal(answer.body.status, status, where);
    assert.ok(path.startsWith(instance as string), where);
    assert.match(said as string, detail, where);
    assert.ok((said as string).length < 500, where);
  }

  const queries: [string, string, RegExp][] = [
    ['/search?q=', 'empty text', /q: expected at least 1 character, got 0/],
    ['/search?q=%20%09', 'blank text', /q: expected at least 1 character\b/],
    [`/search?q=${'x'.repeat(100_000)}`, '100 kB of text', /q: expected at most 2000 characters, got 100000/],
    ['/search?q=a%00b', 'a NUL', /without control characters/],
    ['/search?q=a%1b%5b31m', 'a terminal sequence', /without control characters/],
    ['/search?q=a%c2%85', 'a C1 control', /without control characters/],
    ['/search?q=%ff', 'a byte that is not UTF-8', /percent-encoded UTF-8/],
    ['/search?q=%ed%a0%80', 'a surrogate in UTF-8', /percent-encoded UTF-8/],
    ['/search?q=%', 'a broken escape', /percent-encoded UTF-8/],
    ['/search?q=x&q=y', 'a repeated parameter', /q: expected string, got a list of 2/],
    ['/search?q=x&limit=0', 'a limit of 0', /limit: expected at least 1, got 0/],
    ['/search?q=x&limit=-1', 'a negative limit', /limit: expected a whole number from 1 to 200, got "-1"/],
    ['/search?q=x&limit=201', 'a limit above the maximum', /limit: expected at most 200, got 201/],
    ['/search?q=x&limit=99999999999999999999', 'a huge limit', /limit: expected a whole number/],
    ['/search?q=x&limit=1e2', 'an exponent', /limit: expected a whole number/],
    ['/search?q=x&limit=0x10', 'hexadecimal', /limit: expected a whole number/],
    ['/search?q=x&limit=', 'an empty number', /limit: expected a whole number/],
    ['/search?q=x&limit=NaN', 'NaN', /limit: expected a whole number/],
    ['/search?q=x&limit=%D9%A1', 'digits of another script', /limit: expected a whole number/],
    ['/search?q=x&minScore=NaN', 'NaN as a score', /minScore: expected a number/],
    ['/search?q=x&minScore=Infinity', 'infinity', /minScore: expected a number/],
    ['/search?q=x&minScore=1.01', 'a score above 1', /minScore: expected at most 1, got 1.01/],
    ['/search?q=x&minScore=-2', 'a score below -1', /minScore: expected at least -1, got -2/],
    ['/search?q=x&kind=video', 'an unknown kind', /kind: expected "image" or "caption" or "any", got "video"/],
    ['/search?q=x&nope=1', 'an unknown parameter', /nope: expected no field with this name/],
    ['/search?q=x&__proto__=1', 'a parameter that means something to the engine', /__proto__: expected no field/],
    ['/search?q=x&cursor=', 'an empty cursor', /cursor: expected at least 1/],
    ['/search?q=x&cursor=%2e%2e', 'a cursor of other characters', /cursor: expected the `next`/],
    [`/search?q=x&cursor=${'x'.repeat(3000)}`, 'a long cursor', /cursor: expected at most 2000/],
    ['/search?q=x&cursor=eHl6', 'a cursor that we did not make', /expected the `next` of a previous page/],
    ['/search?imageId=1', 'an id that is none', /imageId: expected a valid uuid, got "1"/],
    ['/images/1', 'an id in the path', /id: expected a valid uuid/],
    ['/images/..%2f..%2fetc%2fpasswd', 'a path as an id', /id: expected a valid uuid/],
    [`/images/${'a'.repeat(5000)}`, 'a long id', /id: expected a valid uuid/],
    ['/search?q=x&minBytes=-1', 'negative bytes', /minBytes: expected a whole number/],
    ['/search?q=x&takenAfter=yesterday', 'a date that is none', /takenAfter: expected an ISO 8601 date/],
    ['/search?q=x&takenAfter=2026-13-01', 'a month 13', /takenAfter: expected an ISO 8601 date/],
    ['/search?q=x&takenBefore=2026-02-30', 'the 30th of February', /takenBefore: expected an ISO 8601 date/],
    ['/search?q=x&contentTypes=image', 'half a content type', /contentTypes: expected a MIME type/],
    ['/search?q=x&orientation=up', 'an unknown orientation', /orientation: expected "landscape"/],
    ['/search?q=x&sha256=abc', 'half a hash', /sha256: expected 64/],
    ['/search?q=x&tagsAll=', 'an empty tag', /tagsAll: expected at least 1/],
    [`/search?q=x&${'tagsAll=a&'.repeat(33)}`, 'too many tags', /tagsAll: expected at most 32 items, got 33/],
    ['/images?overwrite=true', 'a parameter of another method', /overwrite: expected no field/],
    ['/health?x=1', 'a parameter where none is', /x: expected no field/],
    ['/tags?limit=0', 'a limit of 0 tags', /limit: expected at least 1/],
  ];
  for (const [path, what, detail] of queries) it(`refuses ${what}`, () => refused(path, undefined, 400, detail));

  const bodies: [string, string, string | Uint8Array<ArrayBuffer>, RegExp][] = [
    ['nothing', '/search', '', /expected a JSON body, got none/],
    ['JSON that ends early', '/search', '{"text":', /expected JSON, got a body that ends early/],
    ['JSON with a fault', '/search', '{"text":"x",}', /expected JSON, got something else at character 12/],
    ['NaN', '/search', '{"text":"x","limit":NaN}', /expected JSON, got something else/],
    ['bytes that are not UTF-8', '/search', Uint8Array.of(0x22, 0xff, 0x22), /not UTF-8/],
    ['a number', '/search', '1', /expected object, got 1/],
    ['null', '/search', 'null', /expected object, got null/],
    ['a list', '/search', '[]', /expected object, got a list of 0/],
    ['a deep nest', '/search', '['.repeat(100_000), /expected JSON|expected object/],
    ['a number for a text', '/search', '{"text":1}', /#\/text: expected string, got 1/],
    ['a text for a number', '/search', '{"text":"x","limit":"5"}', /#\/limit: expected (int|number), got "5"/],
    ['a fraction as a limit', '/search', '{"text":"x","limit":1.5}', /#\/limit: expected int, got 1.5/],
    ['a huge limit', '/search', '{"text":"x","limit":1e308}', /#\/limit/],
    ['a number out of range', '/search', '{"text":"x","minScore":1e999}', /#\/minScore: expected number/],
    ['an unknown field', '/search', '{"text":"x","lmit":5}', /#\/lmit: expected no field with this name/],
    ['an unknown field deeper', '/search', '{"text":"x","filter":{"tag":"y"}}', /#\/filter\/tag: expected no field/],
    ['__proto__', '/search', '{"text":"x","__proto__":{"limit":1}}', /__proto__: expected no field/],
    ['half a surrogate pair', '/search', '{"text":"a\\ud800b"}', /#\/text: expected well-formed Unicode/],
    ['a control character', '/search', '{"text":"a\\u0007"}', /#\/text: expected text without control/],
    ['100 kB of text', '/search', JSON.stringify({ text: 'x'.repeat(100_000) }), /at most 2000 characters, got 100000/],
    ['a field name with a slash', '/search', '{"text":"x","a/b~c":1}', /#\/a~1b~0c/],
    ['a weight of another sign', '/search', '{"text":"x","weights":{"minus":-1}}', /#\/weights\/minus/],
    ['both forms at once', '/search', '{"text":"x","terms":[{"text":"x"}]}', /#\/text: expected no field/],
    ['no terms', '/search', '{"terms":[]}', /#\/terms: expected at least 1 item, got 0/],
    [
      'a heavy term',
      '/search',
      '{"terms":[{"text":"x","weight":3}]}',
      /#\/terms\/0\/weight: expected at most 2, got 3/,
    ],
    ['base64 that is none', '/search', '{"image":"a b="}', /#\/image: expected a picture in base64/],
    ['base64 in the other alphabet', '/search', '{"image":"__--"}', /#\/image: expected a picture in base64/],
    ['texts that are none', '/embed', '{"texts":[1]}', /#\/texts\/0: expected string/],
    ['an empty caption', '/captions', '{"text":""}', /#\/text: expected at least 1/],
    ['a caption that is too long', '/captions', JSON.stringify({ text: 'x'.repeat(2001) }), /got 2001/],
    ['a half surrogate as a tag', '/captions', '{"text":"x","tags":["\\udc00"]}', /#\/tags\/0/],
  ];
  for (const [what, path, body, detail] of bodies) {
    it(`refuses ${what} as the body of ${path}`, () =>
      refused(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body }, 400, detail));
  }

  it('refuses other content types, and says which it takes', async () => {
    for (const [path, method] of [
      ['/search', 'POST'],
      ['/embed', 'POST'],
      ['/captions', 'POST'],
      [`/images/${id}`, 'PATCH'],
    ] as const) {
      for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', '', 'x'.repeat(1000)]) {
        const init = { method, headers: { 'content-type': type }, body: '{}' };
        await refused(path, init, 415, /expected content-type .*application\/json.*, got/);
      }
      const zipped = { method, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: 'x' };
      await refused(path, zipped, 415, /expected no content-encoding, got gzip/);
    }
  });

  it('refuses bodies above the limit by their announced length, and when there is none by what comes', async () => {
    const announced = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '99999999999' },
      body: '{}',
    };
    await refused('/captions', announced, 413, /at most 1048576 bytes, got 99999999999/);
    const limits: [string, string, string, number][] = [
      ['POST', '/captions', 'application/json', 1024 ** 2],
      ['PATCH', `/images/${id}`, 'application/json', 1024 ** 2],
      ['POST', '/search', 'application/json', 24 * 1024 ** 2],
      ['POST', '/embed', 'multipart/form-data; boundary=x', 6 * 1024 ** 2],
      ['POST', '/images', 'image/jpeg', 5 * 1024 ** 2],
    ];
    for (const [method, path, type, limit] of limits) {
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536).fill(0x20));
        },
      });
      const init: RequestInit & { duplex: 'half' } = {
        method,
        headers: { 'content-type': type },
        body,
        duplex: 'half',
      };
      await refused(path, init, 413, new RegExp(`at most ${limit} bytes, got more`));
      assert.ok(sent <= limit + 4 * 65_536, `${path} stopped reading at ${sent}`);
    }
  });

  it('refuses pictures for what they are, wherever they come in', async () => {
    const photo = await samplePhoto('cat.jpg');
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#123' } })
      .png()
      .toBuffer();
    const huge = Buffer.from(png);
    huge.writeUInt32BE(60_000, 16);
    huge.writeUInt32BE(60_000, 20);
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
    const flat = Buffer.from(png);
    flat.writeUInt32BE(0, 16);
    flat.writeUInt32BE(crc32(flat.subarray(12, 29)), 29);
    const text = (value: string) => new TextEncoder().encode(value);
    const pictures: [string, Uint8Array, number, string][] = [
      ['a text', text('hello'), 415, 'not-an-image'],
      ['nothing', new Uint8Array(0), 422, 'empty'],
      ['half a photo', photo.slice(0, photo.length / 2), 422, 'truncated'],
      ['60,000 x 60,000 pixels', huge, 422, 'too-many-pixels'],
      ['0 x 8 pixels', flat, 422, 'corrupt'],
      [
        'an SVG',
        text('<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/x"/></svg>'),
        415,
        'unsupported-format',
      ],
      ['a page', text('<!doctype html><script>alert(1)</script>'), 415, 'not-an-image'],
    ];
    for (const [what, bytes, status, reason] of pictures) {
      const file = () => new File([new Uint8Array(bytes)], 'x.jpg', { type: 'image/jpeg' });
      const form = (name: string) => {
        const data = new FormData();
        data.set(name, file());
        return { method: 'POST', body: data };
      };
      const image = Buffer.from(bytes).toString('base64');
      const asked: [string, RequestInit][] = [
        ['/images?key=hostile.jpg', { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: file() }],
        ['/images?key=hostile.jpg', form('file')],
        ['/search', form('image')],
        ['/embed', form('images')],
        ...(image === '' ? [] : [['/search', jsonRequest('POST', { image })] as [string, RequestInit]]),
      ];
      for (const [path, init] of asked) {
        const answer = await t.json(path, init);
        assert.deepEqual(
          [answer.status, answer.body.reason],
          [status, reason],
          `${what} to ${path}: ${JSON.stringify(answer.body)}`,
        );
      }
    }
    assert.equal((await t.json(`/images/${imageId('photos', 'hostile.jpg')}`)).status, 404);
    assert.equal(await t.deps.buckets.get('photos')!.head('hostile.jpg'), null);
  });

  it('takes odd pictures that are good, and tells what they really are', async () => {
    const base = sharp(await samplePhoto('cat.jpg')).resize(40, 30);
    const odd: [string, Buffer, string, number, number][] = [
      [
        'one pixel',
        await sharp({ create: { width: 1, height: 1, channels: 4, background: '#fff0' } })
          .png()
          .toBuffer(),
        'image/png',
        1,
        1,
      ],
      ['16 bits', await base.clone().toColourspace('rgb16').png().toBuffer(), 'image/png', 40, 30],
      ['CMYK', await base.clone().toColourspace('cmyk').jpeg().toBuffer(), 'image/jpeg', 40, 30],
      ['grey', await base.clone().grayscale().jpeg().toBuffer(), 'image/jpeg', 40, 30],
      ['turned by EXIF', await base.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(), 'image/jpeg', 30, 40],
      ['a WebP that says JPEG', await base.clone().webp().toBuffer(), 'image/webp', 40, 30],
    ];
    for (const [what, bytes, contentType, width, height] of odd) {
      const init = { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: new Uint8Array(bytes) };
      const { status, body } = await t.json(`/images?key=${encodeURIComponent(what)}.jpg`, init);
      assert.equal(status, 201, `${what}: ${JSON.stringify(body)}`);
      assert.deepEqual([body.contentType, body.width, body.height], [contentType, width, height], what);
      const content = await t.app.request(`/images/${body.id}/content`);
      assert.equal(content.headers.get('content-type'), contentType, what);
      await content.bytes();
    }
  });

  it('answers 404 and 405 as problems, and says what an address takes', async () => {
    for (const path of [
      '/',
      '/search/',
      '/Search',
      '/images/',
      `/images/${id}/`,
      `/images/${id}/nope`,
      '//search',
      '/.env',
    ]) {
      await refused(path, undefined, 404, /no route|no such/);
    }
    const wrong: [string, string, string][] = [
      ['PUT', '/search', 'GET, HEAD, POST, OPTIONS'],
      ['DELETE', '/images', 'POST, GET, HEAD, OPTIONS'],
      ['POST', `/images/${id}`, 'GET, HEAD, PATCH, DELETE, OPTIONS'],
      ['GET', '/embed', 'POST, OPTIONS'],
      ['TRACE2', '/health', 'GET, HEAD, OPTIONS'],
      ['POST', '/openapi.json', 'GET, HEAD, OPTIONS'],
      ['GET', `/failures/${id}/retry`, 'POST, OPTIONS'],
    ];
    for (const [method, path, allow] of wrong) {
      await refused(path, { method }, 405, /^expected .*, got/);
      assert.equal((await t.app.request(path, { method })).headers.get('allow'), allow);
      const options = await t.app.request(path, { method: 'OPTIONS' });
      assert.deepEqual([options.status, options.headers.get('allow'), await options.text()], [204, allow, '']);
    }
    assert.equal((await t.app.request('/nope', { method: 'OPTIONS' })).status, 404);
    for (const path of [
      '/search?q=x',
      '/images',
      '/health',
      '/docs',
      '/openapi.json',
      `/images/${id}`,
      `/images/${id}/thumbnail`,
    ]) {
      const [get, head] = await Promise.all([t.app.request(path), t.app.request(path, { method: 'HEAD' })]);
      assert.equal(head.status, get.status, path);
      assert.equal(head.headers.get('content-type'), get.headers.get('content-type'), path);
      assert.equal(await head.text(), '', path);
    }
  });
});

/** The checksum of PNG chunks (ISO 15948, annex D), computed bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
