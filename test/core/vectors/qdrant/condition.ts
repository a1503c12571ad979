/** A point as stored by the fake. */
export interface FakePoint {
  readonly id: string;
  readonly version: number;
  /** Null for a point without a vector. */
  readonly vector: Float32Array | null;
  payload: Record<string, unknown>;
}

type Json = Record<string, unknown>;

/** A request error, in the server's words. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Whether a point matches a Qdrant filter. Supports only the conditions that the driver sends. */
export function satisfies(point: FakePoint, filter: Json | undefined): boolean {
  const all = (value: unknown) => (value === undefined ? [] : [value].flat()) as Json[];
  const { must, must_not, should, ...unknown } = filter ?? {};
  if (Object.keys(unknown).length > 0) throw new Refusal(501, `the fake knows no ${Object.keys(unknown)} in filters`);
  return (
    all(must).every((condition) => holds(point, condition, 'must')) &&
    !all(must_not).some((condition) => holds(point, condition, 'must_not')) &&
    (all(should).length === 0 || all(should).some((condition) => holds(point, condition, 'should')))
  );
}

function holds(point: FakePoint, condition: Json, where: string): boolean {
  if ('must' in condition || 'must_not' in condition || 'should' in condition) return satisfies(point, condition);
  if ('has_id' in condition) return (condition.has_id as string[]).includes(point.id);
  if ('is_empty' in condition) return valuesOf(point, (condition.is_empty as { key: string }).key).length === 0;
  const { key, match, range } = condition as { key: string; match?: Json; range?: Json };
  if (match === undefined && range === undefined) {
    const problem = 'At least one field condition must be specified [{}]';
    throw new Refusal(
      422,
      `Validation error in JSON body: [internal.filter.${where}[0].__all__: Validation error: ${problem}]`,
    );
  }
  return valuesOf(point, key).some((value) => (match ? matches(value, match) : within(value, range!)));
}

function valuesOf(point: FakePoint, key: string): unknown[] {
  const value = point.payload[key];
  return value === undefined || value === null ? [] : [value].flat();
}

function matches(value: unknown, match: Json): boolean {
  if ('value' in match) return value === match.value;
  if ('any' in match) return (match.any as unknown[]).includes(value);
  if ('prefix' in match) return String(value).startsWith(String(match.prefix));
  if ('text' in match) return words(String(value)).includes(words(String(match.text))[0]!);
  throw new Refusal(501, `the fake knows no ${Object.keys(match)} in match`);
}

const words = (text: string) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u);

/** A time in microseconds, Qdrant's precision. NaN if invalid. */
function microseconds(time: string): number {
  const [, digits = ''] = /\.\d{3}(\d{1,3})/.exec(time) ?? [];
  return Date.parse(time) * 1000 + Number(digits.padEnd(3, '0'));
}

function within(value: unknown, range: Json): boolean {
  return Object.entries(range).every(([bound, limit]) => {
    const [a, b] = typeof limit === 'string' ? [microseconds(String(value)), microseconds(limit)] : [value, limit];
    if (typeof a !== 'number' || typeof b !== 'number') return false;
    if (bound === 'lt') return a < b;
    if (bound === 'lte') return a <= b;
    if (bound === 'gt') return a > b;
    if (bound === 'gte') return a >= b;
    throw new Refusal(501, `the fake knows no ${bound} in range`);
  });
}
