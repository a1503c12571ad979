import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { SightlineError } from '../../../core/errors.ts';
import { writeWhole } from '../../../core/files/atomic-write.ts';

/** Packages with native code or WebAssembly, reduced to one Lambda architecture. */

export type Arch = 'arm64' | 'x64';

const run = promisify(execFile);

interface Part {
  readonly name: string;
  /** Files of the package that are loaded, besides package.json and its licence. */
  readonly files: readonly string[];
}

/** @param packed loads sharp by `require` instead of `import`, since its library is packed */
function parts(arch: Arch, packed: boolean): Part[] {
  return [
    { name: 'onnxruntime-node', files: ['dist/**/*.js', `bin/napi-v6/linux/${arch}/*`] },
    { name: 'onnxruntime-common', files: ['dist/cjs/**/*.js', 'dist/cjs/package.json'] },
    { name: 'sharp', files: [packed ? 'dist/**/*.cjs' : 'dist/**/*.mjs'] },
    { name: '@img/colour', files: ['**/*.js', '**/*.cjs'] },
    { name: 'libheif-js', files: ['libheif-wasm/libheif.{js,wasm}', 'libheif-wasm/LICENSE'] },
    { name: 'detect-libc', files: ['lib/**/*.js'] },
    { name: 'semver', files: ['**/*.js'] },
    { name: `@img/sharp-linux-${arch}`, files: ['*.cjs', 'lib/*.node'] },
    { name: `@img/sharp-libvips-linux-${arch}`, files: ['lib/*.so.*', 'lib/*.js', 'versions.json'] },
  ];
}

/** Packages that this module copies and esbuild must not bundle. */
export const EXTERNAL = ['onnxruntime-node', 'sharp'];

/**
 * Copies them into `target`/node_modules. Packages for other machines, which npm did not install here, are downloaded
 * once into node_modules/.cache and checked against package-lock.json.
 * @param options.packed libvips goes into `target`/packed instead, compressed
 */
export async function copyNativePackages(
  root: string,
  target: string,
  arch: Arch,
  options: { packed: boolean },
): Promise<void> {
  for (const part of parts(arch, options.packed)) {
    const installed = join(root, 'node_modules', part.name);
    const from = existsSync(installed) ? installed : await fetchPackage(root, part.name);
    const to = join(target, 'node_modules', part.name);
    for await (const file of glob([...part.files, 'package.json', 'LICENSE*'], { cwd: from, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name).slice(from.length + 1);
      if (options.packed && /^libvips.*\.so/.test(basename(path))) {
        await copyPacked(root, join(from, path), join(target, 'packed'));
      } else await cp(join(from, path), join(to, path), { dereference: true });
    }
  }
}

const cacheOf = (root: string) => join(root, 'node_modules', '.cache', 'sightline');

/** Compresses once per version, because it takes ten seconds. */
async function copyPacked(root: string, file: string, folder: string): Promise<void> {
  const cached = join(cacheOf(root), `${basename(dirname(dirname(file)))}-${basename(file)}.zst`);
  if (!existsSync(cached)) {
    const params = { [constants.ZSTD_c_compressionLevel]: 19 };
    const bytes = await promisify(zstdCompress)(await readFile(file), { params });
    await writeWhole(cached, bytes);
  }
  await cp(cached, join(folder, `${basename(file)}.zst`));
}

interface Lock {
  readonly packages: Readonly<Record<string, { version: string; integrity: string }>>;
}

/**
 * Downloads and unpacks a package of package-lock.json into the cache.
 * @throws {unavailable} if it cannot be downloaded
 */
async function fetchPackage(root: string, name: string): Promise<string> {
  const lock: Lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) {
    throw new SightlineError('unavailable', `expected package-lock.json to name ${name}, it does not`);
  }
  const cache = cacheOf(root);
  const folder = join(cache, `${name.replace('/', '-')}-${locked.version}`);
  if (existsSync(folder)) return folder;

  await mkdir(cache, { recursive: true });
  const archive = await packArchive(cache, `${name}@${locked.version}`);
  try {
    await checkIntegrity(archive, name, locked.integrity);
    const unpacked = `${folder}.${process.pid}`;
    await mkdir(unpacked, { recursive: true });
    await run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1']);
    await rename(unpacked, folder);
  } finally {
    await rm(archive, { force: true });
  }
  return folder;
}

async function packArchive(cache: string, spec: string): Promise<string> {
  try {
    const { stdout } = await run('npm', ['pack', spec, '--json', '--pack-destination', cache], { cwd: dirname(cache) });
    const [packed]: { filename: string }[] = Object.values(JSON.parse(stdout));
    return join(cache, packed!.filename.replace('@', '').replace('/', '-'));
  } catch (error) {
    throw new SightlineError('unavailable', `cannot fetch ${spec} from the npm registry: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function checkIntegrity(archive: string, name: string, integrity: string): Promise<void> {
  const [algorithm = '', expected] = integrity.split(/-(.*)/s);
  const got = createHash(algorithm)
    .update(await readFile(archive))
    .digest('base64');
  if (got !== expected) {
    throw new SightlineError('unavailable', `${name}: expected ${integrity} as package-lock.json says, got ${got}`);
  }
}
