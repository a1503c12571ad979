import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { leanPackages } from './lean-packages.ts';
import { EXTERNAL } from './native-packages.ts';

/** Bundled CommonJS packages still need these. */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __fileURLToPath(new URL('.', import.meta.url));`;

/** The module that loads sharp when its library is packed. */
const packedSharp: Plugin = {
  name: 'packed-sharp',
  setup: ({ onResolve, initialOptions }) => {
    const path = join(initialOptions.absWorkingDir!, 'functions', 'lambda', 'packed-sharp.ts');
    onResolve({ filter: /^sharp$/ }, () => ({ path }));
  },
};

/**
 * Bundles functions/<name>.ts into `target`/functions, in the same place as in the repository, so that relative paths
 * from import.meta.url mean the same. What only some requests need stays in files of its own. Answers the source files
 * that the function reaches, as paths in the repository.
 * @param options.packed the artifact carries the library of sharp packed
 */
export async function bundleFunction(
  root: string,
  target: string,
  name: string,
  options: { packed: boolean },
): Promise<ReadonlySet<string>> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'functions', `${name}.ts`)],
    outdir: join(target, 'functions'),
    bundle: true,
    splitting: true,
    minify: true,
    // Class and function names are part of error messages and logs.
    keepNames: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: [
      ...EXTERNAL,
      'esbuild',
      'pino-pretty',
      'chokidar',
      'cli-progress',
      'aws-crt',
      '@aws-sdk/signature-v4-crt',
    ],
    plugins: [leanPackages, ...(options.packed ? [packedSharp] : [])],
    banner: { js: banner },
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
  });
  const outputs = Object.values(metafile.outputs);
  return new Set(outputs.flatMap(({ inputs }) => Object.keys(inputs)));
}
