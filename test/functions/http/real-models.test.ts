import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import { imageId } from '../../../core/point-ids.ts';
import type { Embedder } from '../../../core/ports.ts';
import { describeModel } from '../../../functions/http/describe-model.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

const modelDirs = [
  fileURLToPath(new URL('../../../models', import.meta.url)),
  ...(process.env.SIGHTLINE_EXTRA_MODELS ?? '').split(delimiter).filter((dir) => dir !== ''),
];
const CUT = { left: 60, top: 60, width: 280, height: 280 };
const PHOTOS = [
  'cat',
  'moon',
  'coffee',
  'rocket',
  'sunset',
  'dogs-at-window',
  'nuthatch-on-tree',
  'astronaut',
  'clock',
  'dahlia',
];

/** Queries through the whole HTTP layer with the production models. */
describe('the API with the bundled models', () => {
  let embedder: Embedder;
  let t: TestApp;
  const ids = new Map<string, string>();
  before(async () => {
    embedder = await loadEmbedder({ modelDirs, profile: 'compact' });
    t = await testApp({}, (deps) => deps, embedder);
    for (const name of PHOTOS) ids.set(`${name}.jpg`, await t.addPhoto(`${name}.jpg`));
  });
  after(async () => {
    await t?.close();
    await embedder?.close();
  });

  const keys = async (path: string, init?: RequestInit) => {
    const { status, body } = await t.json(path, init);
    assert.equal(status, 200, JSON.stringify(body));
    return body.items.map(({ key }) => key as string);
  };

  it('finds pictures by what is on them', async () => {
    const cases: [string, string][] = [
      ['two dogs looking out of a window', 'dogs-at-window.jpg'],
      ['a bird on a tree', 'nuthatch-on-tree.jpg'],
      ['a pink flower', 'dahlia.jpg'],
      ['a smiling woman', 'astronaut.jpg'],
    ];
    for (const [query, key] of cases) {
      const found = await keys(`/search?q=${encodeURIComponent(query)}&limit=3`);
      assert.ok(found.includes(key), `"${query}" found ${found}`);
    }
  });

  it('minus takes a picture down, its own words take it up', async () => {
    const score = async (query: string) => {
      const { body } = await t.json(`/search?keyPrefix=dogs-at-window&${query}`);
      return body.items[0]!.score;
    };
    const plain = await score('q=an+animal');
    assert.ok((await score('q=an+animal&minus=two+dogs+at+a+window')) < plain - 0.05);
    // Cosines of two texts with one picture are comparable only if they are far apart.
    assert.ok((await score('q=two+dogs+at+a+window')) > (await score('q=a+cup+of+coffee')) + 0.1);
  });

  it('finds a picture by its own bytes, and captions by a picture', async () => {
    const image = Buffer.from(await samplePhoto('moon.jpg')).toString('base64');
    assert.equal((await keys('/search', jsonRequest('POST', { image, limit: 1 })))[0], 'moon.jpg');
    const texts = ['two dogs behind a window', 'a cup of coffee on a table', 'a man cooking pasta'];
    await t.json('/captions', jsonRequest('POST', { items: texts.map((text) => ({ text })) }));
    const { body } = await t.json(`/images/${ids.get('dogs-at-window.jpg')}/captions`);
    assert.equal(body.items[0]!.caption, texts[0]);
    const both = await t.json(
      '/search',
      jsonRequest('POST', { text: 'two dogs behind a window', kind: 'any', limit: 1 }),
    );
    assert.equal(both.body.items[0]!.caption, texts[0]);
  });

  it('answers the vectors that search uses', async () => {
    const body = {
      texts: ['a cat', 'the moon'],
      images: [Buffer.from(await samplePhoto('cat.jpg')).toString('base64')],
    };
    const answer = (await t.json('/embed', jsonRequest('POST', body))).body as unknown as {
      space: string;
      texts: number[][];
      images: number[][];
    };
    assert.equal(answer.space, embedder.space);
    const cosine = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
    for (const vector of [...answer.texts, ...answer.images]) {
      assert.equal(vector.length, embedder.dimension);
      assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-5);
    }
    const { items } = (await t.json('/search?q=a+cat&keyPrefix=cat')).body;
    assert.ok(Math.abs(items[0]!.score - cosine(answer.texts[0]!, answer.images[0]!)) < 1e-4);
  });

  it('finds copies that were made smaller and compressed again, and no other', async () => {
    const upload = async (key: string, copy: Sharp) => {
      const body = new Uint8Array(await copy.toBuffer());
      await t.json(`/images?key=${key}`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body });
    };
    const [cat, dahlia] = await Promise.all(['cat.jpg', 'dahlia.jpg'].map(samplePhoto));
    await upload('small-cat.jpg', sharp(cat).resize(160).jpeg({ quality: 60 }));
    await upload('grey-dahlia.jpg', sharp(dahlia).greyscale().jpeg({ quality: 40 }));
    await upload('cut-dahlia.jpg', sharp(dahlia).resize(400, 400, { fit: 'outside' }).extract(CUT).jpeg());
    const { body } = await t.json('/stacks');
    const stacks = body.items.map(({ pictures }) => (pictures as { key: string }[]).map(({ key }) => key));
    assert.deepEqual(stacks.sort(), [
      ['cat.jpg', 'small-cat.jpg'],
      ['dahlia.jpg', 'grey-dahlia.jpg'],
    ]);
    for (const key of ['small-cat.jpg', 'grey-dahlia.jpg', 'cut-dahlia.jpg']) {
      await t.json(`/images/${imageId('photos', key)}`, { method: 'DELETE' });
    }
  });

  it('takes a text longer than the model reads', async () => {
    assert.equal((await keys(`/search?q=${'word+'.repeat(399)}&limit=2`)).length, 2);
  });

  it('reads two words in their own language, whatever pieces of them find in English', async () => {
    await t.addPhoto('mountain-path.jpg');
    for (const text of ['ein Hund', 'eine Katze']) {
      const { body } = await t.json(`/search?q=${encodeURIComponent(text)}&limit=3`);
      assert.equal(body.language, 'de', text);
    }
  });

  it('reads a word unknown in English by the side that finds more, for a caller who reads English', async () => {
    const headers = { 'accept-language': 'en-US,en;q=0.9' };
    for (const text of ['gato', 'Katze', 'katt']) {
      const { body } = await t.json(`/search?q=${text}&limit=1`, { headers });
      assert.equal(body.items[0]!.key, 'cat.jpg', text);
    }
    assert.equal((await t.json('/search?q=kitten&limit=1', { headers })).body.language, 'en');
  });

  it('names the side of each language of the model, by the file that it is', async () => {
    const { texts, space } = await describeModel({ modelDirs, profile: 'compact' });
    assert.equal(space, embedder.space);
    assert.deepEqual(
      texts.map(({ encoder }) => encoder),
      ['all-minilm-l6-v2-int8', 'multilingual-e5-small'],
    );
    assert.deepEqual(texts[0]!.languages, ['en']);
    assert.ok(texts[1]!.languages.includes('de'));
    for (const { encoder, sha256 } of texts) {
      const bytes = readFileSync(join(modelDirs[0]!, 'head-compact', `text-${encoder}.onnx`));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    }
  });

  it('takes the language of a text as it is told, for searches, vectors and captions alike', async () => {
    // "Gift" is poison in German.
    const search = async (lang: string) => t.json(`/search?q=Gift&limit=1&lang=${lang}`);
    const [english, german, auto] = [await search('en'), await search('de'), await search('auto')];
    assert.deepEqual([english.body.language, german.body.language], ['en', 'de']);
    assert.notEqual(english.body.items[0]!.score, german.body.items[0]!.score);
    const vary = ({ headers }: typeof auto) => headers.get('vary')?.includes('Accept-Language') ?? false;
    assert.deepEqual([english, german, auto].map(vary), [false, false, true]);

    const embed = async (lang: string) =>
      (await t.json('/embed', jsonRequest('POST', { texts: ['Gift'], lang }))).body as unknown as {
        texts: number[][];
        read: { language: string; side: string }[];
      };
    const [first, second] = [await embed('en'), await embed('de')];
    assert.deepEqual([first.read[0]!.language, second.read[0]!.language], ['en', 'de']);
    assert.notEqual(first.read[0]!.side, second.read[0]!.side);
    assert.notDeepEqual(first.texts, second.texts);

    const { body } = await t.json('/captions', jsonRequest('POST', { text: 'Gift', lang: 'de' }));
    const id = body.id;
    const stored = (await t.deps.vectors.vectors([id])).get(id)!;
    const score = second.texts[0]!.reduce((sum, x, i) => sum + x * stored[i]!, 0);
    assert.ok(score > 0.9999, `${score}`);
  });
});
