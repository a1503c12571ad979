import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** Replaces npm scripts, which only a clone has, by `sightline` in texts. */
export const installedWording: Plugin = {
  name: 'installed-wording',
  setup({ onLoad }) {
    onLoad({ filter: /\.tsx?$/ }, async ({ path }) => ({
      contents: asInstalled(await readFile(path, 'utf8')),
      loader: path.endsWith('x') ? 'tsx' : 'ts',
    }));
  },
};

function asInstalled(text: string): string {
  return text.replaceAll(/npm start(?: --)?/g, 'sightline').replaceAll(/npm run ([a-z-]+)(?: --)?/g, 'sightline $1');
}
