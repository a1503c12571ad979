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
  const change = async (what: string, next: string | null, more: object[] = []) => {
    const old = current === null ? fencesOf(left, alias) : [current];
    const actions = [
      ...(next === null ? [] : [{ create_alias: { alias_name: next, collection_name: collection } }]),
      ...old.map((alias_name) => ({ delete_alias: { alias_name } })),
      ...more,
    ];
    await session.call(what, (client) => client.updateCollectionAliases({ actions: actions as never }));
    current = next;
  };
  const renew = () => change(`fencing ${alias}`, `${alias}-fence-${Date.now() + LEASE_MS}`);
  const assertHeld = () => {
    if (failure === null && current !== null && timeOf(current) - Date.now() > LEASE_MS / 2) return;
    throw new SightlineError('unavailable', `the fence of ${alias} could not be kept up; nothing was switched`, {
      cause: failure,
    });
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
      await change(`pointing ${alias} to ${collection}`, null, [
        { delete_alias: { alias_name: alias } },
        { create_alias: { alias_name: alias, collection_name: collection } },
      ]);
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
