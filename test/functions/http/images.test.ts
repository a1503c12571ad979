import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { numbered, uploadKey } from '../../../functions/http/upload-key.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

describe('pictures over HTTP', () => {
  let t: TestApp;
  before(async () => {
    t = await testApp();
  });
  after(() => t.close());

  const raw = async (name: string) => ({
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: await samplePhoto(name),
  });
  const formOf = async (photo: string, name: string, fields: Record<string, string> = {}) => {
    const body = new FormData();
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
    body.set('file', new File([await samplePhoto(photo)], name, { type: 'image/jpeg' }));
    return { method: 'POST', body };
  };
  const upload = async (...form: Parameters<typeof formOf>) => t.json('/images', await formOf(...form));
  const objects = () => t.deps.buckets.get('photos')!;

  it('stores and indexes a raw body', async () => {
    const { status, headers, body } = await t.json(
      '/images?key=a/cat.jpg&tags=pet&tags=pet&tags=small',
      await raw('cat.jpg'),
    );
    assert.equal(status, 201);
    const id = imageId('photos', 'a/cat.jpg');
    assert.equal(headers.get('location'), `images/${id}`);
    assert.deepEqual(body.tags, ['pet', 'small']);
    const stored = await t.json(`/images/${id}`);
    assert.deepEqual(stored.body, body);
    const { indexedAt, sha256, perceptualHash, ...rest } = body as unknown as Record<string, string>;
    assert.ok(!Number.isNaN(Date.parse(indexedAt!)));
    assert.match(sha256!, /^[0-9a-f]{64}$/);
    assert.match(perceptualHash!, /^[0-9a-f]{32}$/);
    assert.deepEqual(rest, {
      id,
      kind: 'image',
      bucket: 'photos',
      key: 'a/cat.jpg',
      contentType: 'image/jpeg',
      width: 451,
      height: 300,
      bytes: (await samplePhoto('cat.jpg')).byteLength,
      tags: ['pet', 'small'],
      takenAt: null,
      takenFrom: null,
      month: '',
      dayOfYear: '',
      camera: null,
      keywords: [],
      colours: ['brown'],
      lens: null,
      exposureTime: null,
      aperture: null,
      iso: null,
      focalLength: null,
      latitude: null,
      longitude: null,
      name: 'cat.jpg',
      folder: 'a',
      seen: [],
      orientation: 'landscape',
      links: { self: `/images/${id}`, content: `/images/${id}/content`, thumbnail: `/images/${id}/thumbnail` },
    });
  });

  it('stores and indexes a form, whose fields win over the query', async () => {
    const form = await formOf('moon.jpg', 'moon.jpg', { key: 'b/moon.jpg', tags: 'night' });
    form.body.append('tags', 'sky');
    const { status, body } = await t.json('/images?key=ignored.jpg&tags=no', form);
    assert.equal(status, 201);
    assert.equal(body.key, 'b/moon.jpg');
    assert.deepEqual(body.tags, ['night', 'sky']);
  });

  it('keeps folder and name of what comes without a key, with a number behind a name that is taken', async () => {
    const first = await upload('coffee.jpg', 'Trip/day2/Grüner Kaffee (1).jpg');
    assert.deepEqual([first.status, first.body.key], [201, 'Trip/day2/Grüner Kaffee (1).jpg']);
    const second = await upload('rocket.jpg', 'x.jpg', { path: 'Trip/day2/Grüner Kaffee (1).jpg' });
    assert.deepEqual([second.status, second.body.key], [201, 'Trip/day2/Grüner Kaffee (1) (2).jpg']);
    const bare = await upload('dahlia.jpg', '☃.jpg');
    assert.match(bare.body.key, /^\d{4}\/\d\d\/\d\d\/☃\.jpg$/);
    const unnamed = await t.json('/images', await raw('sunset.jpg'));
    assert.match(unnamed.body.key, /^\d{4}\/\d\d\/\d\d\/picture-[0-9a-f]{8}\.jpg$/);
  });

  it('recognises bytes that are there already, and says so', async () => {
    const first = await upload('clock.jpg', 'one/clock.jpg', { tags: 'time' });
    const again = await upload('clock.jpg', 'one/clock.jpg', { tags: 'tower' });
    const { id } = first.body;
    assert.equal(first.body.duplicateOf, undefined);
    assert.deepEqual([again.status, again.body.id, again.body.duplicateOf], [200, id, id]);
    assert.deepEqual([again.body.key, again.body.tags], ['one/clock.jpg', ['time', 'tower']]);
    const bare = await upload('clock.jpg', 'clock.jpg');
    assert.deepEqual([bare.status, bare.body.id], [200, id]);
    for (const [name, key] of [
      ['two/clock.jpg', 'two/clock.jpg'],
      ['tower.jpg', undefined],
    ] as const) {
      const copy = await upload('clock.jpg', name);
      assert.deepEqual([copy.status, copy.body.duplicateOf], [201, id]);
      if (key !== undefined) assert.equal(copy.body.key, key);
      await t.json(`/images/${copy.body.id}`, { method: 'DELETE' });
    }
    const wanted = await t.json('/images?key=three/clock.jpg', await raw('clock.jpg'));
    assert.deepEqual([wanted.status, wanted.body.key, wanted.body.duplicateOf], [201, 'three/clock.jpg', id]);
    for (const key of ['one/clock.jpg', 'three/clock.jpg']) await objects().delete(key);
    const lost = await upload('clock.jpg', 'one/clock.jpg');
    assert.deepEqual([lost.status, lost.body.key, lost.body.duplicateOf], [201, 'one/clock.jpg', undefined]);
  });

  it('goes on with what a try before stored and could not index', async () => {
    let isAway = false;
    await using api = closing(
      await testApp({}, (deps) => ({
        ...deps,
        async index(job) {
          if (isAway) throw new SightlineError('unavailable', 'the vectors are away');
          return deps.index(job);
        },
      })),
    );
    await api.json('/images', await formOf('cat.jpg', 'trip/taken.jpg'));
    const uploads: [string, () => Promise<RequestInit>, RegExp][] = [
      ['/images', () => formOf('rocket.jpg', 'trip/x.jpg'), /^trip\/x\.jpg$/],
      ['/images', () => formOf('clock.jpg', 'trip/taken.jpg'), /^trip\/taken \(2\)\.jpg$/],
      ['/images', () => formOf('coffee.jpg', 'bare.jpg'), /\/bare\.jpg$/],
      ['/images', () => raw('sunset.jpg'), /\/picture-[0-9a-f]{8}\.jpg$/],
      ['/images?key=own/key.jpg', () => raw('moon.jpg'), /^own\/key\.jpg$/],
    ];
    for (const [path, request, key] of uploads) {
      isAway = true;
      for (let tries = 0; tries < 2; tries++) assert.equal((await api.json(path, await request())).status, 503);
      isAway = false;
      const { status, body } = await api.json(path, await request());
      assert.equal(status, 201, JSON.stringify(body));
      assert.match(body.key, key);
    }
    const { items } = await api.deps.buckets.get('photos')!.list({ limit: 100 });
    assert.equal(items.length, 1 + uploads.length, items.map(({ key }) => key).join());
    const taken = await api.json('/images?key=own/key.jpg', await raw('moon.jpg'));
    assert.deepEqual([taken.status, taken.body.type], [409, '/problems/already-exists']);
  });

  it('sends a picture at most twice until it has a name, however many have that name', async () => {
    let puts = 0;
    await using api = closing(
      await testApp({}, (deps) => {
        const photos = deps.buckets.get('photos')!;
        const counted: ObjectStore = {
          ...photos,
          async put(...given) {
            puts++;
            return photos.put(...given);
          },
        };
        (deps.buckets as Map<string, ObjectStore>).set('photos', counted);
        return deps;
      }),
    );

    const send = async (photo: string, path: string) => {
      puts = 0;
      const { status, body } = await api.json('/images', await formOf(photo, path));
      assert.equal(status, 201);
      return [body.key, puts];
    };
    const photos = ['cat.jpg', 'moon.jpg', 'clock.jpg', 'coffee.jpg', 'rocket.jpg'];
    const sent = [];
    for (const photo of photos) sent.push(await send(photo, 'a/x.jpg'));
    assert.deepEqual(sent, [
      ['a/x.jpg', 1],
      ['a/x (2).jpg', 2],
      ['a/x (3).jpg', 2],
      ['a/x (4).jpg', 2],
      ['a/x (5).jpg', 2],
    ]);
    const folder = api.deps.buckets.get('photos')!;
    for (let n = 1; n <= 100; n++) await folder.put(numbered('many/x.jpg', n), new Uint8Array(1));
    const [key, times] = await send('sunset.jpg', 'many/x.jpg');
    assert.match(key as string, /^many\/x \([0-9a-f]{8}\)\.jpg$/);
    assert.equal(times, 2);
    for (const photo of photos) {
      puts = 0;
      assert.equal((await api.json('/images', await raw(photo))).status, 201);
      assert.equal(puts, 1);
    }
  });

  it('leaves a file alone that was there and is no picture, whoever uploads the same', async () => {
    const bytes = new TextEncoder().encode('not a picture');
    await objects().put('there/note.jpg', bytes);
    const form = new FormData();
    form.set('file', new File([bytes], 'there/note.jpg', { type: 'image/jpeg' }));
    assert.equal((await t.json('/images', { method: 'POST', body: form })).status, 415);
    assert.notEqual(await objects().head('there/note.jpg'), null);
    assert.equal(await objects().head('there/note (2).jpg'), null);
  });

  it('makes names that any folder and bucket can hold', () => {
    const options = { unnamed: 'picture', now: new Date('2026-01-02T03:04:05Z') };
    const expected: Record<string, string> = {
      '../../etc/passwd': 'etc/passwd',
      'C:\\Users\\me\\a.jpg': 'C-/Users/me/a.jpg',
      '.hidden': '2026/01/02/hidden',
      'a/.trash/b.jpg': 'a/trash/b.jpg',
      'a/con.jpg': 'a/_con.jpg',
      'a/what?.jpg': 'a/what-.jpg',
      'a/e\u0301.jpg': 'a/é.jpg',
      'a//b/./c .jpg': 'a/b/c .jpg',
      '...': '2026/01/02/picture.png',
      '': '2026/01/02/picture.png',
    };
    const made = Object.fromEntries(Object.keys(expected).map((path) => [path, uploadKey(path, 'image/png', options)]));
    assert.deepEqual(made, expected);
    const long = uploadKey(`a/${'ü'.repeat(500)}.jpg`, '', options);
    assert.ok(Buffer.byteLength(long) < 250 && long.endsWith('ü.jpg'), long);
    assert.ok(Buffer.byteLength(uploadKey(`${'folder/'.repeat(500)}x.jpg`, '', options)) <= 1024);
    assert.match(uploadKey('\ud800.jpg', '', options), /\.jpg$/);
    assert.deepEqual(
      [numbered('a/x.jpg', 1), numbered('a/x.jpg', 2), numbered('a.b/x', 3)],
      ['a/x.jpg', 'a/x (2).jpg', 'a.b/x (3)'],
    );
  });

  it('refuses a taken key, and replaces it when asked', async () => {
    await t.json('/images?key=taken.jpg&tags=kept', await raw('cat.jpg'));
    const again = await t.json('/images?key=taken.jpg', await raw('moon.jpg'));
    assert.equal(again.status, 409);
    assert.equal(again.body.type, '/problems/already-exists');
    assert.equal(again.body.id, imageId('photos', 'taken.jpg'));
    const replaced = await t.json('/images?key=taken.jpg&overwrite=true', await raw('moon.jpg'));
    assert.equal(replaced.status, 200);
    assert.equal(replaced.body.bytes, (await samplePhoto('moon.jpg')).byteLength);
    assert.deepEqual(replaced.body.tags, ['kept']);
    const fresh = await t.json('/images?key=fresh.jpg&overwrite=true', await raw('moon.jpg'));
    assert.equal(fresh.status, 201);
  });

  it('two uploads of one key at once: one wins, the other is told', async () => {
    const bodies = await Promise.all([raw('cat.jpg'), raw('moon.jpg')]);
    const answers = await Promise.all(bodies.map((body) => t.json('/images?key=race.jpg', body)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
    const winner = answers.find(({ status }) => status === 201)!;
    const { sha256 } = (await t.json(`/images/${winner.body.id}`)).body;
    assert.equal(sha256, winner.body.sha256);
  });

  it('keeps nothing of a picture that cannot be read, and says why', async () => {
    const jpeg = await samplePhoto('cat.jpg');
    const cases: [string, Uint8Array<ArrayBuffer>, number, string][] = [
      ['text.jpg', new TextEncoder().encode('not a picture'), 415, 'not-an-image'],
      ['empty.jpg', new Uint8Array(0), 422, 'empty'],
      ['cut.jpg', jpeg.slice(0, 9000), 422, 'truncated'],
      ['drawing.svg', new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'), 415, 'unsupported-format'],
    ];
    for (const [key, body, status, reason] of cases) {
      const answer = await t.json(`/images?key=${key}`, {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg' },
        body,
      });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.reason, reason);
      assert.equal(await objects().head(key), null, key);
      assert.equal((await t.json(`/images/${imageId('photos', key)}`)).status, 404);
    }
    assert.equal(await t.deps.failures.count(), 0);
  });

  it('a bad replacement does not cost the good picture', async () => {
    await t.json('/images?key=good.jpg', await raw('cat.jpg'));
    const bad = {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: (await samplePhoto('moon.jpg')).slice(0, 5000),
    };
    assert.equal((await t.json('/images?key=good.jpg&overwrite=true', bad)).status, 422);
    const { body } = await t.json(`/images/${imageId('photos', 'good.jpg')}`);
    assert.equal(body.bytes, (await samplePhoto('cat.jpg')).byteLength);
    const content = await t.app.request(`/images/${imageId('photos', 'good.jpg')}/content`);
    assert.deepEqual(await content.bytes(), await samplePhoto('cat.jpg'));
  });

  it('refuses keys that have no safe place', async () => {
    const bad = [
      '../x.jpg',
      '/etc/passwd',
      'a/../../x.jpg',
      'a//b.jpg',
      'a%00.jpg',
      'x%0A.jpg',
      '%20',
      `${'x'.repeat(1025)}`,
      'é'.repeat(600),
    ];
    for (const key of bad) {
      const { status, body } = await t.json(`/images?key=${key}`, await raw('cat.jpg'));
      assert.equal(status, 400, `${key}: ${JSON.stringify(body)}`);
    }
  });

  it('refuses bodies of another kind or shape', async () => {
    const post = async (headers: Record<string, string>, body: BodyInit | undefined) =>
      (await t.json('/images?key=shape.jpg', { method: 'POST', headers, body })).status;
    assert.equal(await post({ 'content-type': 'text/plain' }, 'x'), 415);
    assert.equal(await post({}, undefined), 415);
    assert.equal(await post({ 'content-type': 'image/jpeg', 'content-encoding': 'gzip' }, 'x'), 415);
    assert.equal(await post({ 'content-type': 'multipart/form-data' }, 'x'), 400);
    assert.equal(await post({ 'content-type': 'multipart/form-data; boundary=x' }, 'no parts'), 400);
    const form = (fill: (form: FormData) => void) => {
      const data = new FormData();
      fill(data);
      return post({}, data);
    };
    assert.equal(await form(() => {}), 400);
    assert.equal(await form((data) => data.set('file', 'a text')), 400);
    const file = new File([await samplePhoto('cat.jpg')], 'x.jpg');
    assert.equal(await form((data) => [data.append('file', file), data.append('file', file)]), 400);
    assert.equal(await form((data) => [data.append('file', file), data.append('other', 'x')]), 400);
    assert.equal(await form((data) => [data.append('file', file), data.append('other', file)]), 400);
    assert.equal(await objects().head('shape.jpg'), null);
  });

  it('lists newest first with filters, pages and a total, and revalidates', async () => {
    const all = await t.json('/images?limit=200');
    const items = all.body.items;
    const times = items.map(({ indexedAt }) => indexedAt);
    assert.deepEqual(times, [...times].sort().reverse());
    assert.equal(all.body.total, items.length);
    const seen: string[] = [];
    for (let next = ''; ; ) {
      const { body } = await t.json(`/images?limit=2${next}`);
      seen.push(...body.items.map(({ id }) => id));
      if (body.next === undefined) break;
      next = `&cursor=${body.next}`;
    }
    assert.deepEqual(
      seen,
      items.map(({ id }) => id),
    );
    const tagged = await t.json('/images?tagsAll=night');
    assert.deepEqual([tagged.body.total, tagged.body.items[0]!.key], [1, 'b/moon.jpg']);

    const etag = all.headers.get('etag')!;
    assert.match(etag, /^W\//);
    const again = await t.app.request('/images?limit=200', { headers: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), '');
    assert.equal(again.headers.get('cache-control'), 'private, no-cache');
  });

  it('replaces tags, trimmed and each once', async () => {
    const id = imageId('photos', 'a/cat.jpg');
    const patched = await t.json(`/images/${id}`, jsonRequest('PATCH', { tags: [' a ', 'b', 'a'] }));
    assert.equal(patched.status, 200);
    assert.deepEqual(patched.body.tags, ['a', 'b']);
    assert.deepEqual((await t.json(`/images/${id}`)).body, patched.body);
    assert.deepEqual((await t.json(`/images/${id}`, jsonRequest('PATCH', { tags: [] }))).body.tags, []);
    const bad = [
      { tags: 'a' },
      { tags: [''] },
      { tags: ['x'.repeat(65)] },
      { tags: Array(33).fill('a') },
      {},
      { tags: [], key: 'x' },
    ];
    for (const body of bad) assert.equal((await t.json(`/images/${id}`, jsonRequest('PATCH', body))).status, 400);
    const missing = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
    assert.equal((await t.json(`/images/${missing}`, jsonRequest('PATCH', { tags: [] }))).status, 404);
  });

  it('counts tags', async () => {
    const { body } = await t.json('/tags?limit=2&kind=any');
    assert.deepEqual(body.items, [
      { tag: 'kept', count: 1 },
      { tag: 'night', count: 1 },
    ]);
    assert.deepEqual((await t.json('/tags?keyPrefix=b/')).body.items, [
      { tag: 'night', count: 1 },
      { tag: 'sky', count: 1 },
    ]);
  });

  it('deletes from bucket and index, once', async () => {
    const id = imageId('photos', 'a/cat.jpg');
    const etag = (await t.app.request(`/images/${id}/content`)).headers.get('etag')!;
    const other = await t.json(`/images/${id}`, { method: 'DELETE', headers: { 'if-match': '"other"' } });
    assert.equal(other.status, 412);
    assert.notEqual(await objects().head('a/cat.jpg'), null);
    const gone = await t.app.request(`/images/${id}`, { method: 'DELETE', headers: { 'if-match': etag } });
    assert.equal(gone.status, 204);
    assert.equal(await gone.text(), '');
    assert.equal(await objects().head('a/cat.jpg'), null);
    assert.equal((await t.json(`/images/${id}`)).status, 404);
    assert.equal((await t.json(`/images/${id}`, { method: 'DELETE' })).status, 404);
    const uploaded = await t.json('/images?key=a/cat.jpg', await raw('cat.jpg'));
    assert.equal(uploaded.status, 201);
    assert.deepEqual(uploaded.body.tags, []);
  });

  it('says so when the bucket of a picture is not connected', async () => {
    const id = imageId('photos', 'good.jpg');
    const buckets = t.deps.buckets as Map<string, ReturnType<typeof objects>>;
    const kept = objects();
    buckets.delete('photos');
    try {
      for (const [path, method] of [
        [`/images/${id}/content`, 'GET'],
        [`/images/${id}/thumbnail`, 'GET'],
        [`/images/${id}`, 'DELETE'],
      ] as const) {
        const { status, headers, body } = await t.json(path, { method });
        assert.equal(status, 503, path);
        assert.match(body.detail, /bucket photos/);
        assert.ok(headers.get('retry-after'), path);
      }
    } finally {
      buckets.set('photos', kept);
    }
  });
});
