import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { packageRoot } from '../../core/package-root.ts';

/**
 * sharp, in an artifact that carries its library packed (scripts/lambda/native-packages.ts): the build puts this module
 * in its place. The library is unpacked when the first picture comes, and sharp then finds it in the process.
 */

const packed = join(packageRoot(import.meta.dirname), 'packed');

/** `RTLD_NODELETE` of glibc (bits/dlfcn.h): Node lets go of what is no module of its own, and this one has to stay. */
const RTLD_NODELETE = 0x1000;

/** Node's own, of 16 KiB, take a quarter more time. */
const CHUNK_BYTES = 1024 * 1024;

for (const file of readdirSync(packed)) {
  const folder = mkdtempSync(join(tmpdir(), 'sightline-'));
  try {
    const library = join(folder, file.replace(/\.zst$/, ''));
    writeFileSync(library, zstdDecompressSync(readFileSync(join(packed, file)), { chunkSize: CHUNK_BYTES }));
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    // "Module did not self-register": a library is none, and is loaded all the same.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED') throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Not `import`, which is done before all that stands above; and a name that the bundler does not follow back here.
const load = createRequire(import.meta.url);
export default load('sharp');
