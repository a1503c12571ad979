import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { installedWording } from './wording.ts';

/** Packages included in dist/node_modules, so that their install scripts do not run. */
export const BROUGHT = ['onnxruntime-node', 'swagger-ui-dist'];

/** Only used in a clone. */
const NOT_INCLUDED = ['./scripts/development/commands.ts', './server/bundle-page.ts', 'esbuild'];

/**
 * Bundles the command `sightline` as JavaScript into `target`, because Node strips no types below node_modules.
 * Packages stay outside. Returns the names of the packages that it imports.
 */
export async function bundleCommand(root: string, target: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'scripts', 'sightline.ts')],
    outdir: target,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    external: NOT_INCLUDED,
    chunkNames: '[name]-[hash]',
    keepNames: true,
    plugins: [installedWording],
    metafile: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  return importedPackages(metafile);
}

function importedPackages({ outputs }: Metafile): string[] {
  const imported = Object.values(outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
  const names = imported
    .map(({ path }) => path)
    .filter((path) => !path.startsWith('node:') && !path.startsWith('.') && path !== 'esbuild')
    .map((path) => path.split('/', path.startsWith('@') ? 2 : 1).join('/'));
  return [...new Set(names)].sort();
}
