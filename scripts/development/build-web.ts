import { gzipSync } from 'node:zlib';
import { path, toggle } from '../../core/setting-value.ts';
import { buildPage, writePage } from '../../server/bundle-page.ts';
import { userPath } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';

export default command({
  about: 'Builds the page into a folder, for servers that do not build it at the start.',
  options: {
    out: path({ text: 'folder to write, emptied first', shown: 'dist/web' }),
    'source-maps': toggle({ text: 'include source maps' }),
    json: toggle({ text: 'print the written files as JSON' }),
  },
  run: async (flags) => {
    const out = flags.out ?? userPath('dist/web');
    const page = await buildPage({ sourceMaps: flags['source-maps'] });
    await writePage(page, out);
    const written = [...page].map(([path, { body }]) => {
      return { path, bytes: body.length, gzipBytes: gzipSync(body).length };
    });
    if (flags.json) console.log(JSON.stringify({ out, files: written }));
    else for (const { path, bytes, gzipBytes } of written) console.log(`${path}  ${bytes} bytes, ${gzipBytes} gzipped`);
    return EXIT.done;
  },
});
