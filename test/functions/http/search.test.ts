import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { evidence, fitOf } from '../../../core/search/result-fit.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { dot } from '../../../core/util/vector-arithmetic.ts';
import { hashEmbedder, type Json, jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

const PHOTOS = ['cat.jpg', 'moon.jpg', 'coffee.jpg', 'rocket.jpg', 'sunset.jpg'];

describe('search over HTTP', () => {
  let t: TestApp;
  const ids: Record<string, string> = {};
  const keys = (body: Json) => [...body.items].map(({ key }) => key);

  before(async () => {
    t = await testApp();
    for (const name of PHOTOS) ids[name] = await t.addPhoto(name, name < 'd' ? '&tags=early' : '&tags=late&tags=sky');
    await t.json('/captions', jsonRequest('POST', { items: [{ text: 'a cat' }, { text: 'the moon', tags: ['sky'] }] }));
  });
  after(() => t.close());

  it('warns of a text of which the model knows no word, each in its place', async () => {
    const { body } = await t.json(`/search?q=${encodeURIComponent('🐶')}`);
    const [warning] = body.warnings as { code: string; text: string; message: string }[];
    assert.deepEqual([warning?.code, warning?.text], ['unknown-words', '🐶']);
    assert.match(warning!.message, /knows no word of "🐶"/);
    const terms = [{ text: 'a dog' }, { text: '☕', weight: -1 }];
    const general = (await t.json('/search', jsonRequest('POST', { terms }))).body.warnings as { text: string }[];
    assert.deepEqual(
      general.map(({ text }) => text),
      ['☕'],
    );
    assert.equal((await t.json('/search?q=dog')).body.warnings, undefined);
  });

  it('ranks all pictures, best first, and names the space', async () => {
    const { status, body, headers } = await t.json('/search?q=a+kitten');
    assert.equal(status, 200);
    assert.deepEqual(keys(body).sort(), [...PHOTOS].sort());
    const scores = body.items.map(({ score }) => score);
    assert.deepEqual(
      scores,
      [...scores].sort((a, b) => b - a),
    );
    assert.equal(body.space, 'feedfeedfeedfeed');
    assert.equal(headers.get('sightline-space'), 'feedfeedfeedfeed');
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  it('puts first what is called by the words, and says why each is there', async () => {
    const why = (body: Json) => body.items.map((hit) => hit.why.join());
    for (const q of ['cat', 'a CAT', 'cat.jpg', 'Çat']) {
      const { body } = await t.json(`/search?q=${encodeURIComponent(q)}&limit=2`);
      assert.deepEqual([keys(body)[0], why(body)], ['cat.jpg', ['name', 'meaning']], q);
    }
    const tagged = (await t.json('/search?q=early')).body;
    assert.deepEqual(keys(tagged).slice(0, 2).sort(), ['cat.jpg', 'coffee.jpg']);
    assert.deepEqual(why(tagged), ['tag', 'tag', 'meaning', 'meaning', 'meaning']);
    const filtered = (await t.json('/search?q=early&tagsAny=late&minScore=-1')).body;
    assert.deepEqual(why(filtered), ['meaning', 'meaning', 'meaning']);
    const similar = (await t.json(`/images/${ids['moon.jpg']}/similar?limit=1`)).body;
    assert.deepEqual(why(similar), ['meaning']);
  });

  it('finds a caption by its own words and either kind with any', async () => {
    const captions = await t.json('/search?q=a+cat&kind=caption&limit=1');
    const [best] = captions.body.items;
    assert.equal(best!.caption, 'a cat');
    assert.ok(best!.score > 0.999 && best!.score <= 1);
    const any = await t.json('/search?q=a+cat&kind=any');
    const kinds = any.body.items.map(({ kind }) => kind);
    assert.equal(kinds[0], 'caption');
    assert.equal(kinds.length, 7);
  });

  it('finds a picture by its own bytes in base64, as a file and by id', async () => {
    const bytes = await samplePhoto('moon.jpg');
    const inline = await t.json(
      '/search',
      jsonRequest('POST', { image: Buffer.from(bytes).toString('base64'), limit: 1 }),
    );
    assert.deepEqual(keys(inline.body), ['moon.jpg']);
    assert.ok(inline.body.items[0]!.score > 0.999);

    const request = JSON.stringify({ limit: 2, filter: { tagsAll: ['sky'] } });
    for (const [field, value, count] of [
      ['limit', '1', 1],
      ['request', request, 2],
    ] as const) {
      const form = new FormData();
      form.set('image', new File([bytes], 'x.jpg'));
      form.set(field, value);
      const found = keys((await t.json('/search', { method: 'POST', body: form })).body);
      assert.deepEqual([found[0], found.length], ['moon.jpg', count], field);
    }

    // A picture searched by id is not in its own results.
    const byId = await t.json(`/search?imageId=${ids['moon.jpg']}`);
    assert.ok(!keys(byId.body).includes('moon.jpg') && keys(byId.body).length === 4);
  });

  it('mixes terms: the flat form is the general form with its weights', async () => {
    const flat = {
      text: 'a cat',
      minus: 'dogs',
      imageId: ids['moon.jpg'],
      weights: { text: 0.5, image: 1.5, minus: 0.25 },
    };
    const general = {
      terms: [
        { text: 'a cat', weight: 0.5 },
        { imageId: ids['moon.jpg'], weight: 1.5 },
        { text: 'dogs', weight: -0.25 },
      ],
    };
    const [a, b] = await Promise.all([flat, general].map((body) => t.json('/search', jsonRequest('POST', body))));
    assert.equal(a!.status, 200);
    assert.deepEqual(a!.body, b!.body);
    const plain = await t.json('/search', jsonRequest('POST', { text: 'a cat', imageId: ids['moon.jpg'] }));
    assert.notDeepEqual(plain.body.items[0]!.score, a!.body.items[0]!.score);
    const minus = await t.json('/search?q=a+cat&minus=dogs');
    const withDefaults = await t.json('/search', jsonRequest('POST', { text: 'a cat', minus: 'dogs' }));
    assert.deepEqual(minus.body, withDefaults.body);
  });

  it('understands "without" as minus and says so, unless words are meant literally', async () => {
    const items = async (query: string) => (await t.json(`/search?${query}`)).body.items;
    const { status, body } = await t.json('/search?q=a+cat,+but+no+dogs');
    assert.equal(status, 200);
    assert.deepEqual(body.understood, { without: [{ text: 'dogs', words: 'but no dogs' }], colours: [] });
    assert.deepEqual(body.items, await items('q=a+cat&minus=dogs'));
    const literally = (await t.json('/search?q=a+cat,+but+no+dogs&literal=true')).body;
    assert.equal(literally.understood, undefined);
    assert.notDeepEqual(literally.items, body.items);
    const quoted = (await t.json('/search?q=a+cat,+%22but+no+dogs%22')).body;
    assert.equal(quoted.understood, undefined);
    assert.deepEqual(quoted.items, literally.items);
    const nothingElse = (await t.json('/search?q=no+dogs')).body;
    assert.deepEqual(nothingElse.understood, { without: [{ text: 'dogs', words: 'no dogs' }], colours: [] });
    assert.deepEqual(nothingElse.items, await items('minus=dogs'));
    const inReverse = [...(await items('q=dogs&minScore=-1'))].reverse() as unknown as { id: string }[];
    const ids = nothingElse.items.map(({ id }) => id);
    assert.deepEqual(
      ids,
      inReverse.map(({ id }) => id),
      'what is least like dogs comes first',
    );
    const other = (await t.json('/search?q=a+cat,+but+no+dogs&lang=de')).body;
    assert.equal(other.understood, undefined, 'the words are said to be German');

    const terms = [
      { text: 'Hund ohne Katze', weight: 2 },
      { text: 'a cat without dogs', weight: -0.5 },
    ];
    const weighed = (await t.json('/search', jsonRequest('POST', { terms }))).body;
    assert.deepEqual(weighed.understood, { without: [{ text: 'Katze', words: 'ohne Katze' }], colours: [] });
    const apart = [{ text: 'Hund', weight: 2 }, { text: 'Katze', weight: -1 }, terms[1]];
    assert.deepEqual(weighed.items, (await t.json('/search', jsonRequest('POST', { terms: apart }))).body.items);
  });

  it('understands the colours of a whole picture as a filter, which names need not fit', async () => {
    const found = async (query: string) => (await t.json(`/search?${query}`)).body;
    const monochrome = await found('q=a+dog+in+black+and+white');
    assert.deepEqual(keys(monochrome), ['moon.jpg']);
    assert.deepEqual(monochrome.understood, {
      without: [],
      colours: [{ colour: 'monochrome', words: 'in black and white' }],
    });
    assert.deepEqual(monochrome.items, (await found('q=a+dog&colours=monochrome')).items);
    assert.equal((await found('q=a+dog+in+black+and+white&literal=true')).items.length, 5);
    assert.equal((await found('q=a+dog+in+black+and+white&kind=any')).understood, undefined, 'captions have none');
    const both = await found('q=a+dog+in+black+and+white&colours=red');
    assert.deepEqual(both.items, []);

    await t.json(`/images/${ids['rocket.jpg']}`, jsonRequest('PATCH', { tags: ['late', 'sky', 'monochrome'] }));
    const only = await found('q=monochrome');
    await t.json(`/images/${ids['rocket.jpg']}`, jsonRequest('PATCH', { tags: ['late', 'sky'] }));
    const why = only.items.map((hit) => hit.why.join());
    assert.deepEqual(
      [keys(only), why],
      [
        ['rocket.jpg', 'moon.jpg'],
        ['tag', 'meaning'],
      ],
    );
    assert.deepEqual(only.understood, { without: [], colours: [{ colour: 'monochrome', words: 'monochrome' }] });
    assert.equal(only.fit, 'good', 'all that the filter lets through is what is looked for');
    assert.equal(monochrome.fit, undefined, 'nobody can say how well it shows a dog');

    assert.equal((await t.json('/search?q=x&colours=turquoise')).status, 400);
    const body = await t.json('/search', jsonRequest('POST', { text: 'x', filter: { colours: ['monochrome'] } }));
    assert.deepEqual(keys(body.body), ['moon.jpg']);
  });

  it('offers what was probably meant, where nothing is called so', async () => {
    const meant = async (query: string) => (await t.json(`/search?${query}`)).body.didYouMean;
    assert.equal(await meant('q=a+Cofee'), 'a coffee');
    assert.equal(await meant('q=a+cofee+without+rocets'), 'a coffee without rocket');
    assert.equal(await meant('q=a+coffee'), undefined);
    assert.equal(await meant('q=teapot'), undefined);
    assert.equal(await meant(`q=cofee&imageId=${ids['moon.jpg']}`), undefined, 'not of words alone');
    const { next } = (await t.json('/search?q=cofee&limit=1')).body;
    assert.equal(await meant(`q=cofee&limit=1&cursor=${next}`), undefined, 'on the first page only');
  });

  it('filters', async () => {
    const found = async (query: string) => keys((await t.json(`/search?q=x&${query}`)).body).sort();
    assert.deepEqual(await found('tagsAll=early'), ['cat.jpg', 'coffee.jpg']);
    assert.deepEqual(await found('tagsAll=late&tagsAll=sky'), ['moon.jpg', 'rocket.jpg', 'sunset.jpg']);
    assert.deepEqual(await found('tagsAll=late&tagsAll=early'), []);
    assert.deepEqual(await found('tagsAny=early&tagsAny=late'), [...PHOTOS].sort());
    assert.deepEqual(await found('keyPrefix=c'), ['cat.jpg', 'coffee.jpg']);
    assert.deepEqual(await found('contentTypes=image/png'), []);
    assert.deepEqual(await found('bucket=elsewhere'), []);
    assert.equal((await found('indexedAfter=2020-01-01')).length, 5);
    assert.equal((await found('indexedBefore=2020-01-01')).length, 0);
    assert.equal((await found('takenAfter=1990-01-01')).length, 0);
    const size = (await samplePhoto('cat.jpg')).byteLength;
    assert.deepEqual(await found(`minBytes=${size}&maxBytes=${size}`), ['cat.jpg']);
    const image = (await t.json(`/images/${ids['moon.jpg']}`)).body;
    assert.deepEqual(await found(`sha256=${image.sha256}`), ['moon.jpg']);
    const body = jsonRequest('POST', {
      text: 'x',
      filter: { tagsAll: ['sky'], maxBytes: 1e9, indexedAfter: '2020-01-01T00:00:00Z' },
    });
    assert.equal(keys((await t.json('/search', body)).body).length, 3);
  });

  it('a day as the end of a range includes the whole day', async () => {
    const today = new Date().toISOString().slice(0, 10);
    const body = (await t.json(`/search?q=x&indexedAfter=${today}&indexedBefore=${today}`)).body;
    const sameDay = (await t.json('/images')).body.items;
    assert.equal(keys(body).length, sameDay.filter(({ indexedAt }) => indexedAt.startsWith(today)).length);
  });

  it('leaves out what is below the minimum score', async () => {
    const all = (await t.json('/search?q=x')).body.items;
    const middle = all[2]!.score;
    const some = (await t.json(`/search?q=x&minScore=${middle.toFixed(12)}`)).body.items;
    assert.ok(some.length >= 2 && some.length <= 3);
    assert.ok(some.every(({ score }) => score >= middle - 1e-9));
    assert.equal((await t.json('/search?q=x&minScore=1')).body.items.length, 0);
  });

  it('pages through everything once, whatever the page size', async () => {
    const whole = keys((await t.json('/search?q=x')).body);
    const paged: string[] = [];
    let next: string | undefined;
    for (const limit of [1, 2, 1, 5]) {
      const { body, status } = await t.json(`/search?q=x&limit=${limit}${next ? `&cursor=${next}` : ''}`);
      assert.equal(status, 200);
      paged.push(...keys(body));
      next = body.next;
      if (next === undefined) break;
    }
    assert.deepEqual(paged, whole);
    assert.equal(next, undefined);
  });

  it('takes a vector as POST /embed answers it, alone and with words, only with its space', async () => {
    const embedded = await t.json('/embed', jsonRequest('POST', { texts: ['a kitten'] }));
    const space = embedded.body.space;
    const vector = embedded.body.texts[0]!;
    const scores = (body: Json) => body.items.map(({ score }) => score.toFixed(4));
    const search = (body: unknown) => t.json('/search', jsonRequest('POST', body));
    const byWords = (await t.json('/search?q=a+kitten')).body;
    for (const body of [
      { vector, space },
      { vector: vector.map((x) => x * 7), space },
      { terms: [{ vector, space }] },
    ]) {
      const found = await search(body);
      assert.equal(found.status, 200);
      assert.deepEqual([keys(found.body), scores(found.body)], [keys(byWords), scores(byWords)]);
    }
    const mixed = await search({
      terms: [
        { vector, space },
        { text: 'the moon', weight: -0.5 },
      ],
      limit: 2,
    });
    const byText = await search({ terms: [{ text: 'a kitten' }, { text: 'the moon', weight: -0.5 }], limit: 2 });
    assert.deepEqual(keys(mixed.body), keys(byText.body));
    const next = await search({
      terms: [{ vector, space }],
      limit: 2,
      cursor: (await search({ vector, space, limit: 2 })).body.next,
    });
    assert.equal(next.status, 200);

    for (const body of [
      { vector },
      { space },
      { terms: [{ vector }] },
      { terms: [{ text: 'a cat', space }] },
      { terms: [{ vector, space, text: 'a cat' }] },
      { vector: vector.slice(1), space },
      { vector: vector.map(() => 0), space },
      { vector: [], space },
      { vector: 'abc', space },
    ]) {
      assert.equal((await search(body)).status, 400, JSON.stringify(body).slice(0, 100));
    }
    const other = '0123456789abcdef';
    for (const body of [
      { vector, space: other },
      { terms: [{ text: 'a cat' }, { vector, space: other, weight: -1 }] },
    ]) {
      const { status, body: problem } = await search(body);
      assert.equal(status, 409);
      assert.equal(problem.type, '/problems/space-mismatch');
      assert.equal(problem.detail, `expected a vector of space ${space}, got one of ${other}`);
      assert.deepEqual([problem.expected, problem.got], [space, other]);
    }
  });

  it('refuses a cursor of another question, another space, and what is none', async () => {
    const cursor = (await t.json('/search?q=x&limit=1')).body.next!;
    for (const query of ['q=y', 'q=x&tagsAll=sky', 'q=x&minScore=0', 'q=x&kind=any', 'q=x&minus=y']) {
      const { status, body } = await t.json(`/search?${query}&cursor=${cursor}`);
      assert.equal(status, 400, query);
      assert.equal(body.type, '/problems/invalid-cursor', query);
    }
    for (const bad of [
      'abc',
      'W10',
      `${cursor}x`,
      cursor.slice(0, -3),
      Buffer.from('[1,2,3,4]').toString('base64url'),
    ]) {
      assert.equal((await t.json(`/search?q=x&cursor=${bad}`)).status, 400, bad);
    }
    assert.equal((await t.json(`/images?cursor=${cursor}`)).status, 400);
    await using other = closing(await testApp({}, (deps) => deps, hashEmbedder('0123456789abcdef')));
    const { status, body } = await other.json(`/search?q=x&cursor=${cursor}`);
    assert.equal(status, 409);
    assert.equal(body.detail, 'expected a cursor of space 0123456789abcdef, got one of feedfeedfeedfeed');
  });

  it('answers similar pictures and fitting captions of a picture', async () => {
    const similar = await t.json(`/images/${ids['cat.jpg']}/similar?limit=2`);
    assert.equal(similar.body.items.length, 2);
    assert.ok(!keys(similar.body).includes('cat.jpg'));
    const next = await t.json(`/images/${ids['cat.jpg']}/similar?limit=200&cursor=${similar.body.next}`);
    assert.equal(new Set([...keys(similar.body), ...keys(next.body)]).size, 4);
    const elsewhere = await t.json(`/images/${ids['moon.jpg']}/similar?cursor=${similar.body.next}`);
    assert.equal(elsewhere.status, 400);
    const captions = await t.json(`/images/${ids['cat.jpg']}/captions?tagsAll=sky`);
    assert.deepEqual(
      captions.body.items.map(({ caption }) => caption),
      ['the moon'],
    );
    const missing = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
    for (const path of ['similar', 'captions']) assert.equal((await t.json(`/images/${missing}/${path}`)).status, 404);
    assert.equal((await t.json(`/search?imageId=${missing}`)).status, 404);
  });

  it('says what is missing or contradictory', async () => {
    const problem = async (init: RequestInit) => {
      const { status, body } = await t.json('/search', init);
      assert.equal(status, 400);
      return body.detail;
    };
    assert.match((await t.json('/search')).body.detail, /expected q, minus, imageId or an image/);
    assert.match(await problem(jsonRequest('POST', {})), /expected text, minus, imageId, image or vector/);
    assert.match(await problem(jsonRequest('POST', { terms: [{ text: 'x', weight: 0 }] })), /other than 0/);
    assert.match(
      await problem(jsonRequest('POST', { terms: [{ text: 'x', imageId: ids['cat.jpg'] }] })),
      /exactly one/,
    );
    assert.match(await problem(jsonRequest('POST', { terms: Array(9).fill({ text: 'x' }) })), /at most 8 items, got 9/);
    const opposite = [
      { text: 'x', weight: 1 },
      { text: 'x', weight: -1 },
    ];
    assert.match(await problem(jsonRequest('POST', { terms: opposite })), /no direction/);
  });
});

describe('how well hits fit, over HTTP', () => {
  it('is said of pictures that one text finds, and of the best, with what is called so in front', async (test) => {
    const own = hashEmbedder();
    const [others] = await own.embedTexts(['a cat']);
    const line = (atOne: number) => ({ atOne, perLog: 0 });
    const calibration = { temperature: 0.1, poor: line(-0.5), good: line(0.5), others: others!, classes: null };
    const t = await testApp({}, undefined, { ...own, calibration: async () => calibration });
    test.after(() => t.close());
    for (const name of PHOTOS) await t.addPhoto(name);
    await t.json('/captions', jsonRequest('POST', { items: [{ text: 'a cat' }] }));
    const ask = async (path: string, body?: unknown) => {
      const answer = (await t.json(path, body === undefined ? undefined : jsonRequest('POST', body))).body;
      return { fit: answer.fit, hits: answer.items };
    };
    for (const q of ['a dog', 'snow', 'a red car']) {
      const { fit, hits } = await ask('/search', { text: q, minus: 'night' });
      const [text] = await own.embedTexts([q]);
      const stored = await t.deps.vectors.vectors(hits.map(({ id }) => id));
      const expected = hits.map(({ id }) => {
        const picture = stored.get(id)!;
        return fitOf(calibration, evidence(calibration, dot(text!, picture), picture), PHOTOS.length);
      });
      assert.deepEqual(
        hits.map((hit) => hit.fit),
        expected,
      );
      assert.equal(
        fit,
        ['good', 'fair', 'poor'].find((one) => expected.slice(0, 5).includes(one as 'good')),
      );
    }
    const named = await ask('/search?q=moon&kind=any');
    assert.deepEqual([named.fit, named.hits[0]!.fit], ['good', 'good']);
    assert.ok(named.hits.every(({ kind, fit }) => (kind === 'caption') === (fit === undefined)));
    const several = await ask('/search', { terms: [{ text: 'a dog' }, { text: 'snow' }] });
    assert.deepEqual([several.fit, several.hits[0]!.fit], [undefined, undefined]);
  });
});
