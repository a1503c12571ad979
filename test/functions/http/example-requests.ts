import { jsonRequest, samplePhoto } from './harness.ts';
import type { OpenApiDocument, Operation } from './openapi-checks.ts';

type Schema = Record<string, unknown>;

const filledIn = (schema: Schema) => schema.example ?? schema.default;

/** The URL of an operation with all parameters filled in. `ids` supplies ids by the first part of the path. */
export function addressOf(
  path: string,
  { parameters = [] }: Operation,
  ids: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: where, schema } of parameters) {
    const value = (where === 'path' && ids[path.split('/')[1]!]) || filledIn(schema);
    if (where === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (value !== undefined && where === 'query') query.set(name, String(value));
  }
  return query.size === 0 ? filled : `${filled}?${query}`;
}

/**
 * The requests that "Try it out" and "Execute" at /docs would send: one per described body, or one without a body. Only
 * files must be chosen by hand.
 */
export async function requestsOf(
  document: OpenApiDocument,
  method: string,
  { requestBody }: Operation,
): Promise<RequestInit[]> {
  const resolved = (schema: Schema): Schema =>
    typeof schema.$ref === 'string' ? document.components.schemas[schema.$ref.split('/').at(-1)!]! : schema;
  const photo = await samplePhoto('coffee.jpg');
  const contents = Object.entries(requestBody?.content ?? {});
  if (contents.length === 0) return [{ method }];
  return contents.flatMap(([type, { schema }]): RequestInit[] => {
    const forms = (schema.anyOf as Schema[] | undefined)?.map(resolved) ?? [resolved(schema)];
    if (type === 'application/json') return forms.map(({ example }) => jsonRequest(method, example));
    if (type !== 'multipart/form-data') {
      return type === 'application/x-www-form-urlencoded'
        ? []
        : [{ method, headers: { 'content-type': 'image/jpeg' }, body: photo }];
    }
    const body = new FormData();
    for (const [name, field] of Object.entries(forms[0]!.properties as Record<string, Schema>)) {
      const value = filledIn(field);
      const list = field.items as Schema | undefined;
      if (value !== undefined) body.set(name, String(value));
      else if ((list ?? field).format === 'binary') body.set(name, new File([photo], 'coffee.jpg'));
    }
    return [{ method, body }];
  });
}
