import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { packageRoot } from '../../core/util/package-root.ts';

/**
 * Replaces sharp in an artifact that carries its library compressed (scripts/development/lambda/native-packages.ts).
 * The library is unpacked for the first picture, and sharp then finds it loaded in the process.
 */

const packed = join(packageRoot(import.meta.dirname), 'packed');

/** `RTLD_NODELETE` of glibc (bits/dlfcn.h): Node unloads libraries that are not addons, and this one has to stay. */
const RTLD_NODELETE = 0x1000;

/** Node's default of 16 KiB takes a quarter more time. */
const CHUNK_BYTES = 1024 * 1024;

for (const file of readdirSync(packed)) {
  const folder = mkdtempSync(join(tmpdir(), 'sightline-'));
  try {
    const library = join(folder, file.replace(/\.zst$/, ''));
    writeFileSync(library, zstdDecompressSync(readFileSync(join(packed, file)), { chunkSize: CHUNK_BYTES }));
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    // "Module did not self-register": expected, because it is not an addon; it is loaded all the same.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED') throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Not `import`, which would run before the code above; and under a name that the bundler does not resolve to this
// module.
const load = createRequire(import.meta.url);
export default load('sharp');
