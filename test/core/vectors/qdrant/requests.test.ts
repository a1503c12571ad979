import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openQdrantSpaces } from '../../../../core/vectors/qdrant/spaces.ts';
import { DIMENSION, FILTERS, image, randomPoints, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';
import { type FakeQdrant, startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { openQdrantStore } from './open.ts';
import { RECORDING } from './recording.ts';

type Json = Record<string, unknown>;
interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** Documented by Qdrant but not recorded. */
const NOT_RECORDED = new Set([
  // Filtering, "Has id": excludes ids from a query.
  'condition has_id',
  // Filtering, "Range": the other three bounds are recorded.
  'condition range.lte',
  // The schema of UpsertOperation is that of PUT points: conditions of several sequencers in one request.
  'POST /collections/*/points/batch?wait=true operations.upsert.update_filter',
  // Query API: a batch of queries, none with a `query`, so they return points ordered by id.
  'POST /collections/*/points/query/batch searches.with_vector',
  'POST /collections/*/points/query/batch searches.with_payload',
  // Facet counts accept a filter like every read.
  'POST /collections/*/facet filter',
  // The client adds this to every scroll.
  'POST /collections/*/points/scroll with_vector',
  // Integer index, "parameterized": only for equality.
  'PUT /collections/*/index?wait=true field_schema.lookup',
  'PUT /collections/*/index?wait=true field_schema.range',
]);
/** Documented in Qdrant's "Filtering", one condition each. */
const FIELDS_OF_A_CONDITION = ['match', 'range'];
/** Values whose keys are data, not part of the request's structure. */
const DATA = new Set(['payload', 'vector', 'query', 'ids']);
const FILTERS_IN = new Set(['filter', 'update_filter']);

/** The structure of a request: method, path, keys of its body, and kinds of conditions in it. */
function formOf({ method, path, body }: Request): string[] {
  const route = `${method} ${path.replace(/(\/collections\/)(?!aliases)[^/?]+/, '$1*').replace(/[0-9a-f-]{36}$/, '*')}`;
  const parts = new Set([route]);
  const visit = (value: unknown, at: string) => {
    if (Array.isArray(value)) for (const item of value) visit(item, at);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const name = at === '' ? key : `${at}.${key}`;
        parts.add(`${route} ${name}`);
        if (FILTERS_IN.has(key))
          for (const condition of conditionsOf(inner as Json)) parts.add(`condition ${condition}`);
        else if (!DATA.has(key)) visit(inner, name);
      }
    }
  };
  visit(body, '');
  return [...parts];
}

function conditionsOf(filter: Json): string[] {
  return Object.entries(filter).flatMap(([clause, value]) => [
    clause,
    ...([value].flat() as Json[]).flatMap((condition) => {
      if ('must' in condition || 'should' in condition) return conditionsOf(condition);
      const field = FIELDS_OF_A_CONDITION.find((name) => name in condition);
      if (field === undefined) return Object.keys(condition);
      return Object.keys(condition[field] as Json).map((operator) => `${field}.${operator}`);
    }),
  ]);
}

describe('the requests of the Qdrant driver', () => {
  const recorded = new Set(RECORDING.flatMap(({ request }) => formOf(request)));
  const used = new Set<string>();
  let server: FakeQdrant;
  before(async () => {
    server = await startFakeQdrant();
  });
  after(() => server.stop());

  it('are made of what a real server answered', async () => {
    await exercise(server.url);
    assert.ok(server.calls.length > 200, `${server.calls.length} calls`);
    for (const call of server.calls) {
      for (const part of formOf(call)) {
        used.add(part);
        assert.ok(recorded.has(part) || NOT_RECORDED.has(part), `not recorded: ${part}\n${JSON.stringify(call.body)}`);
      }
    }
  });

  it('need every exception that is made for them', () => {
    assert.deepEqual(
      [...NOT_RECORDED].filter((part) => !used.has(part)),
      [],
    );
    assert.deepEqual(
      [...NOT_RECORDED].filter((part) => recorded.has(part)),
      [],
    );
  });

  it('are the recorded ones, word for word, where nothing varies', () => {
    const sent = (note: string) => {
      const { request } = RECORDING.find((call) => call.note === note)!;
      const path = request.path.replace(/space-[ab]/, 'sightline-one');
      return server.calls.some((call) => {
        return (
          call.method === request.method && call.path === path && equal(withoutFence(call.body), renamed(request.body))
        );
      });
    };
    const notes = ['version', 'collection missing', 'create', 'collections', 'aliases', 'alias create', 'alias switch'];
    const indexes = ['kind', 'tags', 'contentType', 'bytes', 'takenAt', 'indexedAt', 'seqHi', 'seqLo'];
    for (const note of [...notes, ...indexes.map((field) => `index ${field}`), 'delete collection']) {
      assert.ok(sent(note), `expected the request recorded as "${note}"`);
    }
  });

  it('compare sequencers as recorded', () => {
    const conditions = RECORDING.filter(({ note }) => note.startsWith('conditional'));
    assert.equal(conditions.length, 4);
    const upserts = server.calls.filter(({ body }) => (body as Json | undefined)?.update_filter !== undefined);
    const form = (body: unknown) => JSON.stringify((body as Json).update_filter).replace(/\d+/g, 'N');
    const forms = new Set(upserts.map(({ body }) => form(body)));
    for (const { request } of conditions) assert.ok(forms.has(form(request.body)), form(request.body));
  });
});

/** Calls every method with every option. */
async function exercise(url: string): Promise<void> {
  const random = seededRandom(11);
  const store = await openQdrantStore({ url, space: 'one', dimension: DIMENSION });
  const points = randomPoints(random, 40);
  await store.upsert(points, 'newer');
  await store.upsert(
    points.slice(0, 3).map((point, i) => ({ ...point, payload: image({ sequencer: `A${i}` }) })),
    'not-older',
  );
  await store.upsert([{ ...points[9]!, payload: image({ sequencer: 'F'.repeat(64) }) }], 'not-older');
  await store.remove([{ id: uuid(5), sequencer: 'A', deletedAt: '2026-01-01' }], 'newer');
  await store.get([uuid(1), uuid(5)]);
  await store.vectors([uuid(1)]);
  await store.lookUp([uuid(1), uuid(5)], ['a'.repeat(64), 'b'.repeat(64)]);
  await store.copies(['a'.repeat(64), 'b'.repeat(64)], 10);
  await store.setTags(uuid(1), ['x']);
  const again = [1, 2, 5, 77].map((id) => ({ ...points[9]!, id: uuid(id), payload: image({ sequencer: 'B' }) }));
  await store.upsert(again, 'newer', { keepTags: true });
  for (const filter of FILTERS) {
    const query = { vector: unit(random), filter, limit: 2, minScore: -0.5, exclude: [uuid(3)] };
    const { next } = await store.query(query);
    if (next !== undefined) await store.query({ ...query, cursor: next });
    for (const order of ['id', 'newest'] as const) {
      const page = await store.list({ filter, limit: 2, order });
      if (page.next !== undefined) await store.list({ filter, limit: 2, order, cursor: page.next });
    }
    await store.count(filter);
    await store.facet('tags', filter, 2);
  }
  await store.purgeTombstones('2027-01-01');
  await store.close();
  const spaces = await openQdrantSpaces({ url });
  await spaces.list();
  const candidate = await spaces.openCandidate('two', DIMENSION);
  await candidate.differences(null, 10);
  await candidate.switch(async () => {});
  await candidate.close();
  await spaces.drop('one');
  await spaces.close();
}

/** The switch lifts its fence in the same request: one more action, of a recorded kind. */
function withoutFence(body: unknown): unknown {
  const { actions, ...rest } = (body ?? {}) as { actions?: unknown[] };
  if (!Array.isArray(actions)) return body;
  return { ...rest, actions: actions.filter((action) => !JSON.stringify(action).includes('-fence-')) };
}

const renamed = (body: unknown): unknown =>
  body === undefined
    ? undefined
    : JSON.parse(JSON.stringify(body).replaceAll('space-a', 'sightline-one').replaceAll('space-b', 'sightline-two'));

function equal(actual: unknown, expected: unknown): boolean {
  try {
    assert.deepEqual(actual, expected);
    return true;
  } catch {
    return false;
  }
}
