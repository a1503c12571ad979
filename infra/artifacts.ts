import fs from 'node:fs';
import path from 'node:path';
import type { Settings } from './stack-settings';

/**
 * A function's code: the folder made by `npm run build:lambda`, so that what is deployed is what was tested; in `sst
 * dev` the sources, which run on the developer's machine with its node_modules.
 */
export function codeOf(
  settings: Settings,
  name: 'api' | 'ingest',
): Pick<sst.aws.FunctionArgs, 'handler' | 'bundle' | 'nodejs'> {
  const handler = `functions/${name}.handler`;
  if ($dev)
    return { handler, nodejs: { esbuild: { external: ['onnxruntime-node', 'sharp', 'esbuild', 'swagger-ui-dist'] } } };

  const bundle = path.resolve($cli.paths.root, settings.artifacts, name);
  const built = readBuild(path.join(bundle, 'build.json'));
  if (built.profile !== settings.profile || built.arch !== settings.arch) {
    throw new Error(
      `expected ${bundle} to hold profile ${settings.profile} for ${settings.arch}, got ${built.profile} for ` +
        `${built.arch}: npm run build:lambda -- --profile ${settings.profile} --arch ${settings.arch}`,
    );
  }
  return { handler, bundle };
}

function readBuild(file: string): { profile?: string; arch?: string } {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`expected a built function with ${file}, found none: npm run build:lambda`, { cause: error });
  }
}
