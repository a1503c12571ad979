import assert from 'node:assert/strict';
import { z } from 'zod';

/** The parts of an OpenAPI document that tests use. */
export interface Operation {
  readonly security?: readonly unknown[];
  readonly summary?: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Record<string, unknown> }[];
  readonly requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  readonly responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Record<string, unknown> }> }
  >;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Record<string, unknown>>; securitySchemes: Record<string, unknown> };
}

/** All operations of a document. */
export function operations(document: OpenApiDocument): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/**
 * Makes a validator of a schema in the document, with references resolved. Two things that zod cannot read are omitted:
 * relative references, which it does not accept as URLs, and alternatives that only list required fields.
 */
function validatorOf(document: OpenApiDocument, schema: Record<string, unknown>): z.ZodType {
  const onlyRequired = (value: unknown) =>
    Array.isArray(value) && value.every((one) => Object.keys(one as object).join() === 'required');
  const portable = (root: unknown) =>
    JSON.parse(
      JSON.stringify(root, (name, value) => {
        if ((name === 'oneOf' || name === 'anyOf') && onlyRequired(value)) return undefined;
        return name === 'format' && value === 'uri-reference' ? undefined : value;
      }).replaceAll('#/components/schemas/', '#/$defs/'),
    );
  return z.fromJSONSchema({ ...portable(schema), $defs: portable(document.components.schemas) });
}

/** Fails unless the document describes this response: its status, its media type and, for JSON, its content. */
export function assertDescribed(
  document: OpenApiDocument,
  { method, path }: { method: string; path: string },
  answer: { status: number; contentType: string | null; body: unknown },
): void {
  const where = `${method} ${path} -> ${answer.status} ${answer.contentType}`;
  const operation = document.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, `${where}: the operation is not described`);
  const response = operation.responses[answer.status];
  assert.ok(response, `${where}: the status is not described`);
  if (answer.contentType === null) {
    assert.equal(response.content, undefined, where);
    return;
  }
  const type = answer.contentType.split(';')[0]!;
  const described = Object.entries(response.content ?? {}).find(
    ([name]) => name === type || (name.endsWith('/*') && type.startsWith(name.slice(0, -1))),
  );
  assert.ok(described, `${where}: the media type is not described`);
  if (!type.includes('json')) return;
  const parsed = validatorOf(document, described[1].schema).safeParse(answer.body);
  assert.ok(parsed.success, `${where}: ${JSON.stringify(parsed.error?.issues)} in ${JSON.stringify(answer.body)}`);
}

/** Whether a value matches a component of the document. */
export function fitsComponent(document: OpenApiDocument, name: string, value: unknown): boolean {
  return validatorOf(document, { $ref: `#/components/schemas/${name}` }).safeParse(value).success;
}
