import { dot } from '../../../../core/util/vector-arithmetic.ts';
import { type FakePoint, Refusal, satisfies } from './condition.ts';

type Json = Record<string, unknown>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** One collection of the fake server: exactly what Qdrant 1.18.3 answered in the recording. */
export class FakeCollection {
  readonly size: number;
  readonly indexes = new Map<string, unknown>();
  readonly points = new Map<string, FakePoint>();
  readonly #config: Json;
  readonly #strict: boolean;
  #operation = 0;
  #shuffles = 0;

  constructor(config: Json, strict = false) {
    this.#config = config;
    this.#strict = strict;
    this.size = (config.vectors as { size: number }).size;
  }

  info(): Json {
    const payload_schema = Object.fromEntries(
      [...this.indexes].map(([field, schema]) => [field, { data_type: typeOf(schema), points: 0 }]),
    );
    const params = { vectors: this.#config.vectors, replication_factor: this.#config.replication_factor ?? 1 };
    const { quantization_config } = this.#config;
    return { status: 'green', points_count: this.points.size, config: { params, quantization_config }, payload_schema };
  }

  index({ field_name, field_schema }: Json): Json {
    this.indexes.set(field_name as string, field_schema);
    return this.#done();
  }

  upsert({ points, update_filter }: Json): Json {
    const incoming = points as { id: unknown; vector?: unknown; payload?: Json }[];
    if (incoming.length === 0) throw new Refusal(400, 'Bad request: Empty update request');
    const checked = incoming.map(({ id, vector, payload }) => {
      if (vector === undefined) throw new Refusal(400, 'Format error in JSON body: missing field `vector`');
      return { id: pointId(id), vector: this.#vector(vector), payload: payload ?? {} };
    });
    this.#checkIndexed(update_filter);
    const done = this.#done();
    for (const point of checked) {
      const there = this.points.get(point.id);
      // Conditions apply to stored points; new points are always inserted.
      if (there === undefined || satisfies(there, update_filter as Json | undefined)) {
        this.points.set(point.id, { ...point, version: this.#operation });
      }
    }
    return done;
  }

  delete(selector: Json): Json {
    for (const { id } of this.#selected(selector)) this.points.delete(id);
    return this.#done();
  }

  setPayload({ payload, ...selector }: Json): Json {
    for (const id of (selector.points as string[] | undefined) ?? []) {
      if (!this.points.has(id)) throw new Refusal(404, `Not found: No point with id ${id} found`);
    }
    for (const point of this.#selected(selector)) point.payload = { ...point.payload, ...(payload as Json) };
    return this.#done();
  }

  retrieve({ ids, with_payload, with_vector }: Json): Json[] {
    return (ids as string[]).flatMap((id) => {
      const point = this.points.get(id);
      return point === undefined ? [] : [record(point, with_payload, with_vector)];
    });
  }

  query(request: Json): Json {
    const { query, filter, limit, offset, score_threshold, with_payload } = request;
    checkCount('limit', limit);
    // Without a query, points are ordered by id (Qdrant, "Query API").
    if (query === undefined) return this.scroll({ ...request, with_vector: request.with_vector ?? false });
    const vector = this.#queryVector(query);
    const hits = this.#matching(filter)
      .filter(({ id }) => id !== query)
      .flatMap((point) => (point.vector ? [{ point, score: Math.fround(dot(vector, point.vector)) }] : []))
      // As on the server: only higher scores, and any order within equal ones.
      .filter(({ score }) => score_threshold === undefined || score > Math.fround(score_threshold as number))
      .sort((a, b) => b.score - a.score || this.#tieBreak(a.point.id) - this.#tieBreak(b.point.id));
    this.#shuffles++;
    const from = (offset as number | undefined) ?? 0;
    return {
      points: hits.slice(from, from + (limit as number)).map(({ point, score }) => ({
        id: point.id,
        version: point.version,
        score: shortest(score),
        ...(with_payload === undefined || with_payload === false
          ? {}
          : { payload: selected(point.payload, with_payload) }),
      })),
    };
  }

  scroll({ filter, limit, offset, order_by, with_payload, with_vector }: Json): Json {
    checkCount('limit', limit);
    if (order_by !== undefined) return this.#ordered(order_by as Json, filter, limit as number, with_payload);
    if (offset !== undefined) pointId(offset);
    const points = this.#matching(filter)
      .filter(({ id }) => offset === undefined || id >= (offset as string))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = points.slice(0, limit as number).map((point) => record(point, with_payload, with_vector));
    return { points: page, next_page_offset: points[limit as number]?.id ?? null };
  }

  count({ filter }: Json): Json {
    return { count: this.#matching(filter).length };
  }

  facet({ key, filter, limit = 10 }: Json): Json {
    if (typeOf(this.indexes.get(key as string)) !== 'keyword') {
      throw new Refusal(
        400,
        `Wrong input: No appropriate index for faceting: \`${key}\`. Please create one to facet on this field. ` +
          'Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload ' +
          'schemas support Match conditions',
      );
    }
    const counts = new Map<string, number>();
    for (const { payload } of this.#matching(filter)) {
      for (const value of new Set([payload[key as string] ?? []].flat() as string[])) {
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    const hits = [...counts].map(([value, count]) => ({ value, count }));
    hits.sort((a, b) => b.count - a.count || this.#tieBreak(a.value) - this.#tieBreak(b.value));
    return { hits: hits.slice(0, limit as number) };
  }

  #ordered(orderBy: Json, filter: unknown, limit: number, withPayload: unknown): Json {
    const { key, direction, start_from } = orderBy as { key: string; direction?: string; start_from?: string };
    if (!['datetime', 'integer', 'float'].includes(typeOf(this.indexes.get(key)))) {
      throw new Refusal(
        400,
        `Wrong input: No range index for \`order_by\` key: \`${key}\`. Please create one to use \`order_by\`. ` +
          'Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload ' +
          'schemas support Range conditions',
      );
    }
    const sign = direction === 'desc' ? -1 : 1;
    const from = start_from === undefined ? undefined : Date.parse(start_from) * 1000;
    const points = this.#matching(filter)
      .filter(({ payload }) => payload[key] !== undefined && payload[key] !== null)
      .map((point) => ({ point, value: Date.parse(String(point.payload[key])) * 1000 }))
      .filter(({ value }) => from === undefined || sign * (value - from) >= 0)
      // Recorded: the direction also applies to ids with equal values.
      .sort((a, b) => sign * (a.value - b.value || (a.point.id < b.point.id ? -1 : 1)));
    return {
      points: points
        .slice(0, limit)
        .map(({ point, value }) => ({ ...record(point, withPayload, false), order_value: value })),
      next_page_offset: null,
    };
  }

  #done(): Json {
    this.#operation++;
    return { operation_id: this.#operation, status: 'completed' };
  }

  /** Recorded: "strict: unindexed filter". */
  #checkIndexed(filter: unknown): void {
    if (!this.#strict) return;
    for (const [, key] of JSON.stringify(filter ?? {}).matchAll(/"key":"(\w+)"/g)) {
      if (this.indexes.has(key!)) continue;
      throw new Refusal(
        400,
        `Bad request: Index required but not found for "${key}" of one of the following types: any`,
      );
    }
  }

  #matching(filter: unknown): FakePoint[] {
    this.#checkIndexed(filter);
    return [...this.points.values()].filter((point) => satisfies(point, filter as Json | undefined));
  }

  #selected({ points, filter }: Json): FakePoint[] {
    if (points === undefined) return this.#matching(filter);
    return (points as string[]).flatMap((id) => this.points.get(id) ?? []);
  }

  #queryVector(query: unknown): Float32Array {
    if (typeof query !== 'string') return this.#vector(query)!;
    const point = this.points.get(query);
    if (!point?.vector) throw new Refusal(404, `Not found: No point with id ${query} found`);
    return point.vector;
  }

  /** Normalised, as cosine collections store it. */
  #vector(value: unknown): Float32Array | null {
    if (JSON.stringify(value) === '{}') return null;
    if (!Array.isArray(value)) throw new Refusal(501, 'the fake knows only plain vectors');
    if (value.length !== this.size) {
      throw new Refusal(400, `Wrong input: Vector dimension error: expected dim: ${this.size}, got ${value.length}`);
    }
    const vector = Float32Array.from(value);
    const squared = dot(vector, vector);
    return squared === 0 || Math.abs(squared - 1) < 1e-6 ? vector : vector.map((x) => x / Math.sqrt(squared));
  }

  /** Changes the order of ties in every response, to catch code that relies on it. */
  #tieBreak(text: string): number {
    let hash = this.#shuffles;
    for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
    return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  }
}

function typeOf(schema: unknown): string {
  return typeof schema === 'string' ? schema : String((schema as { type?: string } | undefined)?.type);
}

function checkCount(name: string, value: unknown): void {
  if (typeof value === 'number' && value < 0) {
    throw new Refusal(
      400,
      `Format error in JSON body: invalid value: integer \`${value}\`, expected usize at line 1 column 556`,
    );
  }
  if (value === 0)
    throw new Refusal(422, `Validation error in JSON body: [internal.${name}: value 0 invalid, must be 1 or larger]`);
}

export function pointId(id: unknown): string {
  if (typeof id === 'string' && UUID.test(id)) return id;
  throw new Refusal(
    400,
    `Format error in JSON body: value ${id} is not a valid point ID, valid values are either an unsigned ` +
      'integer or a UUID',
  );
}

export function record(point: FakePoint, withPayload: unknown, withVector: unknown): Json {
  return {
    id: point.id,
    ...(withPayload === false ? {} : { payload: selected(point.payload, withPayload) }),
    ...(withVector === true ? { vector: point.vector ? Array.from(point.vector, shortest) : {} } : {}),
  };
}

function selected(payload: Json, fields: unknown): Json {
  if (!Array.isArray(fields)) return payload;
  return Object.fromEntries(Object.entries(payload).filter(([name]) => fields.includes(name)));
}

/** The shortest decimal number that parses to the same float32, as the server prints it. */
function shortest(x: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === Math.fround(x)) return short;
  }
  return Number(x.toPrecision(9));
}
