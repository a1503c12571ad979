import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HEAD_FILE, loadHeadFile } from '../core/encode/head-file.ts';
import { loadManifest, type Manifest, profileOf, textEncoderOf } from '../core/encode/manifest.ts';
import { type ModelLock, readLock } from '../core/encode/model-lock.ts';
import { isSightlineError } from '../core/errors.ts';
import { checkModel, type Encoder, pinnedFiles, removeModel } from '../core/hub/pull-model.ts';
import { path } from '../core/setting-value.ts';
import { ownModels, readConfig, readHubConfig } from '../server/environment.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';
import { pullEncoder } from './cli/pull-encoder.ts';

const COMMANDS = { list, pull, verify, info, rm };

export default command({
  usage: 'COMMAND [PROFILE] [options]',
  about: 'Manages the encoders of profiles: which are here, where they come from, downloads.',
  words: {
    min: 1,
    max: 2,
    rows: {
      list: 'lists profiles, and whether their encoders and heads are here',
      'pull PROFILE':
        'downloads what is not bundled from the Hugging Face hub (HF_TOKEN for gated models, HF_ENDPOINT for a ' +
        'mirror); resumes when interrupted, and checks every file against its checksum and lock.json',
      'verify [PROFILE]': 'checks the files against the manifest and lock.json; all profiles if none is named',
      'info PROFILE': 'prints encoders, licences, sources, files and hashes',
      'rm PROFILE': 'removes downloads that no other installed profile uses; bundled encoders stay',
    },
  },
  options: { models: path({ text: 'folder with manifest.json', shown: 'models' }), json: JSON_OUTPUT },
  notes: 'Exit code 0 on success, 1 when something failed or does not match.',
  run: async (flags, [what, name]) => {
    const run = COMMANDS[what as keyof typeof COMMANDS];
    if (run === undefined) throw new UsageError(`expected ${Object.keys(COMMANDS).join(', ')}, got "${what}"`);
    const needsProfile = !['list', 'verify'].includes(what!);
    if (needsProfile && name === undefined) throw new UsageError(`expected a profile: ${what} PROFILE`);
    const { modelDirs } = readConfig({ logLevel: 'silent' });
    const models = flags.models ?? ownModels();
    const manifest = await loadManifest(flags.models === undefined ? modelDirs : [models]);
    const bundled = flags.models ?? modelDirs[0]!;
    return run({ models, bundled, manifest, name: name ?? null, json: flags.json });
  },
});

interface Call {
  /** Folder for downloads. */
  readonly models: string;
  /** Folder of the bundled models; the same folder in a clone. */
  readonly bundled: string;
  readonly manifest: Manifest;
  readonly name: string | null;
  readonly json: boolean;
}

/** Those of a profile, and those of further text sides that its head has. */
async function encodersOf({ manifest, models, bundled }: Call, name: string): Promise<Encoder[]> {
  const { text, image, head: folder } = profileOf(manifest, name);
  const heads = [bundled, models].map((dir) => folder !== null && loadHeadFile(join(dir, folder)).catch(() => null));
  const head = (await Promise.all(heads)).find((file) => file);
  const others = (head ? head.texts : []).filter(
    ({ encoder }) => encoder !== text.name && Object.hasOwn(manifest.encoders, encoder),
  );
  return [text, ...others.map(({ encoder }) => textEncoderOf(manifest, encoder)), image];
}

function check({ models, bundled }: Call, encoder: Encoder, lock: ModelLock) {
  return checkModel(encoder.bundled ? bundled : models, encoder, lock);
}

/** One row a line, below the names of its columns. */
function printColumns(rows: readonly Readonly<Record<string, string>>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const table = [names, ...rows.map((row) => Object.values(row))];
  const widths = names.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
  for (const cells of table)
    console.log(
      cells
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
}

async function list(call: Call): Promise<number> {
  const lock = await readLock(call.models);
  const rows = [];
  for (const [profile, { head: folder }] of Object.entries(call.manifest.profiles)) {
    const there =
      folder !== null && [call.bundled, call.models].some((models) => existsSync(join(models, folder, HEAD_FILE)));
    const head = folder === null ? 'not needed' : there ? 'ok' : 'to be trained';
    for (const encoder of await encodersOf(call, profile)) {
      const { state } = await check(call, encoder, lock);
      rows.push({ profile, encoder: encoder.name, kind: encoder.kind, bundled: encoder.bundled, state, head });
    }
  }
  if (call.json) console.log(JSON.stringify(rows, null, 2));
  else printColumns(rows.map(({ bundled, ...row }) => ({ ...row, from: bundled ? 'bundled' : 'hub' })));
  return EXIT.done;
}

async function pull(call: Call): Promise<number> {
  const hub = readHubConfig();
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const results: Record<string, string> = {};
  for (const encoder of await encodersOf(call, call.name!)) {
    if (encoder.bundled && (await check(call, encoder, await readLock(call.models))).state === 'missing') {
      // Another folder than that of the repository, as SIGHTLINE_EXTRA_MODELS names.
      results[encoder.name] = 'bundled';
      continue;
    }
    try {
      results[encoder.name] = await pullEncoder(encoder, { hub, models: call.models, signal: interrupt.signal });
    } catch (error) {
      if (interrupt.signal.aborted) results[encoder.name] = 'interrupted; the next call goes on from here';
      else if (isSightlineError(error)) results[encoder.name] = `failed: ${error.message}`;
      else throw error;
      // Without the hub, all others would fail in the same way.
      if (isSightlineError(error, 'unavailable')) break;
    }
  }
  if (call.json) console.log(JSON.stringify(results, null, 2));
  else for (const [encoder, result] of Object.entries(results)) console.log(`${encoder}: ${result}`);
  const isWell = Object.values(results).every((result) => ['pulled', 'there', 'bundled'].includes(result));
  if (isWell && !call.json) console.log(nextStep(call));
  return isWell ? EXIT.done : EXIT.failed;
}

function nextStep({ manifest, name }: Call): string {
  return manifest.profiles[name!]!.head === null
    ? `Profile ${name} needs no head: SIGHTLINE_PROFILE=${name} for a new index, npm run reindex -- ` +
        `--profile ${name} for one that is there.`
    : `Profile ${name} needs a head that was trained with it: npm run train -- --profile ${name} --data DIR --replace`;
}

async function verify(call: Call): Promise<number> {
  const lock = await readLock(call.models);
  const names = call.name === null ? Object.keys(call.manifest.profiles) : [call.name];
  const encoders = new Map(
    (await Promise.all(names.map((name) => encodersOf(call, name)))).flat().map((encoder) => [encoder.name, encoder]),
  );
  const found: Record<string, { state: string; reason?: string }> = {};
  for (const encoder of encoders.values()) found[encoder.name] = await check(call, encoder, lock);
  if (call.json) console.log(JSON.stringify(found, null, 2));
  else for (const [encoder, { state, reason }] of Object.entries(found)) console.log(`${encoder}: ${reason ?? state}`);
  // Missing downloads only count when they were asked for.
  const isWell = (encoder: Encoder) => {
    const { state } = found[encoder.name]!;
    return state === 'ok' || (state === 'missing' && call.name === null && !encoder.bundled);
  };
  return [...encoders.values()].every(isWell) ? EXIT.done : EXIT.failed;
}

async function info(call: Call): Promise<number> {
  const lock = await readLock(call.models);
  const encoders = (await encodersOf(call, call.name!)).map((encoder) => {
    const { name, kind, bundled, licence, source, origin } = encoder;
    const commit = lock.encoders[name]?.commit ?? null;
    return { name, kind, bundled, licence, source, origin, commit, files: pinnedFiles(encoder, lock) };
  });
  if (call.json) console.log(JSON.stringify({ profile: call.name, encoders }, null, 2));
  for (const { name, kind, licence, source, origin, commit, files } of call.json ? [] : encoders) {
    console.log(`${name} (${kind}), ${licence}\n  ${source}${commit === null ? '' : ` at ${commit}`}\n  ${origin}`);
    for (const { path, bytes, sha256 } of files)
      console.log(`  ${path}: ${bytes ?? '?'} bytes, ${sha256 ?? 'not pinned yet'}`);
  }
  return EXIT.done;
}

async function rm(call: Call): Promise<number> {
  const others = Object.keys(call.manifest.profiles).filter((profile) => profile !== call.name);
  const lock = await readLock(call.models);
  const used = new Set<string>();
  for (const profile of others) {
    const encoders = await encodersOf(call, profile);
    const states = await Promise.all(encoders.map((encoder) => check(call, encoder, lock)));
    // An incomplete profile does not need the rest.
    if (states.every(({ state }) => state !== 'missing')) for (const { name } of encoders) used.add(name);
  }
  const results: Record<string, string> = {};
  for (const encoder of await encodersOf(call, call.name!)) {
    if (encoder.bundled) results[encoder.name] = 'bundled, stays';
    else if (used.has(encoder.name)) results[encoder.name] = 'used by another profile, stays';
    else results[encoder.name] = (await removeModel(call.models, encoder)) ? 'removed' : 'was not here';
  }
  if (call.json) console.log(JSON.stringify(results, null, 2));
  else for (const [encoder, result] of Object.entries(results)) console.log(`${encoder}: ${result}`);
  return EXIT.done;
}
