import { setTimeout as sleep } from 'node:timers/promises';
import { SightlineError } from '../../errors.ts';
import type { QdrantSession } from './client.ts';
import { readAliases } from './collection.ts';

/**
 * The fence around a switch: an alias `<alias>-fence-<time>` beside the alias it guards. While there is one whose time
 * (milliseconds since 1970) is to come, no write to the live collection is acknowledged. One that a killed process left
 * behind is over by itself. Clocks of writers may differ from ours by the half of {@link LEASE_MS}.
 */

const LEASE_MS = 60_000;
const RENEWAL_MS = 10_000;

export interface Fence {
  /**
   * Makes the alias, which names another collection or, when it is the first, none, name this one, and ends the fence
   * in the same moment. Throws when it did not hold all the time.
   */
  pointAlias(is?: 'first'): Promise<void>;
  lower(): Promise<void>;
}

/** The fence that stands now: its name, or null. */
export function standingFence(aliases: ReadonlyMap<string, string>, alias: string): string | null {
  return fencesOf(aliases, alias).find((name) => timeOf(name) > Date.now()) ?? null;
}

/**
 * @throws {unavailable} when somebody else's fence stands
 */
export async function raiseFence(session: QdrantSession, alias: string, collection: string): Promise<Fence> {
  const raised = await tryFence(session, alias, collection, () => true);
  if (typeof raised !== 'string') return raised;
  const seconds = Math.ceil((timeOf(raised) - Date.now()) / 1000);
  throw new SightlineError(
    'unavailable',
    `another switch of ${alias} is under way, or was killed less than a minute ago; try again in ${seconds} s`,
  );
}

/**
 * Makes an alias name a collection unless it names one already; answers which it names then. Of several that do so at
 * once with other collections one gets it, for there is a fence around it: who sees another's lowers its own, and looks
 * again.
 */
export async function claimAlias(session: QdrantSession, alias: string, collection: string): Promise<string> {
  for (;;) {
    // Others that begin with the same collection want the same.
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
 * A fence, or the name of somebody else's that stands and is a rival by what it names. Looked for again once ours
 * stands: of two that are raised at the same moment, at least one sees the other.
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
  const fence = await RaisedFence.raise(session, alias, collection, left);
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

/** A fence of ours, renewed until it is lowered. */
class RaisedFence implements Fence {
  readonly #session: QdrantSession;
  readonly #alias: string;
  readonly #collection: string;
  /** Fences that are taken away with the next change: those whose time is over, and then our own. */
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

  /** Puts a fence up beside what `left` says, and takes those away whose time is over. */
  static async raise(
    session: QdrantSession,
    alias: string,
    collection: string,
    left: ReadonlyMap<string, string>,
  ): Promise<RaisedFence> {
    const over = fencesOf(left, alias).filter((name) => timeOf(name) <= Date.now());
    const fence = new RaisedFence(session, alias, collection, over);
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
    // Digits behind the millisecond, so that no two have one name.
    const name = `${this.#alias}-fence-${(Date.now() + LEASE_MS + Math.random()).toFixed(6)}`;
    return this.#change(`fencing ${this.#alias}`, name);
  }

  /** Replaces the fence by `next`; without one takes it away, and with `point` makes the alias name the collection. */
  async #change(what: string, next: string | null, point: Pointing = 'no'): Promise<void> {
    const actions = this.#actions(next, point);
    let tries = 0;
    await this.#session.call(what, async (client) => {
      if (tries++ > 0 && this.#current !== null) {
        // The answer to an earlier try was lost. Where it was carried out, our fence is down, and somebody else may
        // have switched since: sending it again would undo that.
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
      // Names nothing new, but fails when the collection is gone: actions are carried out one by one, and those before
      // one that fails stay done. Without it the alias would be taken away and could not be set.
      ...(point === 'again' && this.#current !== null ? [create(this.#current)] : []),
      ...(next === null ? [] : [create(next)]),
      ...this.#old.map(remove),
      ...(point === 'again' ? [remove(this.#alias)] : []),
      ...(point === 'no' ? [] : [create(this.#alias)]),
    ];
  }

  #lost(): SightlineError {
    return new SightlineError('unavailable', `the fence of ${this.#alias} could not be kept up; nothing was switched`, {
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
