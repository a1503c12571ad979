import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openExpiryClock } from '../core/files/expiry-clock.ts';
import { unavailable } from '../core/files/file-errors.ts';
import { openFolder } from '../core/objects/folder/store.ts';
import { discardedFiles } from '../core/objects/folder/trash.ts';
import type { ObjectStore } from '../core/ports.ts';
import type { Config } from '../core/settings.ts';
import { createTrash, type Trash } from '../core/trash.ts';
import { createSessions, type Sessions } from '../functions/http/session-cookie.ts';
import type { Runtime } from './composition-root.ts';
import { trashedFiles } from './data-folder.ts';

const HOUR_MS = 3600 * 1000;

/**
 * The trash of this machine.
 * @throws {unavailable} when its folder cannot be made
 */
export async function openTrash(
  config: Config,
  { buckets, failures, index, live }: Pick<Runtime, 'buckets' | 'failures' | 'index' | 'live'>,
): Promise<Trash> {
  const records = await openOwn(config, 'trash', 'records');
  const keepDays = config.trashDays;
  const now = openExpiryClock(join(config.data, 'trash', 'time.json'), keepDays * 24 * HOUR_MS);
  const nearby = discardedFiles(trashedFiles(config), config);
  return createTrash({ records, buckets, nearby, failures, index, onLiveSpace: live.write, keepDays, now });
}

/**
 * The browser sessions of this machine, which survive a restart.
 * @throws {unavailable}
 */
export async function openSessions(config: Config): Promise<Sessions> {
  return createSessions(await openOwn(config, 'sessions'));
}

/** A folder in the data folder for the program's own objects. */
async function openOwn({ data }: Config, ...names: string[]): Promise<ObjectStore> {
  const root = join(data, ...names);
  await mkdir(root, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw unavailable(error, 'make the folder', root);
  });
  return openFolder({ root, bucket: names[0] });
}

/** Deletes expired trash now and every hour, until stopped; never in a read-only server, whose stores refuse it. */
export function emptyRegularly({ readOnly }: Config, trash: Trash, onFault: (error: unknown) => void): () => void {
  if (readOnly) return () => {};
  const empty = () => trash.empty('expired').catch(onFault);
  void empty();
  const timer = setInterval(empty, HOUR_MS).unref();
  return () => clearInterval(timer);
}
