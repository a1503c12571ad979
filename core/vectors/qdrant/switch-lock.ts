import { setTimeout as sleep } from 'node:timers/promises';
import { SightlineError } from '../../errors.ts';
import type { QdrantSession } from './client.ts';
import { readAliases } from './collection.ts';

/**
 * The fence around a switch: an alias `<alias>-fence-<time>` next to the alias it guards. Until that time (milliseconds
 * since 1970) no write to the live collection is acknowledged. A fence left by a killed process expires. Clocks of
 * writers may differ from ours by up to half of {@link LEASE_MS}.
 */

const LEASE_MS = 60_000;
const RENEWAL_MS = 10_000;

/** The name of the current fence, or null. */
export function activeFence(aliases: ReadonlyMap<string, string>, alias: string): string | null {
  return fencesOf(aliases, alias).find((name) => timeOf(name) > Date.now()) ?? null;
}

/**
 * @throws {unavailable} when another process has a fence
 */
export async function raiseFence(session: QdrantSession, alias: string, collection: string): Promise<Fence> {
  const raised = await tryFence(session, alias, collection, () => true);
  if (typeof raised !== 'string') return raised;
  const seconds = Math.ceil((timeOf(raised) - Date.now()) / 1000);
  throw new SightlineError(
    'unavailable',
    `another switch of ${alias} is in progress, or was killed less than a minute ago; try again in ${seconds} s`,
  );
}

/**
 * Points an alias at a collection unless it exists already; returns the collection it names. If several processes try
 * with different collections, a fence makes one of them win: a process that sees another's fence lowers its own and
 * checks again.
 */
export async function claimAlias(session: QdrantSession, alias: string, collection: string): Promise<string> {
  for (;;) {
    // Processes that start with the same collection are not rivals.
    const fence = await tryFence(session, alias, collection, (target) => target !== collection);
    if (typeof fence !== 'string') {
      try {
        const named = (await readAliases(session)).get(alias);
        if (named !== undefined) return named;
        await fence.pointAlias('first');
        return collection;
      } finally {
        await fence.lower();
      }
    }
    await sleep(20 + 100 * Math.random());
    const named = (await readAliases(session)).get(alias);
    if (named !== undefined) return named;
  }
}

/**
 * Our fence, or the name of a rival process's fence. Checked again after ours is raised: of two raised at the same
 * moment, at least one process sees the other.
 */
async function tryFence(
  session: QdrantSession,
  alias: string,
  collection: string,
  isRival: (target: string) => boolean,
): Promise<Fence | string> {
  const rivalOf = (aliases: ReadonlyMap<string, string>, own: string | null) =>
    fencesOf(aliases, alias).find((name) => name !== own && timeOf(name) > Date.now() && isRival(aliases.get(name)!)) ??
    null;
  const left = await readAliases(session);
  const early = rivalOf(left, null);
  if (early !== null) return early;
  const fence = await Fence.raise(session, alias, collection, left);
  try {
    const late = rivalOf(await readAliases(session), fence.name);
    if (late === null) return fence;
    await fence.lower();
    return late;
  } catch (error) {
    await fence.lower();
    throw error;
  }
}

type Pointing = 'no' | 'first' | 'again';

/** Our fence, renewed until it is lowered. */
class Fence {
  readonly #session: QdrantSession;
  readonly #alias: string;
  readonly #collection: string;
  /** Fences to remove with the next change: expired ones, and then our own. */
  #old: readonly string[];
  #current: string | null = null;
  #failure: unknown = null;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();

  private constructor(session: QdrantSession, alias: string, collection: string, old: readonly string[]) {
    this.#session = session;
    this.#alias = alias;
    this.#collection = collection;
    this.#old = old;
  }

  /** Raises a fence and removes expired ones. */
  static async raise(
    session: QdrantSession,
    alias: string,
    collection: string,
    left: ReadonlyMap<string, string>,
  ): Promise<Fence> {
    const over = fencesOf(left, alias).filter((name) => timeOf(name) <= Date.now());
    const fence = new Fence(session, alias, collection, over);
    await fence.#renew();
    fence.#timer = setInterval(() => {
      fence.#renewing = fence.#renewing
        .then(() => fence.#renew())
        .catch((error: unknown) => {
          fence.#failure = error;
        });
    }, RENEWAL_MS);
    return fence;
  }

  get name(): string | null {
    return this.#current;
  }

  /**
   * Points the alias at this collection and removes the fence, atomically. Pass `first` when the alias does not exist
   * yet.
   * @throws {unavailable} if the fence was not in place all the time
   */
  async pointAlias(is?: 'first'): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    const isHeld =
      this.#failure === null && this.#current !== null && timeOf(this.#current) - Date.now() > LEASE_MS / 2;
    if (!isHeld) throw this.#lost();
    await this.#change(`pointing ${this.#alias} to ${this.#collection}`, null, is ?? 'again');
  }

  async lower(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    if (this.#current !== null) await this.#change(`unfencing ${this.#alias}`, null).catch(() => {});
  }

  #renew(): Promise<void> {
    // Random fractions of a millisecond make names unique.
    const name = `${this.#alias}-fence-${(Date.now() + LEASE_MS + Math.random()).toFixed(6)}`;
    return this.#change(`fencing ${this.#alias}`, name);
  }

  /** Replaces the fence by `next`, or removes it if null; with `point` also points the alias at the collection. */
  async #change(what: string, next: string | null, point: Pointing = 'no'): Promise<void> {
    const actions = this.#actions(next, point);
    let tries = 0;
    await this.#session.call(what, async (client) => {
      if (tries++ > 0 && this.#current !== null) {
        // The response to an earlier attempt was lost. If it succeeded, our fence is gone and another process may have
        // switched since: repeating it would undo that.
        const { aliases } = await client.getAliases();
        const names = new Map(aliases.map((each) => [each.alias_name, each.collection_name]));
        if (!names.has(this.#current)) {
          const isPointed = point === 'no' || names.get(this.#alias) === this.#collection;
          if (next === null ? isPointed : names.has(next)) return;
          throw this.#lost();
        }
      }
      await client.updateCollectionAliases({ actions: actions as never });
    });
    this.#current = next;
    this.#old = next === null ? [] : [next];
  }

  #actions(next: string | null, point: Pointing): object[] {
    const create = (alias_name: string) => ({ create_alias: { alias_name, collection_name: this.#collection } });
    const remove = (alias_name: string) => ({ delete_alias: { alias_name } });
    return [
      // Changes nothing, but fails if the collection is gone: actions run one by one, and those before a failed one
      // stay done. Without this the alias would be deleted and could not be set.
      ...(point === 'again' && this.#current !== null ? [create(this.#current)] : []),
      ...(next === null ? [] : [create(next)]),
      ...this.#old.map(remove),
      ...(point === 'again' ? [remove(this.#alias)] : []),
      ...(point === 'no' ? [] : [create(this.#alias)]),
    ];
  }

  #lost(): SightlineError {
    return new SightlineError('unavailable', `the fence of ${this.#alias} could not be renewed; nothing was switched`, {
      cause: this.#failure,
    });
  }
}

function fencesOf(aliases: ReadonlyMap<string, string>, alias: string): string[] {
  return [...aliases.keys()].filter(
    (name) => /^-fence-\d+(\.\d+)?$/.test(name.slice(alias.length)) && name.startsWith(alias),
  );
}

function timeOf(fence: string): number {
  return Number(fence.slice(fence.lastIndexOf('-') + 1));
}
