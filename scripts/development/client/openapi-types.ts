import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

/** The parts of JSON Schema that this API's OpenAPI document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly description?: string;
}

export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const head = `// Made from /openapi.json by \`npm run client\`; do not edit.
`;

/** The files of the client that name types of the API. */
const USERS = ['client.ts', 'transport.ts'].map((name) => new URL(`../../../web/${name}`, import.meta.url));

/**
 * TypeScript declarations of the component schemas that the client names, and of those that they refer to, sorted by
 * name.
 */
export function typesOf(document: OpenApiDocument): string {
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const declarations = new Map(
    schemas.map(([name, schema]) => [name, `export type ${name} = ${shortestType(schema, schemas)};\n`]),
  );
  const used = new Set<string>();
  const use = (code: string) => {
    for (const [name] of code.matchAll(/\b[A-Z]\w+/g)) {
      if (used.has(name) || !declarations.has(name)) continue;
      used.add(name);
      use(declarations.get(name)!);
    }
  };
  for (const user of USERS) use(readFileSync(user, 'utf8'));
  const kept = schemas.filter(([name]) => used.has(name));
  return [head, ...kept.map(([name, schema]) => comment(schema, '') + declarations.get(name))].join('\n');
}

/** With fewer common fields, naming another type hides more than it saves. */
const LEAST_COMMON = 4;
/** The same where fields of that type have to be left out. */
const LEAST_COMMON_OF_SOME = 10;

/** A schema with the fields of another one, and more, as that one and the rest: an `ImageHit` is an `Image`. */
function shortestType(schema: Schema, all: readonly (readonly [name: string, schema: Schema])[]): string {
  const { properties = {}, required = [] } = schema;
  const field = (of: Schema, name: string) => [of.properties?.[name], of.required?.includes(name)];
  const bases = all.flatMap(([name, one]) => {
    const fields = Object.keys(one.properties ?? {});
    const common = fields.filter((each) => isDeepStrictEqual(field(one, each), field(schema, each)));
    const others = fields.filter((each) => !common.includes(each));
    const least = others.length === 0 ? LEAST_COMMON : LEAST_COMMON_OF_SOME;
    const left = others.map((each) => JSON.stringify(each)).join(' | ');
    const type = others.length === 0 ? name : `Omit<${name}, ${left}>`;
    return common.length < least || fields.length >= Object.keys(properties).length ? [] : [{ type, common }];
  });
  const [base] = bases.sort((a, b) => b.common.length - a.common.length);
  if (base === undefined) return typeOf(schema, '');
  const own = Object.entries(properties).filter(([name]) => !base.common.includes(name));
  return `${base.type} & ${objectType({ required, properties: Object.fromEntries(own) }, '')}`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = (schema.oneOf ?? schema.anyOf)?.filter(isType);
  if (choices && choices.length > 0) return choices.map((choice) => typeOf(choice, indent)).join(' | ');
  const parts = schema.allOf?.filter(isType) ?? [];
  if (parts.length > 0) {
    const own = schema.properties ? [objectType(schema, indent)] : [];
    return [...parts.map((part) => typeOf(part, indent)), ...own].join(' & ');
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const written = new Set(types.map((type) => plainType(type, schema, indent)));
  return written.size === 0 ? 'unknown' : [...written].join(' | ');
}

/** Alternatives that only list required fields are not separate types. */
function isType(schema: Schema): boolean {
  return Object.keys(schema).some((name) => name !== 'required');
}

function plainType(type: string, schema: Schema, indent: string): string {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      const item = typeOf(schema.items ?? {}, indent);
      return /[|&\s]/.test(item) ? `readonly (${item})[]` : `readonly ${item}[]`;
    }
    case 'object':
      return objectType(schema, indent);
    default:
      return type;
  }
}

function objectType(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : '?';
    const key = /^[\w$]+$/.test(name) ? name : JSON.stringify(name);
    return `${comment(field, inner)}${inner}readonly ${key}${optional}: ${typeOf(field, inner)};\n`;
  });
  const more = schema.additionalProperties;
  if (typeof more === 'object' && fields.length === 0) {
    return `{ readonly [name: string]: ${typeOf(more, indent)} }`;
  }
  if (typeof more === 'object' || more === true) fields.push(`${inner}readonly [name: string]: unknown;\n`);
  return fields.length === 0 ? '{}' : `{\n${fields.join('')}${indent}}`;
}

function comment({ description }: Schema, indent: string): string {
  const text = description?.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ').trim();
  return text ? `${indent}/** ${text} */\n` : '';
}
