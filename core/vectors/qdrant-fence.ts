import { SightlineError } from '../errors.ts';
import type { QdrantSession } from './qdrant-client.ts';
import { readAliases } from './qdrant-collection.ts';

/**
 * The fence around a switch: an alias `<alias>-fence-<time>` beside the alias it guards. While there is one whose time
 * (milliseconds since 1970) is to come, no write to the live collection is acknowledged. One that a killed process left
 * behind is over by itself. Clocks of writers may differ from ours by the half of {@link LEASE_MS}.
 */

const LEASE_MS = 60_000;
const RENEWAL_MS = 10_000;

export interface Fence {
  /** Makes the alias name the collection, and ends the fence in the same moment. Throws when it did not hold all the time. */
  pointAlias(): Promise<void>;
  lower(): Promise<void>;
}

/** The fence that stands now: its name, or null. */
export function standingFence(aliases: ReadonlyMap<string, string>, alias: string): string | null {
  return fencesOf(aliases, alias).find((name) => timeOf(name) > Date.now()) ?? null;
}

/** Throws `unavailable` when somebody else's fence stands. */
export async function raiseFence(session: QdrantSession, alias: string, collection: string): Promise<Fence> {
  const left = await readAliases(session);
  if (standingFence(left, alias) !== null) {
    const seconds = Math.ceil((timeOf(standingFence(left, alias)!) - Date.now()) / 1000);
    throw new SightlineError(
      'unavailable',
      `another switch of ${alias} is under way, or was killed less than a minute ago; try again in ${seconds} s`,
    );
  }
  let current: string | null = null;
  let failure: unknown = null;
  const lost = () =>
    new SightlineError('unavailable', `the fence of ${alias} could not be kept up; nothing was switched`, {
      cause: failure,
    });
  /** Replaces the fence by `next`; without one takes it away, and with `point` makes the alias name the collection. */
  const change = async (what: string, next: string | null, point = false) => {
    const old = current === null ? fencesOf(left, alias) : [current];
    const actions = [
      ...(next === null ? [] : [{ create_alias: { alias_name: next, collection_name: collection } }]),
      ...old.map((alias_name) => ({ delete_alias: { alias_name } })),
      ...(point ? [{ delete_alias: { alias_name: alias } }] : []),
      ...(point ? [{ create_alias: { alias_name: alias, collection_name: collection } }] : []),
    ];
    let tries = 0;
    await session.call(what, async (client) => {
      if (tries++ > 0 && current !== null) {
        // The answer to an earlier try was lost. Where it was carried out, our fence is down, and somebody else may have
        // switched since: sending it again would undo that.
        const { aliases } = await client.getAliases();
        const names = new Map(aliases.map((each) => [each.alias_name, each.collection_name]));
        const isDone = next === null ? !point || names.get(alias) === collection : names.has(next);
        if (!names.has(current) && isDone) return;
        if (!names.has(current)) throw lost();
      }
      await client.updateCollectionAliases({ actions: actions as never });
    });
    current = next;
  };
  const renew = () => change(`fencing ${alias}`, `${alias}-fence-${Date.now() + LEASE_MS}`);
  const assertHeld = () => {
    if (failure === null && current !== null && timeOf(current) - Date.now() > LEASE_MS / 2) return;
    throw lost();
  };
  await renew();
  const timer = setInterval(() => {
    renewing = renewing.then(renew).catch((error: unknown) => {
      failure = error;
    });
  }, RENEWAL_MS);
  let renewing: Promise<void> = Promise.resolve();
  return {
    async pointAlias() {
      clearInterval(timer);
      await renewing;
      assertHeld();
      await change(`pointing ${alias} to ${collection}`, null, true);
    },
    async lower() {
      clearInterval(timer);
      await renewing;
      if (current !== null) await change(`unfencing ${alias}`, null).catch(() => {});
    },
  };
}

function fencesOf(aliases: ReadonlyMap<string, string>, alias: string): string[] {
  return [...aliases.keys()].filter((name) => /^-fence-\d+$/.test(name.slice(alias.length)) && name.startsWith(alias));
}

function timeOf(fence: string): number {
  return Number(fence.slice(fence.lastIndexOf('-') + 1));
}
