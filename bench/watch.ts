// npm run bench -- watch        node bench/watch.ts
// Watching a folder of many pictures: ours compared with chokidar and with Node's own recursive watching. Each runs in
// a separate process: CPU time and memory until it watches, and CPU time for one new file.
import { execFileSync } from 'node:child_process';
import { watch as nodeWatch } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tempFolder } from '../test/support/temp-folder.ts';

const FILES = 20_000;
const FOLDERS = 20;

/** Starts watching `root`; calls `seen` with every reported path. Resolves once it watches. */
type Start = (root: string, seen: (path: string) => void) => Promise<() => void>;

const watchers: Record<string, Start> = {
  async sightline(root, seen) {
    const { watchTree } = await import('../server/watch/recursive-fs-watch.ts');
    const watcher = await watchTree(root, {
      onFile: seen,
      onFolder: () => {},
      onError: (error) => console.error(error),
    });
    return () => watcher.close();
  },
  async chokidar(root, seen) {
    const { watch } = await import('chokidar');
    const watcher = watch(root, { ignoreInitial: true, followSymlinks: false });
    watcher.on('all', (_event, path) => seen(path));
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
    return () => void watcher.close();
  },
  async 'fs.watch recursive'(root, seen) {
    const watcher = nodeWatch(root, { recursive: true }, (_event, path) => path !== null && seen(path));
    // It does not say when it is ready, so wait until it reports something.
    let isReady = false;
    watcher.once('change', () => {
      isReady = true;
    });
    for (let i = 0; !isReady; i++) {
      await writeFile(join(root, `probe-${i}`), '');
      await sleep(50);
    }
    return () => watcher.close();
  },
};

export async function run(): Promise<void> {
  const root = tempFolder();
  for (let i = 0; i < FOLDERS; i++) await mkdir(join(root, `${i}`));
  for (let i = 0; i < FILES; i++) await writeFile(join(root, `${i % FOLDERS}`, `${i}.jpg`), 'x');
  const rows = Object.keys(watchers).map((name) => {
    const file = fileURLToPath(import.meta.url);
    const output = execFileSync(process.execPath, [...process.execArgv, file, name, root], { encoding: 'utf8' });
    return { watcher: name, ...(JSON.parse(output) as Record<string, number>) };
  });
  console.log(`${FILES.toLocaleString('en')} files in ${FOLDERS} folders`);
  console.table(rows);
}

async function measure(name: string, root: string): Promise<void> {
  const before = process.memoryUsage().rss;
  const cpuMs = (since: NodeJS.CpuUsage) => {
    const { user, system } = process.cpuUsage(since);
    return Math.round((user + system) / 1000);
  };
  const start = process.cpuUsage();
  const seen = new Set<string>();
  const stop = await watchers[name]!(root, (path) => seen.add(path));
  await sleep(500);
  const startCpuMs = cpuMs(start);
  const addedMB = Math.round((process.memoryUsage().rss - before) / 1e6);
  seen.clear();
  const one = process.cpuUsage();
  await writeFile(join(root, '7', 'new.jpg'), 'x');
  while (![...seen].some((path) => path.endsWith('new.jpg'))) await sleep(5);
  await sleep(500);
  const fileCpuMs = cpuMs(one);
  stop();
  await rm(join(root, '7', 'new.jpg'));
  console.log(JSON.stringify({ startCpuMs, addedMB, fileCpuMs }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, root] = process.argv.slice(2);
  if (name !== undefined && root !== undefined) await measure(name, root);
  else await run();
}
