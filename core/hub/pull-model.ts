import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageEncoderEntry, ModelFile, TextEncoderEntry } from '../encode/manifest-encoder.ts';
import { verifyFile } from '../encode/model-files.ts';
import { LOCK_FILE, type ModelLock, pinned, readLock } from '../encode/model-lock.ts';
import { isSightlineError, SightlineError } from '../errors.ts';
import { unavailable } from '../files/file-errors.ts';
import { withFileLock } from '../files/file-lock.ts';
import { writeJsonFile } from '../files/json-file.ts';
import { type HubOptions, type HubRepo, resolveRevision } from './client.ts';
import { downloadFile } from './download.ts';

/**
 * Pulls models that are not bundled from the hub into the folder where serving looks for them. The first pull writes
 * sizes and hashes to lock.json; every later one, on any machine, must match them.
 */

export type Encoder = (TextEncoderEntry | ImageEncoderEntry) & { readonly name: string };

/** Files of an encoder with sizes and hashes from the manifest, or otherwise from the lock. */
export function pinnedFiles(encoder: Encoder, lock: ModelLock): ModelFile[] {
  const { others, ...named } = encoder.files;
  return [...Object.values(named), ...others].map((file) => pinned(file, encoder.name, lock));
}

/** `missing` when there are no files, `altered` with the reason when they are different. */
export type ModelState = { readonly state: 'ok' | 'missing' } | { readonly state: 'altered'; readonly reason: string };

/** Checks every file of an encoder in a models folder. */
export async function checkModel(models: string, encoder: Encoder, lock: ModelLock): Promise<ModelState> {
  const folder = join(models, encoder.folder);
  if (!(await stat(folder).catch(() => null))) return { state: 'missing' };
  try {
    for (const file of pinnedFiles(encoder, lock)) await verifyFile(folder, file);
    return { state: 'ok' };
  } catch (error) {
    if (!isSightlineError(error, 'model-mismatch')) throw error;
    return { state: 'altered', reason: error.message };
  }
}

export interface PullOptions {
  readonly hub: HubOptions;
  readonly models: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (file: string, bytes: number, total: number | null) => void;
  /** Called when another process is pulling and this one waits for it. */
  readonly onWait?: () => void;
  /** For tests: see {@link downloadFile}. */
  readonly waitMs?: number;
}

/**
 * Downloads the missing or altered files of an encoder. Concurrent processes pull one after another, so only the first
 * has work to do.
 * @throws {not-found} for an encoder whose files are in no repository
 * @throws {model-mismatch} when the hub's files do not match the lock, and what `downloadFile` throws
 */
export function pullModel(encoder: Encoder, options: PullOptions): Promise<'pulled' | 'there'> {
  const { models, onWait, signal } = options;
  const pull = async () => {
    const lock = await readLock(models);
    if ((await checkModel(models, encoder, lock)).state === 'ok') return 'there' as const;
    await pullFiles(encoder, lock, options);
    return 'pulled' as const;
  };
  return withFileLock(join(models, '.pull.lock'), pull, { onWait, signal });
}

async function pullFiles(encoder: Encoder, lock: ModelLock, options: PullOptions): Promise<void> {
  const { hub, models, signal, onProgress, waitMs } = options;
  const files = pinnedFiles(encoder, lock);
  if (encoder.hub === undefined || files.some((file) => file.hub === undefined)) {
    const message =
      `${encoder.name} cannot be pulled: no repository has its files as they are ` +
      `(${encoder.origin}). Put them into ${join(models, encoder.folder)}`;
    throw new SightlineError('not-found', message);
  }
  const repo: HubRepo = { kind: 'model', name: encoder.hub.repo };
  const known = lock.encoders[encoder.name];
  if (known !== undefined) checkLocked(encoder.name, encoder.hub, known);
  const commit = known?.commit ?? (await resolveRevision(hub, repo, encoder.hub.revision, signal)).commit;
  const found: ModelLock['encoders'][string]['files'] = {};
  for (const file of files) {
    const to = join(models, encoder.folder, file.path);
    const { bytes, sha256 } = file;
    const expected = bytes !== null && sha256 !== null ? { bytes, sha256 } : null;
    const whole =
      expected !== null && (await verifyFile(join(models, encoder.folder), file).catch(() => null)) !== null;
    const got = whole
      ? expected
      : await downloadFile(hub, {
          repo,
          revision: commit,
          path: file.hub!,
          to,
          expected,
          signal,
          waitMs,
          onProgress: (done, total) => onProgress?.(`${encoder.name}/${file.path}`, done, total),
        });
    found[file.path] = { bytes: got.bytes, sha256: got.sha256 };
  }
  if (known === undefined) {
    await writeJsonFile(join(models, LOCK_FILE), {
      ...lock,
      encoders: { ...lock.encoders, [encoder.name]: { repo: repo.name, commit, files: found } },
    });
  }
}

/**
 * Bytes that a pull would download, requested from the hub if not pinned; null when unknown.
 * @throws {unavailable} when the hub does not answer
 */
export async function downloadSize(
  { files, hub: from }: Encoder,
  { hub, signal }: Pick<PullOptions, 'hub' | 'signal'>,
): Promise<number | null> {
  const { others, ...named } = files;
  const all = [...Object.values(named), ...others];
  if (all.every(({ bytes }) => bytes !== null)) return all.reduce((sum, { bytes }) => sum + bytes!, 0);
  if (from === undefined) return null;
  const { sizes } = await resolveRevision(hub, { kind: 'model', name: from.repo }, from.revision, signal);
  const known = all.map((file) => file.bytes ?? sizes.get(file.hub ?? file.path) ?? null);
  return known.includes(null) ? null : known.reduce<number>((sum, bytes) => sum + bytes!, 0);
}

/** The lock was written for another version of the manifest. */
function checkLocked(name: string, hub: NonNullable<Encoder['hub']>, known: ModelLock['encoders'][string]): void {
  const isCommit = /^[0-9a-f]{40}$/.test(hub.revision);
  if (known.repo === hub.repo && (!isCommit || known.commit === hub.revision)) return;
  throw new SightlineError(
    'model-mismatch',
    `${name}: expected ${hub.repo} at ${hub.revision}, as the manifest says, but ${LOCK_FILE} has ${known.repo} at ` +
      `${known.commit}: take its entry out of ${LOCK_FILE} to pull the other one`,
  );
}

/**
 * Removes the files of a pulled encoder; false when there are none.
 * @throws {invalid-input} for a bundled one
 */
export async function removeModel(models: string, encoder: Encoder): Promise<boolean> {
  if (encoder.bundled) throw new SightlineError('invalid-input', `${encoder.name} is bundled, and is not removed`);
  const folder = join(models, encoder.folder);
  if (!(await stat(folder).catch(() => null))) return false;
  await rm(folder, { recursive: true }).catch((error: unknown) => {
    throw unavailable(error, 'remove', folder);
  });
  return true;
}
