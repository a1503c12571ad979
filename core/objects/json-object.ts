import { SightlineError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';

/**
 * The JSON stored under a key and its etag; null when there is none.
 * @throws {schema-mismatch} when it is not JSON
 */
export async function readJsonObject(
  store: Pick<ObjectStore, 'get'>,
  key: string,
): Promise<{ readonly value: unknown; readonly etag: string } | null> {
  const object = await store.get(key);
  if (object === null) return null;
  const value: unknown = await new Response(object.body).json().catch((cause: unknown) => {
    throw cause instanceof SyntaxError
      ? new SightlineError('schema-mismatch', `expected ${key} to hold JSON`, { cause })
      : cause;
  });
  return { value, etag: object.info.etag };
}

/**
 * Stores a value as JSON.
 * @throws {precondition-failed} when `ifNoneMatch` or `ifMatch` does not hold
 * @throws {unavailable}
 */
export async function writeJsonObject(
  store: Pick<ObjectStore, 'put'>,
  key: string,
  value: unknown,
  condition: { readonly ifMatch?: string; readonly ifNoneMatch?: '*' } = {},
): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify(value));
  await store.put(key, body, { contentType: 'application/json', ...condition });
}
