import type { Context } from 'hono';
import type { z } from 'zod';
import { HttpProblem, type ProblemDetail } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** A path into a value as a JSON pointer in URI fragment form (RFC 6901, 6). */
function jsonPointer(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => encodeURI(String(part).replaceAll('~', '~0').replaceAll('/', '~1').toWellFormed()));
  return ['#', ...parts].join('/');
}

/** Describes a value briefly, without repeating long input. */
function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') {
    return value.length > 40 ? `${value.length} characters` : JSON.stringify(value.toWellFormed());
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return String(value);
}

/** The unit of a bound, and the size of the input in it. */
function measure(origin: string, bound: unknown, input: unknown): string {
  const plural = Number(bound) === 1 ? '' : 's';
  if (origin === 'string') return ` character${plural}, got ${String(input ?? '').length}`;
  if (origin === 'array') return ` item${plural}, got ${Array.isArray(input) ? input.length : 1}`;
  return `, got ${typeof input === 'string' ? input.slice(0, 40) : describeValue(input)}`;
}

/** One sentence that says what was expected and what was received. */
function describeIssue(issue: Issue, input: unknown): string {
  const got = `, got ${describeValue(input)}`;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected}${got}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${measure(issue.origin, issue.maximum, input)}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${measure(issue.origin, issue.minimum, input)}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}${got}`;
    case 'invalid_format':
      return issue.format === 'regex' ? `${issue.message}${got}` : `expected a valid ${issue.format}${got}`;
    case 'custom':
      return issue.message;
    default:
      return `${issue.message}${got}`;
  }
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** Issues of a schema as details of a problem document; `where` says what their paths refer to. */
export function problemDetails(issues: readonly Issue[], input: unknown, where: 'body' | 'parameter'): ProblemDetail[] {
  const locate = (path: readonly PropertyKey[]) =>
    where === 'body' ? { pointer: jsonPointer(path) } : { parameter: String(path[0] ?? '').toWellFormed() };
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          ...locate([...issue.path, key]),
          detail: `expected no field with this name, got ${describeValue(key)}`,
        }))
      : [{ ...locate(issue.path), detail: describeIssue(issue, valueAt(input, issue.path)) }],
  );
}

/** The first few details in one sentence, for `detail`. */
function summary(details: readonly ProblemDetail[]): string {
  const shown = details.slice(0, 3).map(({ pointer, parameter, detail }) => `${pointer ?? parameter}: ${detail}`);
  return details.length > 3 ? `${shown.join('; ')}; and ${details.length - 3} more` : shown.join('; ');
}

/** Maximum details in a response, so that a hostile body cannot make it huge. */
const MAX_DETAILS = 50;

/** The problem for a value that fails its schema. */
function invalid(issues: readonly Issue[], input: unknown, where: 'body' | 'parameter'): HttpProblem {
  const details = problemDetails(issues, input, where);
  return new HttpProblem('invalid-input', summary(details), { errors: details.slice(0, MAX_DETAILS) });
}

/**
 * Parses a value.
 * @throws {invalid-input} with what is wrong with it
 */
export function parseOrThrow<S extends z.ZodType>(schema: S, input: unknown, where: 'body' | 'parameter'): z.output<S> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw invalid(parsed.error.issues, input, where);
  return parsed.data;
}

/** Hook of every route: answers invalid parameters with a problem document. */
export function validationHook(
  result: { success: true } | { success: false; error: z.core.$ZodError; data?: unknown; target: string },
  _c: Context,
): void {
  if (result.success) return;
  throw invalid(result.error.issues, result.data, result.target === 'json' ? 'body' : 'parameter');
}
