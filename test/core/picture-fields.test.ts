import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { FIELDS, FILTERS } from '../../core/picture-fields.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '../..');
const COPIED = ['core', 'functions', 'server', 'scripts/development/client', 'web'].concat(
  ['core/vectors', 'contract', 'functions', 'support'].map((folder) => `test/${folder}`),
);

/** Everything a new field requires: its declaration, and the code that reads it from the file. */
const CHANGES = [
  {
    file: 'core/picture-fields.ts',
    at: '  indexedAt: {',
    insert: `  bits: {
    type: 'integer',
    from: 'content',
    absent: 0,
    filters: { minBits: 'atLeast' },
    orders: { '-bits': 'descending' },
    doc: 'Bits of a pixel.',
  },
`,
  },
  {
    file: 'core/picture/header.ts',
    at: '      ...turnSize(stored, orientation),',
    insert: 'bits: 8 * metadata.channels,\n',
  },
];

/** Type-checked in the copy, with the client that was made from its document. */
const CLIENT_PROBE = `
import { createClient } from './web/client.ts';

const { items } = await createClient({ baseUrl: '/' }).listImages({ sort: '-bits', filter: { minBits: 1 } });
export const bits: readonly number[] = items.map((item) => item.bits);
`;

/** Runs in the copy: a grey and a coloured picture, in both stores and through the API. */
const PROBE = `
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { decodeImage } from './core/picture/decode.ts';
import type { Preprocessing } from './core/picture/preprocessor-config.ts';
import { openEmbeddedStore } from './core/vectors/sqlite/store.ts';
import { type OpenApiDocument, typesOf } from './scripts/development/client/openapi-types.ts';
import { startFakeQdrant } from './test/support/fake-qdrant.ts';
import { openQdrantStore } from './test/core/vectors/qdrant/open.ts';
import { image, seededRandom, unit, uuid } from './test/contract/vectors-data.ts';
import { testApp } from './test/functions/http/harness.ts';

const resize = { mode: 'squash', size: 8, kernel: 'bilinear' } as const;
const how: Preprocessing = { resize, crop: 8, mean: [0, 0, 0], std: [1, 1, 1] };
const random = seededRandom(1);
const noise = Buffer.from(Array.from({ length: 12 * 8 }, () => 255 * random()));
const grey = await sharp(noise, { raw: { width: 12, height: 8, channels: 1 } }).toColourspace('b-w').png().toBuffer();
const coloured = await sharp(grey).tint('red').toColourspace('srgb').png().toBuffer();
const points = await Promise.all([grey, coloured].map(async (bytes, i) => {
  const { picture } = await decodeImage(bytes, how, { maxBytes: 1e6, maxPixels: 1e6 });
  return { id: uuid(i), vector: unit(random), payload: { ...image({ key: i + '.png' }), ...picture } };
}));
const server = await startFakeQdrant();
const stores = {
  sqlite: await openEmbeddedStore({ file: process.argv[2]!, space: 'test', dimension: 64, threads: 1 }),
  qdrant: await openQdrantStore({ url: server.url, space: 'test', dimension: 64 }),
};
const found: Record<string, unknown> = {};
for (const [name, store] of Object.entries(stores)) {
  await store.upsert(points, 'newer');
  const filter = { minBits: 9 };
  const { items } = await store.list({ filter, limit: 10, order: 'id' });
  found[name] = items.map(({ payload }) => payload.kind === 'image' && payload.bits);
  const sorted = await store.list({ filter: {}, limit: 10, order: '-bits' });
  found[name + ' sorted'] = sorted.items.map(({ payload }) => payload.kind === 'image' && payload.bits);
  found[name + ' query'] = (await store.query({ vector: points[0]!.vector, filter, limit: 10 })).items.length;
  await store.close();
}
await server.stop();
const t = await testApp();
for (const [name, body] of Object.entries({ grey, coloured })) {
  const headers = { 'content-type': 'image/png' };
  await t.json('/images?key=' + name + '.png', { method: 'POST', headers, body: new Uint8Array(body) });
}
const { items } = (await t.json('/images?minBits=9')).body;
found.api = items.map(({ key, bits }) => [key, bits]);
found['api sorted'] = (await t.json('/images?sort=-bits')).body.items.map(({ bits }) => bits);
found['hits sorted'] = (await t.json('/search?q=x&sort=-bits')).body.items.map(({ bits }) => bits);
const document = (await t.json('/openapi.json')).body;
const docs = JSON.stringify(document);
found.docs = [docs.includes('"minBits"'), docs.includes('Bits of a pixel.')];
writeFileSync('web/api.ts', typesOf(document as OpenApiDocument));
await t.close();
console.log(JSON.stringify(found));
`;

describe('the declaration of what a picture has', () => {
  const copy = tempFolder();
  before(async () => {
    for (const folder of COPIED) await cp(join(root, folder), join(copy, folder), { recursive: true });
    await cp(join(root, 'package.json'), join(copy, 'package.json'));
    const types = {
      extends: join(root, 'tsconfig.json'),
      include: ['probe.ts', 'client-probe.ts', 'core', 'functions/http'],
      exclude: [],
    };
    await writeFile(join(copy, 'tsconfig.json'), JSON.stringify(types));
    for (const link of ['node_modules', 'models', 'examples']) await symlink(join(root, link), join(copy, link));
  });

  it('is the only place, beside the reader, that knows a new field: stores, API, docs and client follow', async () => {
    for (const { file, at, insert } of CHANGES) {
      const text = await readFile(join(copy, file), 'utf8');
      assert.ok(text.includes(at), `expected "${at}" in ${file}`);
      await writeFile(join(copy, file), text.replace(at, insert + at));
    }
    await writeFile(join(copy, 'probe.ts'), PROBE);
    await writeFile(join(copy, 'client-probe.ts'), CLIENT_PROBE);
    const run = promisify(execFile);
    const { stdout } = await run(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'probe.ts', 'index.sqlite'],
      { cwd: copy },
    );
    assert.deepEqual(JSON.parse(stdout), {
      sqlite: [24],
      'sqlite sorted': [24, 8],
      'sqlite query': 1,
      qdrant: [24],
      'qdrant sorted': [24, 8],
      'qdrant query': 1,
      api: [['coloured.png', 24]],
      'api sorted': [24, 8],
      'hits sorted': [24, 8],
      docs: [true, true],
    });
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', copy]).catch(
      (error: { stdout: string }) => assert.fail(error.stdout.slice(0, 2000)),
    );
  });

  it('gives each filter one name, and says of each field what it is', () => {
    const names = FILTERS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, doc, from, derive } of FIELDS) {
      assert.match(doc, /\.$/, name);
      assert.equal(from === 'derived', derive !== undefined, name);
    }
  });
});
