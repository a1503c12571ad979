import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isSightlineError } from '../../core/errors.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { loadOnce } from '../../core/util/load-once.ts';

/**
 * Sessions: a cookie that a browser sends instead of a key, because it requests pictures and event streams without
 * headers. A session is signed, so no state is kept; it ends with its key, with the browser, or when it expires.
 */
export interface Sessions {
  /** The cookie value for the key with this name. */
  open(keyName: string): Promise<string>;
  /** The name of the key for a cookie value; null when it is not valid or too old. */
  read(value: string): Promise<string | null>;
}

export const SESSION_COOKIE = 'sightline_session';

const MAX_AGE_MS = 30 * 24 * 3600 * 1000;
const SECRET_BYTES = 32;

/** Sessions signed with a secret that is created once and kept in `store`, for all processes that share it. */
export function createSessions(store: Pick<ObjectStore, 'get' | 'put'>, now: () => number = Date.now): Sessions {
  const secret = loadOnce(() => keptSecret(store));
  const sign = async (text: string) =>
    createHmac('sha256', await secret.get())
      .update(text)
      .digest('base64url');
  return {
    async open(keyName) {
      const text = `${keyName}.${(now() + MAX_AGE_MS).toString(36)}`;
      return `${text}.${await sign(text)}`;
    },
    async read(value) {
      const [keyName = '', until = '', mark = ''] = value.split('.');
      const expected = Buffer.from(await sign(`${keyName}.${until}`));
      const shown = Buffer.from(mark);
      const isOurs = shown.length === expected.length && timingSafeEqual(shown, expected);
      return isOurs && Number.parseInt(until, 36) > now() ? keyName : null;
    },
  };
}

const NAME = 'session-secret';

async function keptSecret(store: Pick<ObjectStore, 'get' | 'put'>): Promise<Uint8Array> {
  const kept = await store.get(NAME);
  if (kept !== null) return new Response(kept.body).bytes();
  const made = new Uint8Array(randomBytes(SECRET_BYTES));
  try {
    await store.put(NAME, made, { ifNoneMatch: '*' });
    return made;
  } catch (error) {
    // Another process was faster: use its secret.
    if (!isSightlineError(error, 'precondition-failed')) throw error;
    return new Response((await store.get(NAME))!.body).bytes();
  }
}
