import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, it } from 'node:test';
import { type ErrorCode, isSightlineError } from '../../../../core/errors.ts';
import { openDatabase } from '../../../../core/files/sqlite-file.ts';
import type { Filter, StoredPoint } from '../../../../core/ports.ts';
import { VECTOR_INDEX } from '../../../../core/vectors/sqlite/schema.ts';
import { openEmbeddedStore } from '../../../../core/vectors/sqlite/store.ts';
import { DIMENSION, image, randomPoints, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const random = seededRandom(12);
let folder: string;
let file: string;

beforeEach(() => {
  folder = tempFolder();
  file = join(folder, 'index.sqlite');
});

const open = (overrides: Partial<Parameters<typeof openEmbeddedStore>[0]> = {}) =>
  openEmbeddedStore({ file, space: 'test', dimension: DIMENSION, threads: 1, ...overrides });

/** Rejected with this code and a message that contains all of this. */
async function refuses(work: () => Promise<unknown>, code: ErrorCode, says: readonly string[]): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isSightlineError(error, code), `expected ${code}, got ${error}`);
    for (const part of says) assert.ok(error.message.includes(part), `expected "${part}" in: ${error.message}`);
    return true;
  });
}

async function fill(count: number): Promise<void> {
  const store = await open();
  await store.upsert(randomPoints(random, count), 'newer');
  await store.close();
}

/** Changes the file behind the store's back. */
function tamper(sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

describe('opening the embedded store', () => {
  it('refuses a file of another space or dimension, naming both, and loses nothing', async () => {
    await fill(5);
    await refuses(() => open({ space: 'other' }), 'space-mismatch', ['test', 'other', file]);
    await refuses(() => open({ dimension: 32 }), 'space-mismatch', ['32', '64', file]);
    const store = await open();
    assert.equal(await store.count({}), 5);
    await store.close();
  });

  it('keeps another collection of the same file apart', async () => {
    await fill(5);
    const next = await open({ alias: 'next', space: 'other', dimension: 8 });
    const vector = unit(random, 8);
    await next.upsert([{ id: uuid(1), vector, payload: image({ tags: ['only here'] }) }], 'newer');
    const live = await open();
    assert.equal(await next.count({}), 1);
    assert.equal(await live.count({}), 5);
    assert.equal((await next.query({ vector, filter: {}, limit: 10 })).items.length, 1);
    assert.equal((await live.list({ filter: {}, limit: 10, order: 'id' })).items.length, 5);
    assert.deepEqual(await next.facet('tags', {}, 10), [{ value: 'only here', count: 1 }]);
    assert.equal(await live.count({ tagsAny: ['only here'] }), 0);
    await next.close();
    await live.close();
  });

  it('refuses another schema version, naming both', async () => {
    await fill(1);
    const before = new DatabaseSync(file).prepare('PRAGMA user_version').get()?.user_version;
    tamper('PRAGMA user_version = 99');
    await refuses(open, 'schema-mismatch', [`version ${before}`, 'version 99', file]);
    tamper(`PRAGMA user_version = ${before}`);
    await (await open()).close();
  });

  it('has another version when it has another schema', () => {
    const schema = createHash('sha256').update(VECTOR_INDEX.schema.replace(/\s+/g, ' ')).digest('hex').slice(0, 16);
    // If this fails, the schema changed: raise VERSION in schema.ts, so that files are migrated.
    assert.deepEqual({ version: VECTOR_INDEX.version, schema }, { version: 22, schema: 'df816a08e73dc61c' });
  });

  it('gives an index of an older version what the schema has by now, also where only an index is new', async () => {
    await fill(10);
    const tables = () => {
      const db = new DatabaseSync(file);
      const all = db.prepare('SELECT name FROM sqlite_schema ORDER BY name').all();
      db.close();
      return all.map(({ name }) => name);
    };
    const before = tables();
    tamper('DROP INDEX points_by_content; DROP INDEX points_by_taken_at');
    tamper(`PRAGMA user_version = ${VECTOR_INDEX.version - 1}`);
    await (await open()).close();
    assert.deepEqual(tables(), before);
  });

  it('brings an index of the first version up to date in place, and keeps a copy of it', async () => {
    tamper(readFileSync(new URL('../../../fixtures/vector-index-1.sql', import.meta.url), 'utf8'));
    const told: number[] = [];
    const { version } = VECTOR_INDEX;
    const migrated = openDatabase(file, VECTOR_INDEX, ({ done, of }) => told.push(done / of));
    assert.equal(migrated.prepare('PRAGMA user_version').get()?.user_version, version);
    migrated.close();
    assert.deepEqual([told[0], told.at(-1)], [0, 1]);
    openDatabase(file, VECTOR_INDEX, () => assert.fail('it was brought up to date before')).close();
    const store = await open({ dimension: 4 });
    assert.equal(await store.count({}), 3);
    const { payload } = (await store.get([uuid(1)])).get(uuid(1)) as StoredPoint;
    assert.deepEqual(payload, {
      ...image({ key: 'trips/rome/a.jpg', width: 480, height: 640, tags: ['dog', 'beach'], sequencer: '0a' }),
      takenAt: '2024-01-01T00:30:00.000Z',
    });
    // Derived fields can be queried at once; fields that must be read from the file are known to be missing.
    const keys = async (filter: Filter) =>
      (await store.list({ filter, limit: 10, order: 'id' })).items.map(({ id }) => id);
    assert.deepEqual(await keys({ folder: 'trips/rome' }), [uuid(1)]);
    assert.deepEqual(await keys({ orientation: 'portrait' }), [uuid(1)]);
    assert.deepEqual(await keys({ metadataBelow: 1 }), [uuid(1), uuid(2)]);
    assert.deepEqual(await keys({ words: ['rome', 'beach'] }), [uuid(1)]);
    assert.deepEqual(await keys({ takenAfter: '2024-01-01', takenBefore: '2024-01-01T23:59:59.999' }), [uuid(1)]);
    assert.equal((await store.get([uuid(4)])).get(uuid(4))?.deleted, true);
    const vector = (await store.vectors([uuid(3)])).get(uuid(3))!;
    assert.equal((await store.query({ vector, filter: {}, limit: 1 })).items[0]?.id, uuid(3));
    await store.close();
    const copy = new DatabaseSync(`${file}.version-1`, { readOnly: true });
    assert.equal(copy.prepare('PRAGMA user_version').get()?.user_version, 1);
    assert.equal(copy.prepare('SELECT count(*) AS n FROM points').get()?.n, 3);
    copy.close();
  });

  it('refuses the database of another program and leaves it as it was', async () => {
    tamper("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    const before = readFileSync(file);
    await refuses(open, 'schema-mismatch', [file, 'another program']);
    assert.deepEqual(readFileSync(file), before);
  });

  it('refuses what is no database and leaves it as it was', async () => {
    for (const content of ['short', 'a long text, '.repeat(1000)]) {
      writeFileSync(file, content);
      await refuses(open, 'schema-mismatch', [file, 'not a database', 'move it away']);
      assert.equal(readFileSync(file, 'utf8'), content);
    }
  });

  it('takes an empty file for a new one', async () => {
    writeFileSync(file, '');
    await fill(3);
    const store = await open();
    assert.equal(await store.count({}), 3);
    await store.close();
  });

  it('refuses a damaged file, saying what to do', async () => {
    await fill(500);
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 4096, bytes.length);
    writeFileSync(file, bytes);
    await refuses(open, 'schema-mismatch', [file, 'restore it']);
  });

  it('refuses vectors of the wrong size in the file', async () => {
    await fill(3);
    tamper("UPDATE slots SET vector = x'00000000' WHERE slot = 1");
    await refuses(open, 'schema-mismatch', [file, '768 bytes', '516 bytes', 'damaged']);
  });

  it('says when the file cannot be opened', async () => {
    await refuses(() => open({ file: join(folder, 'no', 'folder.sqlite') }), 'unavailable', ['folder.sqlite']);
    mkdirSync(file);
    await refuses(open, 'unavailable', [file]);
    writeFileSync(join(folder, 'plain'), '');
    await refuses(() => open({ file: join(folder, 'plain', 'index.sqlite') }), 'unavailable', ['index.sqlite']);
  });

  it('is made once when two open it at the same time', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    await Promise.all(stores.map((store, i) => store.upsert(randomPoints(random, 10, i * 100), 'newer')));
    for (const store of stores) {
      assert.equal(await store.count({}), 30);
      await store.close();
    }
  });

  it('closes once what is under way is done, and refuses what comes later', async () => {
    const store = await open();
    const writing = store.upsert(randomPoints(random, 600), 'newer');
    const closing = store.close();
    assert.equal((await writing).length, 600);
    await closing;
    await store.close();
    await refuses(() => store.count({}), 'unavailable', ['closed', file]);
    const again = await open();
    assert.equal(await again.count({}), 600);
    await again.close();
  });
});

describe('a failed write', () => {
  it('leaves disk and memory as they were', async () => {
    const store = await open();
    const points = randomPoints(random, 700);
    await store.upsert(points.slice(0, 10), 'newer');
    tamper(`CREATE TRIGGER trap BEFORE INSERT ON points WHEN NEW.id = '${points[650]!.id}'
      BEGIN SELECT RAISE (ABORT, 'sprung'); END`);
    const replaced = points.map((point) => ({ ...point, payload: { ...point.payload, sequencer: '1' } }));
    await assert.rejects(() => store.upsert(replaced, 'newer'), /sprung/);
    for (const seen of [store, await open()]) {
      assert.equal(await seen.count({}), 10);
      assert.equal(await seen.count({ indexedAfter: '2000-01-01' }), 10);
      const { items } = await seen.query({ vector: points[0]!.vector, filter: {}, limit: 100 });
      assert.equal(items.length, 10);
      assert.ok(items.every(({ payload }) => payload.sequencer === ''));
    }
    tamper('DROP TRIGGER trap');
    assert.ok((await store.upsert(replaced, 'newer')).every((answer) => answer === 'written'));
    assert.equal(await store.count({}), 700);
    await store.close();
  });
});
