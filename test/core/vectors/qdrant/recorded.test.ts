import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type FakeQdrant, startFakeQdrant } from '../../../support/fake-qdrant.ts';
import { RECORDING, type RecordedCall } from './recording.ts';

/** Parts of Qdrant that the driver does not use and the fake does not implement. */
const BEYOND = new Set([
  'query recommend',
  'delete payload keys',
  'overwrite payload',
  'strict mode',
  'strict: unindexed filter',
  'strict: limit',
]);
/** Fields that differ between servers. */
const OPAQUE = new Set(['operation_id', 'version', 'commit', 'time', 'data_type']);
/** Recorded without `wait`, which the driver always sends. */
const UNAWAITED = 'upsert 1 without wait';
/** Responses whose limit cuts through equal scores. */
const CUT_TIES = new Set(['query zero vector', 'query batch']);
const SCORE_TOLERANCE = 1e-6;

/** Checks the fake Qdrant of the tests against the recording: the same calls in the same order. */
describe('the fake Qdrant answers as the real one did', () => {
  let open: FakeQdrant;
  let locked: FakeQdrant;
  before(async () => {
    open = await startFakeQdrant();
    locked = await startFakeQdrant({ apiKey: 'secret' });
  });
  after(async () => {
    await open.stop();
    await locked.stop();
  });

  for (const call of RECORDING.filter(({ note }) => !BEYOND.has(note))) {
    it(call.note, async () => {
      const { status, body } = await replay(call, call.note.startsWith('api key') ? locked.url : open.url);
      const expected = call.response;
      assert.equal(status, expected.status, JSON.stringify(body));
      if (call.note === UNAWAITED) return;
      if (/^info/.test(call.note)) return assertVectorsConfig(body, expected.body);
      const seen = CUT_TIES.has(call.note) ? scoresOnly : withTiesSorted;
      assertSame(seen(body), seen(expected.body), call.note);
    });
  }

  it('leaves out only what it says', () => {
    const notes = new Set(RECORDING.map(({ note }) => note));
    for (const note of BEYOND) assert.ok(notes.has(note), note);
  });
});

async function replay({ note, request }: RecordedCall, url: string): Promise<{ status: number; body: unknown }> {
  const keys: Record<string, string> = { 'api key: wrong': 'other', 'api key: right': 'secret' };
  const key = keys[note];
  const answer = await fetch(url + request.path, {
    method: request.method,
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'api-key': key }) },
    body:
      request.body === undefined
        ? undefined
        : typeof request.body === 'string'
          ? request.body
          : JSON.stringify(request.body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text,
  };
}

/** Most of a collection's description is irrelevant here. */
function assertVectorsConfig(actual: unknown, expected: unknown): void {
  const vectors = (body: unknown) =>
    (body as { result: { config: { params: { vectors: unknown } } } }).result.config.params.vectors;
  assert.deepEqual(vectors(actual), vectors(expected));
}

/** Removes the identity of hits: where a limit cuts through ties, any of them may be returned. */
function scoresOnly(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body, (key, value) => (key === 'id' ? undefined : value)));
}

function assertSame(actual: unknown, expected: unknown, path: string): void {
  if (typeof expected === 'number') {
    assert.ok(
      Math.abs((actual as number) - expected) <= SCORE_TOLERANCE,
      `${path}: expected ${expected}, got ${actual}`,
    );
  } else if (typeof expected === 'string') {
    const withoutColumn = (text: unknown) => String(text).replace(/ at line \d+ column \d+$/, '');
    assert.equal(withoutColumn(actual), withoutColumn(expected), path);
  } else if (typeof expected === 'object' && expected !== null) {
    const keys = Object.keys(expected).filter((key) => !OPAQUE.has(key));
    assert.deepEqual(
      Object.keys((actual ?? {}) as object)
        .filter((key) => !OPAQUE.has(key))
        .sort(),
      keys.sort(),
      path,
    );
    for (const key of keys) {
      assertSame(
        (actual as Record<string, unknown>)[key],
        (expected as Record<string, unknown>)[key],
        `${path}.${key}`,
      );
    }
  } else {
    assert.equal(actual, expected, path);
  }
}

/** Hits of equal score, and facets of equal count, are in no particular order. */
function withTiesSorted(body: unknown): unknown {
  const lists = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (!Array.isArray(value))
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, lists(inner)]));
    const items = value.map(lists) as { id?: string; value?: string; score?: number; count?: number }[];
    const rank = (item: (typeof items)[number]) => item?.score ?? item?.count;
    if (items.length === 0 || typeof rank(items[0]!) !== 'number') return items;
    const name = (item: (typeof items)[number]) => item.id ?? item.value ?? '';
    return items.toSorted((a, b) => {
      const difference = rank(b)! - rank(a)!;
      return Math.abs(difference) > SCORE_TOLERANCE ? difference : name(a) < name(b) ? -1 : 1;
    });
  };
  return lists(body);
}
