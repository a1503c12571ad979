import { cp, glob, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildPage, writePage } from '../../server/bundle-page.ts';
import { root } from '../../server/environment.ts';
import { command, EXIT } from '../cli/command.ts';
import { buildReportPage, REPORT_PAGE } from '../report/document.ts';
import { BROUGHT, bundleCommand } from './package/bundle.ts';
import { installedWording } from './package/wording.ts';

export default command({
  about: `
Builds what the package contains besides models and samples: the command as JavaScript, the page, the report page, and
bundled packages. npm pack calls this.`,
  options: {},
  run: async () => {
    const dist = join(root, 'dist');
    await rm(join(dist, 'app'), { recursive: true, force: true });
    await bundleCommand(root, join(dist, 'app'));
    await writePage(await buildPage({ plugins: [installedWording] }), join(dist, 'web'));
    await writeFile(REPORT_PAGE, JSON.stringify(await buildReportPage()));
    await rm(join(dist, 'node_modules'), { recursive: true, force: true });
    for (const name of BROUGHT) await bring(name, join(dist, 'node_modules', name));
    return EXIT.done;
  },
});

/** The files of each package that are loaded, and its licence. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['package.json', 'README.md', 'dist/*.js', 'bin/napi-v6/*/*/*'],
  'swagger-ui-dist': ['package.json', 'LICENSE', 'swagger-ui.css', 'swagger-ui-bundle.js'],
};

async function bring(name: string, target: string): Promise<void> {
  const from = join(root, 'node_modules', name);
  for await (const file of glob([...FILES[name]!], { cwd: from })) {
    // A duplicate of a library under its full version, which nothing loads.
    if (/\.\d+\.\d+\.\d+\.dylib$/.test(file)) continue;
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(from, file), join(target, file), { dereference: true });
  }
}
