import { endOfPrefix } from '../../files/sqlite-file.ts';
import { type Comparison, FILTERS, type NamedField } from '../../picture-fields.ts';
import type { Filter } from '../../ports.ts';
import { BEGINNING } from '../../search/lexical-terms.ts';
import { isTime, timeOf } from '../validate.ts';
import { columnOf } from './rows.ts';

/** A condition over `points AS p`, to be joined with AND, and the values of its placeholders in order. */
export interface Condition {
  readonly sql: string;
  readonly values: (string | number)[];
  /** Whether an index covers a part of it, which usually leaves few points. */
  readonly selective: boolean;
}

/**
 * SQL for a validated filter; `TRUE` for the empty one. Captions have no bucket, key, size, date and so on: their
 * columns are NULL and match no condition. Texts compare by their UTF-8 bytes.
 */
export function filterCondition(filter: Filter): Condition {
  const terms: string[] = [];
  const values: (string | number)[] = [];
  let selective = false;
  if (filter.kind !== undefined) {
    terms.push('p.kind = ?');
    values.push(filter.kind);
  }
  if (filter.words !== undefined) {
    terms.push(CALLED);
    values.push(matchOf(filter.words));
    selective = true;
  }
  if (filter.exceptWords !== undefined) {
    terms.push(`NOT ${CALLED}`);
    values.push(matchOf(filter.exceptWords));
  }
  for (const { name, comparison, field } of FILTERS) {
    const value = filter[name];
    if (value === undefined) continue;
    const term = termOf(field, comparison, value, name);
    terms.push(...term.sql);
    values.push(...term.values);
    // The empty prefix matches every key, and an empty list of tags every point.
    selective ||=
      field.selective === true && (comparison === 'any' || (value as string | readonly string[]).length !== 0);
  }
  return { sql: terms.length === 0 ? 'TRUE' : terms.join(' AND '), values, selective };
}

const CALLED = '(p.row IN (SELECT rowid FROM names WHERE names MATCH ?))';

/** Validated words as an FTS5 query: `"img" AND "05" *`. */
function matchOf(words: readonly string[]): string {
  const terms = words.map((word) => (word.endsWith(BEGINNING) ? `"${word.slice(0, -1)}" *` : `"${word}"`));
  return terms.join(' AND ');
}

const OPERATORS = { equals: '=', atLeast: '>=', atMost: '<=', below: '<' } as const;

/** One condition on a field, as parts to join with AND. */
function termOf(field: NamedField, comparison: Comparison, value: unknown, name: string): Term {
  if (comparison === 'all' || comparison === 'any') return textsTerm(field, comparison, value as readonly string[]);
  const column = columnOf(field.name);
  if (comparison === 'oneOf' || comparison === 'noneOf') {
    const isIn = `p.${column.name} IN (SELECT value FROM json_each(?))`;
    // For NULL, SQL's result is neither true nor false.
    const sql = comparison === 'oneOf' ? isIn : `${isIn} IS NOT TRUE`;
    return { sql: [sql], values: [JSON.stringify(value)] };
  }
  if (comparison === 'prefix') {
    const end = endOfPrefix(value as string);
    const from = { sql: [`p.${column.name} >= ?`], values: [value as string] };
    if (end === null) return from;
    return { sql: [...from.sql, `p.${column.name} < ?`], values: [...from.values, end] };
  }
  const operand = isTime(field.type) ? timeOf(field.type, value as string, name) : (value as string | number);
  return { sql: [`p.${column.ms ?? column.name} ${OPERATORS[comparison]} ?`], values: [operand] };
}

/** Tags are looked up in their table, other lists of texts in their column. */
function textsTerm(field: NamedField, comparison: 'all' | 'any', texts: readonly string[]): Term {
  const holds = (which: string) =>
    field.name === 'tags'
      ? `p.row IN (SELECT point FROM tags WHERE tag ${which})`
      : `EXISTS (SELECT 1 FROM json_each(p.${columnOf(field.name).name}) WHERE value ${which})`;
  if (comparison === 'all') return { sql: texts.map(() => holds('= ?')), values: [...texts] };
  return { sql: [holds('IN (SELECT value FROM json_each(?))')], values: [JSON.stringify(texts)] };
}

interface Term {
  readonly sql: readonly string[];
  readonly values: readonly (string | number)[];
}
