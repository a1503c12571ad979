import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { Plugin } from 'esbuild';

/** What the bundler takes of packages whose whole would be read, or carried, for nothing. */
export const leanPackages: Plugin = {
  name: 'lean-packages',
  setup({ onLoad }) {
    // Its faults are said in English; the other 60 languages are half of it.
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
    // Qdrant's client takes this of it and nothing else; Node has the rest built in.
    onLoad({ filter: /\/undici\/index\.js$/ }, () => ({
      contents: `exports.Agent = require('./lib/dispatcher/agent.js');`,
    }));
    // Packed, a quarter of it: no text that is plainly English needs it.
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
