import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { CAPTION_WORDS_FILE } from '../../core/encode/caption-words.ts';
import { HEAD_FILE, loadHeadFile } from '../../core/encode/head-file.ts';
import { hasPairId } from '../../core/encode/image-embedder.ts';
import {
  encoderAdvice,
  headAdvice,
  loadManifest,
  type Profile,
  profileOf,
  textEncoderOf,
} from '../../core/encode/manifest.ts';
import { findEncoder, findFolder, verifyFile } from '../../core/encode/model-files.ts';
import { LOCK_FILE, readLocks } from '../../core/encode/model-lock.ts';
import { CALIBRATION } from '../../core/search/calibration.ts';
import { decimal, path, text, toggle } from '../../core/setting-value.ts';
import { flagOf, SETTINGS } from '../../core/settings.ts';
import { PACKED } from '../../functions/http/routes/docs.ts';
import { buildPage, writePage } from '../../server/bundle-page.ts';
import { readConfig } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';
import { bundleFunction } from './lambda/bundle.ts';
import { type Arch, copyNativePackages } from './lambda/native-packages.ts';
import { budgetOf, FUNCTIONS, type FunctionName, measure, type Sizes, sizeTable } from './lambda/sizes.ts';

const root = join(import.meta.dirname, '../..');

export default command({
  about: `
Builds the two Lambda functions, api and ingest, as folders with code, models and native libraries. The stack deploys
them unchanged. Prints their sizes and fails if one exceeds its budget.`,
  options: {
    profile: text({ unit: 'NAME', text: 'models to include', shown: 'SIGHTLINE_PROFILE or compact' }),
    arch: flagOf(SETTINGS.arch),
    out: path({ text: 'folder to write', shown: 'dist/lambda' }),
    budget: decimal({
      above: 0,
      unit: 'MB',
      text: 'maximum unzipped size of a function',
      shown: 'api 150, ingest 85; 200 for seed and seed-int8',
    }),
    json: toggle({ text: 'print the sizes as JSON' }),
  },
  run: async (flags) => {
    const out = flags.out ?? join(root, 'dist', 'lambda');
    const given = { profile: flags.profile, arch: flags.arch, logLevel: 'silent' } as const;
    const { modelDirs, profile: name, arch } = readConfig(given);
    const manifest = await loadManifest(modelDirs);
    const profile = profileOf(manifest, name ?? manifest.defaultProfile);

    // Encoders first: a head is trained on them.
    for (const encoder of [profile.text, profile.image]) {
      await findEncoder(modelDirs, encoder, encoderAdvice(profile.name));
    }
    const head = profile.head === null ? null : await findFolder(modelDirs, profile.head, headAdvice(profile.name));

    const make = (fn: FunctionName) => makeFunction(fn, join(out, fn), { arch, profile, head, modelDirs });
    const sizes = { api: await make('api'), ingest: await make('ingest') };

    const budget = budgetOf(profile.name, flags.budget && flags.budget * 1e6);
    if (flags.json)
      console.log(JSON.stringify({ out, profile: profile.name, arch, budget, functions: sizes }, null, 2));
    else console.log([...sizeTable(sizes, budget), `written to ${out}`].join('\n'));
    const over = FUNCTIONS.filter((fn) => sizes[fn].total > budget[fn]);
    for (const fn of over) {
      console.error(`error: expected ${fn} to have at most ${budget[fn]} bytes, got ${sizes[fn].total}`);
    }
    const smaller = `${profile.name}-int8`;
    if (over.length > 0 && Object.hasOwn(manifest.profiles, smaller)) {
      console.error(
        `The profile ${smaller} has the same encoders with smaller weights, and a head of its own: ` +
          `npm run models -- pull ${smaller}, then npm run build:lambda -- --profile ${smaller}`,
      );
    }
    return over.length === 0 ? EXIT.done : EXIT.failed;
  },
});

interface Contents {
  readonly arch: Arch;
  readonly profile: Profile;
  /** Its folder, or null for a profile without one. */
  readonly head: string | null;
  readonly modelDirs: readonly string[];
}

/** Builds beside the target and replaces it when everything is there, so that a broken build is never deployed. */
async function makeFunction(name: FunctionName, target: string, contents: Contents): Promise<Sizes> {
  const work = `${target}.${process.pid}`;
  try {
    await mkdir(work, { recursive: true });
    // ONNX Runtime for x64 is so large that `api` exceeds its budget without this.
    const packed = name === 'api' && contents.arch === 'x64';
    const reached = await bundleFunction(root, work, name, { packed });
    await copyNativePackages(root, work, contents.arch, { packed });
    await copyModels(work, contents, reached);
    if (reached.has('functions/http/page-files.ts')) await copyPages(work);
    const { arch, profile } = contents;
    await writeFile(join(work, 'build.json'), `${JSON.stringify({ function: name, profile: profile.name, arch })}\n`);
    await rm(target, { recursive: true, force: true });
    await rename(work, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return measure(target);
}

/**
 * Copies the manifest with its lock, and the manifest's files of each model that the function's code reaches.
 * @throws {model-mismatch} for a file that is missing or altered: its function would not start
 */
async function copyModels(work: string, contents: Contents, reached: ReadonlySet<string>): Promise<void> {
  const { profile, head, modelDirs } = contents;
  const models = join(work, 'models');
  const manifest = await loadManifest(modelDirs);
  const file = head === null ? null : await loadHeadFile(head);
  await mkdir(models);
  await cp(join(modelDirs[0]!, 'manifest.json'), join(models, 'manifest.json'));
  await writeFile(join(models, LOCK_FILE), `${JSON.stringify(await readLocks(modelDirs))}\n`);

  const sides = reached.has('core/encode/text-encoder.ts') ? (file?.texts ?? []) : [];
  const others = sides.map(({ encoder }) => encoder).filter((encoder) => encoder !== profile.text.name);
  const readsTexts = reached.has('core/encode/text-encoder.ts') || hasPairId(file);
  const texts = readsTexts ? [profile.text, ...others.map((encoder) => textEncoderOf(manifest, encoder))] : [];
  for (const encoder of [profile.image, ...texts]) {
    const from = await findEncoder(modelDirs, encoder);
    const { others, ...named } = encoder.files;
    for (const one of [...Object.values(named), ...others.filter(({ path }) => existsSync(join(from, path)))]) {
      await verifyFile(from, one);
      await cp(join(from, one.path), join(models, encoder.folder, one.path));
    }
  }
  // Without a head, calibrations are beside the text encoder.
  const measured = head ?? (await findEncoder(modelDirs, profile.text));
  const fits = reached.has('core/search/calibration.ts') ? await readdir(measured) : [];
  for (const path of fits.filter((name) => name.startsWith(CALIBRATION) || name === CAPTION_WORDS_FILE)) {
    await cp(join(measured, path), join(models, profile.head ?? profile.text.folder, path));
  }
  if (head === null || file === null) return;
  const graphs = [file.image, ...sides].map(({ onnx }) => onnx);
  for (const graph of graphs) await verifyFile(head, graph);
  for (const path of new Set([HEAD_FILE, ...graphs.map(({ path }) => path)])) {
    await cp(join(head, path), join(models, profile.head!, path));
  }
}

/** The built page, and the two files of Swagger UI for /docs. */
async function copyPages(work: string): Promise<void> {
  await writePage(await buildPage(), join(work, 'page'));
  const docs = join('node_modules', 'swagger-ui-dist');
  for (const file of ['package.json', 'LICENSE', 'swagger-ui.css']) {
    await cp(join(root, docs, file), join(work, docs, file));
  }
  const bundle = join(docs, 'swagger-ui-bundle.js');
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  const packed = await promisify(brotliCompress)(await readFile(join(root, bundle)), { params });
  await writeFile(join(work, `${bundle}${PACKED}`), packed);
}
