import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { findEncoder, findFolder } from '../../core/encode/model-files.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { downloadSize, type Encoder } from '../../core/hub/pull-model.ts';
import { ownModels, readConfig, readHubConfig } from '../../server/environment.ts';
import { pullEncoder } from './pull-encoder.ts';

/**
 * Downloads the missing models of a profile, after saying which and asking once.
 * @param yes instead of asking
 * @returns false if declined or interrupted
 * @throws {model-mismatch} if the profile needs a head that is missing; nothing is downloaded then
 * @throws {invalid-config} without a terminal to ask in
 */
export async function pullProfile(name: string, data: string | undefined, yes: boolean): Promise<boolean> {
  const config = readConfig({ data, logLevel: 'silent' });
  const { modelDirs } = config;
  const { text, image, head } = profileOf(await loadManifest(modelDirs), name);
  if (head !== null) await expectHead(name, head, modelDirs);
  const missing: Encoder[] = [];
  for (const encoder of [text, image]) if (!(await isHere(encoder, modelDirs))) missing.push(encoder);
  if (missing.length === 0) return true;
  const models = ownModels(config.data);
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    const hub = readHubConfig();
    const sizes = await Promise.all(missing.map((encoder) => downloadSize(encoder, { hub, signal: interrupt.signal })));
    for (const line of describeDownload(name, missing, sizes, models)) console.error(line);
    if (!yes && !(await ask('Download them?', interrupt.signal))) {
      console.error('Nothing was downloaded.');
      return false;
    }
    for (const encoder of missing) await pullEncoder(encoder, { hub, models, signal: interrupt.signal });
    return true;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    console.error('Interrupted; the next call goes on from here.');
    return false;
  } finally {
    process.off('SIGINT', stop);
  }
}

async function expectHead(profile: string, head: string, modelDirs: readonly string[]): Promise<void> {
  try {
    await findFolder(modelDirs, head);
  } catch (error) {
    if (!isSightlineError(error, 'model-mismatch')) throw error;
    throw new SightlineError(
      'model-mismatch',
      `profile ${profile} needs a head that was trained with it, and there is none here, so nothing is downloaded: ` +
        `npm run models -- pull ${profile} fetches its encoders, npm run train -- --profile ${profile} --data DIR ` +
        '--replace makes the head',
      { cause: error },
    );
  }
}

/** Whether all files exist; loading checks their contents. */
async function isHere(encoder: Encoder, modelDirs: readonly string[]): Promise<boolean> {
  const { others: _, ...named } = encoder.files;
  try {
    const found = await findEncoder(modelDirs, encoder);
    for (const { path } of Object.values(named)) await access(join(found, path));
    return true;
  } catch {
    return false;
  }
}

function describeDownload(
  profile: string,
  encoders: readonly Encoder[],
  sizes: readonly (number | null)[],
  models: string,
): string[] {
  const sum = sizes.reduce<number>((all, size) => all + (size ?? 0), 0);
  const lines = encoders.map(({ name, licence, terms, hub, source }, i) => {
    const from = hub === undefined ? source : new URL(hub.repo, `${readHubConfig().endpoint}/`).href;
    const allowed = terms === undefined ? licence : `${licence} (${terms})`;
    return `  ${name}: ${megabytes(sizes[i]!)}, licence ${allowed}, from ${from}`;
  });
  return [`Profile ${profile} needs models that are not here:`, ...lines, `${megabytes(sum)} in all, into ${models}.`];
}

function megabytes(bytes: number | null): string {
  return bytes === null ? 'size not known' : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new SightlineError(
      'invalid-config',
      'expected --yes, because nobody can be asked here whether to download them',
    );
  }
  using terminal = createInterface({ input: process.stdin, output: process.stderr });
  return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
}
