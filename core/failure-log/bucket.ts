import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isSightlineError, SightlineError } from '../errors.ts';
import { readJsonObject, writeJsonObject } from '../objects/json-object.ts';
import type { Failure, FailureLog, ListedObject, ObjectStore } from '../ports.ts';
import type { Page } from '../types.ts';
import { everyItem } from '../util/paginate.ts';

/**
 * The failure log as small objects, for functions that share a bucket and no disk:
 *
 *     failures/<id>.json                    the failure, and the name of its entry
 * failures-dismissed/<id>.json a dismissed failure, without an entry
 *     failures-by-time/<time>_<id>_<random> its entry, latest first in key order; empty
 *
 * The entry is written before the failure and the old entry deleted after it, so a crash in between leaves at most an
 * entry that no failure names. `list` skips those, and deletes them once they are old.
 */

const FAILURES = 'failures/';
const ENTRIES = 'failures-by-time/';
const DISMISSED = 'failures-dismissed/';
/** After this time a write has finished or was abandoned. */
const STALE_ENTRY_MS = 3_600_000;
/** Attempts to write one id under contention; one writer succeeds in each round. */
const MAX_ROUNDS = 20;
/** Milliseconds since 1970, in the year 2286: all times until then have as many digits. */
const LAST_TIME = 9_999_999_999_999;

const storedSchema = z.object({
  entry: z.string(),
  failure: z.object({
    id: z.string(),
    bucket: z.string(),
    key: z.string(),
    etag: z.string(),
    sequencer: z.string(),
    reason: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    attempts: z.number().int().min(1),
    firstAt: z.string(),
    lastAt: z.string(),
  }),
});

type Stored = z.infer<typeof storedSchema>;

/**
 * Opens the log in `objects`, which should hold nothing else: the pictures' bucket would send an event for every
 * failure.
 */
export function openObjectFailureLog(objects: ObjectStore, now: () => Date = () => new Date()): FailureLog {
  return {
    record: (failure, { dismissed = false } = {}) => record(objects, failure, dismissed, now),

    async get(id) {
      const found = (await read(objects, failureKey(id))) ?? (await read(objects, dismissedKey(id)));
      return found?.stored.failure ?? null;
    },

    async resolve(id) {
      const isListed = await takeOff(objects, id);
      const isDismissed = (await read(objects, dismissedKey(id))) !== null;
      if (isDismissed) await objects.delete(dismissedKey(id));
      return isListed || isDismissed;
    },

    async dismiss(id) {
      const found = await read(objects, failureKey(id));
      if (found === null) return (await read(objects, dismissedKey(id))) !== null;
      // Before it is removed from the list, so that a crash in between leaves it listed.
      await writeJsonObject(objects, dismissedKey(id), { ...found.stored, entry: '' });
      return takeOff(objects, id);
    },

    async list({ limit, cursor, dismissed = false, within }) {
      const prefix = dismissed ? DISMISSED : ENTRIES;
      const readOne = async (object: ListedObject) => {
        if (!dismissed) return readEntry(objects, object, now().getTime());
        return (await read(objects, object.key))?.stored.failure ?? null;
      };
      const isAskedFor = ({ bucket, key }: Failure) =>
        within === undefined || (bucket === within.bucket && key.startsWith(within.keyPrefix ?? ''));
      for (let at = cursor; ; ) {
        const page: Page<ListedObject> = await objects.list({ prefix, limit, cursor: at });
        const found = await Promise.all(page.items.map(readOne));
        const items = found.filter((failure) => failure !== null && isAskedFor(failure)) as Failure[];
        if (page.next === undefined) return { items };
        if (items.length > 0) return { items, next: page.next };
        at = page.next;
      }
    },

    async count(reason) {
      if (reason !== undefined) return countOf(this, reason);
      const list = (cursor?: string) => objects.list({ prefix: FAILURES, limit: 1000, cursor });
      return (await Array.fromAsync(everyItem(list))).length;
    },

    // The bucket belongs to the caller.
    async close() {},
  };
}

/** See {@link FailureLog.record}: one attempt a round, as other processes may write the same failure. */
async function record(
  objects: ObjectStore,
  failure: Parameters<FailureLog['record']>[0],
  isDismissed: boolean,
  now: () => Date,
): Promise<Failure> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = await read(objects, failureKey(failure.id));
    const dismissed = before === null ? await read(objects, dismissedKey(failure.id)) : null;
    const at = now();
    const next = nextFailure(failure, (before ?? dismissed)?.stored.failure, at.toISOString());
    if (dismissed?.stored.failure.etag === failure.etag) {
      if (await write(objects, dismissedKey(failure.id), { entry: '', failure: next }, dismissed.etag)) return next;
      continue;
    }
    if (isDismissed) {
      // Before it is removed from the list, as in `dismiss`.
      await writeJsonObject(objects, dismissedKey(failure.id), { entry: '', failure: next });
      await takeOff(objects, failure.id);
      return next;
    }
    const entry = await nextEntry(objects, at, failure.id);
    await objects.put(entry, new Uint8Array());
    if (await write(objects, failureKey(failure.id), { entry, failure: next }, before?.etag)) {
      if (before !== null) await objects.delete(before.stored.entry);
      if (dismissed !== null) await objects.delete(dismissedKey(failure.id));
      return next;
    }
    await objects.delete(entry);
  }
  throw new SightlineError('unavailable', `too many writers at once on the failure ${failure.id}`);
}

async function countOf(log: FailureLog, reason: string): Promise<number> {
  let count = 0;
  for (const dismissed of [false, true]) {
    const failures = everyItem((cursor) => log.list({ limit: 1000, cursor, dismissed }));
    for await (const failure of failures) if (failure.reason === reason) count++;
  }
  return count;
}

/** Deletes a failure and its entry; false when there is none. */
async function takeOff(objects: ObjectStore, id: string): Promise<boolean> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = await read(objects, failureKey(id));
    if (found === null) return false;
    try {
      await objects.delete(failureKey(id), { ifMatch: found.etag });
      await objects.delete(found.stored.entry);
      return true;
    } catch (error) {
      if (!isSightlineError(error, 'precondition-failed')) throw error;
    }
  }
  throw new SightlineError('unavailable', `too many writers at once on the failure ${id}`);
}

function nextFailure(
  failure: Omit<Failure, 'attempts' | 'firstAt' | 'lastAt'>,
  before: Failure | undefined,
  at: string,
): Failure {
  const again = before !== undefined && before.etag === failure.etag ? before : null;
  return { ...failure, attempts: (again?.attempts ?? 0) + 1, firstAt: again?.firstAt ?? at, lastAt: at };
}

function failureKey(id: string): string {
  return `${FAILURES}${id}.json`;
}

function dismissedKey(id: string): string {
  return `${DISMISSED}${id}.json`;
}

/**
 * A key before all others, so that the latest is listed first: digits that count down. They follow the clock, unless it
 * stands still or goes back; concurrent writers may get the same digits.
 */
async function nextEntry(objects: ObjectStore, at: Date, id: string): Promise<string> {
  const [latest] = (await objects.list({ prefix: ENTRIES, limit: 1 })).items;
  const taken = latest === undefined ? 0 : LAST_TIME - Number(latest.key.slice(ENTRIES.length).split('_')[0]);
  const time = Math.max(at.getTime(), taken + 1);
  return `${ENTRIES}${String(LAST_TIME - time).padStart(13, '0')}_${id}_${randomUUID()}`;
}

async function read(objects: ObjectStore, key: string): Promise<{ stored: Stored; etag: string } | null> {
  const found = await readJsonObject(objects, key);
  if (found === null) return null;
  const parsed = storedSchema.safeParse(found.value);
  if (!parsed.success) {
    throw new SightlineError('schema-mismatch', `expected ${key} to hold a failure, got something else`);
  }
  return { stored: parsed.data, etag: found.etag };
}

/** False when another process has written since it was read. */
async function write(objects: ObjectStore, key: string, stored: Stored, etag: string | undefined): Promise<boolean> {
  try {
    await writeJsonObject(objects, key, stored, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag });
    return true;
  } catch (error) {
    if (isSightlineError(error, 'precondition-failed')) return false;
    throw error;
  }
}

/** The failure of an entry; null when no failure names it. */
async function readEntry(
  objects: ObjectStore,
  entry: { key: string; lastModified: Date },
  now: number,
): Promise<Failure | null> {
  const found = await read(objects, failureKey(entry.key.slice(ENTRIES.length).split('_')[1] ?? ''));
  if (found?.stored.entry === entry.key) return found.stored.failure;
  if (now - entry.lastModified.getTime() > STALE_ENTRY_MS) await objects.delete(entry.key);
  return null;
}
