import { SightlineError } from '../errors.ts';
import { FILTERS, type FieldName, type FieldType, type NamedField, STORED_FIELDS } from '../picture-fields.ts';
import type { Filter, Point, Tombstone, VectorQuery } from '../ports.ts';
import { isQueryWord, MAX_QUERY_WORDS } from '../search/lexical-terms.ts';
import type { JointEmbedding, Payload } from '../types.ts';
import { norm } from '../util/vector-arithmetic.ts';

/**
 * The checks of every vector store, in one place, so that no driver is laxer than another. All of them throw
 * `invalid-input` and say what was expected and what came.
 */

/** RFC 9562 in canonical form, which sorts as text like its number. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SEQUENCER = /^[0-9a-fA-F]{0,64}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;
/** Maximum deviation from unit length, as float16 arithmetic leaves it; beyond it the vector was not normalised. */
const UNIT_TOLERANCE = 1e-3;
/** A float32 vector this close to unit length counts as normalised and is kept bit by bit. */
const EXACT_UNIT_TOLERANCE = 1e-6;
const MAX_STORE_PAGE = 1000;
const MAX_VALUES = 100;

const quoted = (value: unknown) => JSON.stringify(value)?.slice(0, 100);

export function checkId(id: string): void {
  if (!UUID.test(id)) throw invalid(`expected a UUID in lower case as id, got ${quoted(id)}`);
}

export function checkIds(ids: readonly string[]): void {
  for (const id of ids) checkId(id);
}

/** Checks a whole query. Returns its unit vector. */
export function checkQuery({ vector, limit, filter, exclude = [], minScore = 0 }: VectorQuery, dimension: number) {
  checkLimit(limit);
  checkFilter(filter);
  if (exclude.length > MAX_VALUES) throw invalid(`expected at most ${MAX_VALUES} excluded ids, got ${exclude.length}`);
  checkIds(exclude);
  if (!Number.isFinite(minScore)) throw invalid(`expected a number as minimum score, got ${minScore}`);
  return unitVector(vector, dimension, 'the query');
}

export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_STORE_PAGE) {
    throw invalid(`expected a limit from 1 to ${MAX_STORE_PAGE}, got ${limit}`);
  }
}

/** A copy of the vector with unit length in float32; the same components if it already has that. */
export function unitVector(vector: Float32Array, dimension: number, what: string): JointEmbedding {
  if (vector.length !== dimension) {
    throw invalid(`expected ${dimension} components, got ${vector.length} in ${what}`);
  }
  const length = norm(vector);
  if (!Number.isFinite(length)) throw invalid(`expected finite components, got others in ${what}`);
  if (Math.abs(length - 1) > UNIT_TOLERANCE) {
    throw invalid(`expected a vector of length 1, got length ${length.toPrecision(6)} in ${what}`);
  }
  const divisor = Math.abs(length - 1) <= EXACT_UNIT_TOLERANCE ? 1 : length;
  return vector.map((x) => x / divisor) as JointEmbedding;
}

/** Checks a whole batch before any of it is written. Returns the unit vectors in order. */
export function checkPoints(points: readonly Point[], dimension: number): JointEmbedding[] {
  checkUnique(points);
  return points.map(({ id, vector, payload }) => {
    checkPayload(id, payload);
    return unitVector(vector, dimension, `the vector of ${id}`);
  });
}

export function checkTombstones(tombstones: readonly Omit<Tombstone, 'deleted'>[]): void {
  checkUnique(tombstones);
  for (const { id, sequencer, deletedAt } of tombstones) {
    checkSequencer(sequencer, id);
    instantOf(deletedAt, `deletedAt of ${id}`);
  }
}

function checkUnique(items: readonly { id: string }[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    checkId(id);
    if (seen.has(id)) throw invalid(`expected each id once in a call, got ${id} twice`);
    seen.add(id);
  }
}

function checkPayload(id: string, payload: Payload): void {
  const { kind } = payload;
  if (kind !== 'image' && kind !== 'caption') {
    throw invalid(`expected kind image or caption, got ${quoted(payload)} for ${id}`);
  }
  if (kind === 'caption') checkText(payload.caption, `caption of ${id}`);
  for (const field of STORED_FIELDS) {
    if (kind === 'image' || field.ofCaptions)
      checkValue(field, (payload as Partial<Record<FieldName, unknown>>)[field.name], id);
  }
}

function checkValue({ name, type, values, absent }: NamedField, value: unknown, id: string): void {
  const what = `${name} of ${id}`;
  if (value === null && absent === null) return;
  if (type === 'integer') {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return;
    throw invalid(`expected a whole number as ${what}, got ${value}`);
  }
  if (type === 'number') {
    if (Number.isFinite(value)) return;
    throw invalid(`expected a number as ${what}, got ${value}`);
  }
  if (type === 'texts') {
    for (const text of value as readonly string[]) checkNamed(text, values, what);
  } else if (type === 'sequencer') checkSequencer(value as string, id);
  else if (isTime(type)) timeOf(type, value as string, what);
  else checkNamed(value as string, values, what);
}

/** @param values the only ones allowed, if limited */
function checkNamed(text: string, values: readonly string[] | undefined, what: string): void {
  checkText(text, what);
  if (values !== undefined && !values.includes(text)) {
    throw invalid(`expected one of ${values.join(', ')} as ${what}, got ${quoted(text)}`);
  }
}

export function checkTags(tags: readonly string[]): void {
  for (const tag of tags) checkText(tag, 'tag');
}

/** No store can hold a lone surrogate (it has no UTF-8), nor a NUL in all of its indexes. */
function checkText(text: string, what: string): void {
  if (typeof text !== 'string' || !text.isWellFormed() || text.includes('\0')) {
    throw invalid(`expected well-formed Unicode text without NUL as ${what}, got ${quoted(text)}`);
  }
}

function checkSequencer(sequencer: string, id: string): void {
  if (!SEQUENCER.test(sequencer)) {
    throw invalid(`expected at most 64 hexadecimal digits as sequencer of ${id}, got ${quoted(sequencer)}`);
  }
}

export function checkFilter(filter: Filter): void {
  for (const name of ['words', 'exceptWords'] as const) {
    const words = filter[name];
    if (words !== undefined && (words.length < 1 || words.length > MAX_QUERY_WORDS || !words.every(isQueryWord))) {
      throw invalid(`expected 1 to ${MAX_QUERY_WORDS} words in lower case as ${name}, got ${quoted(words)}`);
    }
  }
  for (const { name, comparison, field } of FILTERS) {
    const value: unknown = filter[name];
    if (value === undefined) continue;
    if (comparison === 'all' || comparison === 'any' || comparison === 'oneOf' || comparison === 'noneOf') {
      const texts = value as readonly string[];
      if (texts.length > MAX_VALUES) throw invalid(`expected at most ${MAX_VALUES} ${name}, got ${texts.length}`);
      for (const text of texts) checkText(text, name);
    } else if (field.type === 'integer' || field.type === 'number') {
      if (!Number.isFinite(value)) throw invalid(`expected a number as ${name}, got ${value}`);
    } else if (isTime(field.type)) timeOf(field.type, value as string, name);
    else checkText(value as string, name);
  }
}

/** Types whose values are times. */
export function isTime(type: FieldType): type is 'instant' | 'local-time' {
  return type === 'instant' || type === 'local-time';
}

/**
 * The number that times are compared by. For an instant, milliseconds since 1970; for a local time, the same as if its
 * clock showed UTC, so that the same local day is the same day everywhere. A `Z` after a local time stands for a lost
 * offset: the first version stored pictures that way, most of them without an offset.
 */
export function timeOf(type: 'instant' | 'local-time', iso: string, what: string): number {
  const instant = instantOf(iso, what);
  return type === 'instant' ? instant : instantOf(iso.replace(/(T.*?)(Z|[+-]\d{2}:\d{2})$/, '$1'), what);
}

/** Milliseconds since 1970 of an ISO 8601 date or date and time; UTC when it names no zone. */
export function instantOf(iso: string, what: string): number {
  const match = INSTANT.exec(iso);
  const zoned = match?.[1] === undefined || match[4] !== undefined ? iso : `${iso}Z`;
  const instant = match === null ? Number.NaN : Date.parse(zoned);
  if (Number.isNaN(instant)) throw invalid(`expected an ISO 8601 date as ${what}, got ${quoted(iso)}`);
  return instant;
}

function invalid(message: string): SightlineError {
  return new SightlineError('invalid-input', message);
}
