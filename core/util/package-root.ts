import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SightlineError } from '../errors.ts';

/**
 * The closest folder above `from` that holds the models: the repository, an installed package, or a built function.
 * @throws {invalid-config} when no folder above holds them
 */
export function packageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'models', 'manifest.json'))) return folder;
    if (dirname(folder) === folder) {
      throw new SightlineError('invalid-config', `expected models/manifest.json in a folder above ${from}`);
    }
  }
}
