import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { Plugin } from 'esbuild';

/** Replacements for parts of packages that would be loaded or shipped in vain. */
export const leanPackages: Plugin = {
  name: 'lean-packages',
  setup({ onLoad }) {
    // Only English messages are used; the other 60 languages are half of the package.
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
    // All that Qdrant's client uses; Node has the rest built in.
    onLoad({ filter: /\/undici\/index\.js$/ }, () => ({
      contents: `exports.Agent = require('./lib/dispatcher/agent.js');`,
    }));
    // Packed to a quarter of the size: plainly English texts do not need it.
    onLoad({ filter: /\/eld\/src\/ngrams\/small\.js$/ }, async ({ path }) => {
      const { ngramsData } = await import(path);
      const params = { [constants.ZSTD_c_compressionLevel]: 19 };
      const packed = await promisify(zstdCompress)(Buffer.from(JSON.stringify(ngramsData)), { params });
      return {
        contents: `import { zstdDecompressSync } from 'node:zlib';
const packed = Buffer.from('${packed.toString('base64')}', 'base64');
export const ngramsData = JSON.parse(zstdDecompressSync(packed).toString());`,
      };
    });
  },
};
