import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JSHandle, Page } from 'playwright-core';
import { type Changes, createChanges } from '../../functions/http/change-feed.ts';
import type { AppDeps } from '../../functions/http/deps.ts';
import type { HttpOptionsInput } from '../../functions/http/options.ts';
import { buildPage } from '../../server/bundle-page.ts';
import { listen, stopListening } from '../../server/listen.ts';
import { type TestApp, testApp } from '../functions/http/harness.ts';

/** The real API and page over real HTTP; only the vectors are hashes, see the harness. */
export interface PageServer extends TestApp {
  readonly url: string;
  /** Adds sample photos until there are at least `count` pictures. */
  seed(count: number): Promise<void>;
  /** Number of open event streams. */
  streams(): number;
  /** Stops listening but keeps the data, like a server that restarts. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));

export function samplePath(name: string): string {
  return fileURLToPath(new URL(`../../examples/photos/${name}`, import.meta.url));
}

export async function sampleNames(): Promise<string[]> {
  return (await readdir(samples)).filter((name) => name.endsWith('.jpg')).sort();
}

/** Starts with the first `photos` sample photos stored. */
export async function pageServer(
  options: HttpOptionsInput = {},
  photos = 0,
  more: Pick<AppDeps, 'presignUpload' | 'report' | 'backlog' | 'folders' | 'change' | 'storage'> = {},
): Promise<PageServer> {
  const page = await buildPage();
  const changes = countingStreams(createChanges());
  let stopping = false;
  const app = await testApp(options, (deps) => ({
    ...changes.watch(deps),
    changes,
    ...more,
    page: (path) => page.get(path) ?? null,
    ready: () => (stopping ? 'stopping' : 'ready'),
  }));
  const seed = async (count: number) => {
    const names = await sampleNames();
    for (let total = Number((await app.json('/images')).body.total); total < count; total++) {
      await app.addPhoto(names[total]!);
    }
  };
  await seed(photos);
  let { server, url } = await listen(app.app.fetch, '127.0.0.1', 0);
  const pause = async () => {
    stopping = true;
    await stopListening(server, 100);
    stopping = false;
  };
  return {
    ...app,
    seed,
    url: `${url}/`,
    streams: changes.streams,
    pause,
    async resume() {
      ({ server, url } = await listen(app.app.fetch, '127.0.0.1', Number(new URL(url).port)));
    },
    async close() {
      await pause();
      await app.close();
    },
  };
}

function countingStreams(changes: Changes): Changes & { streams(): number } {
  let open = 0;
  return {
    ...changes,
    streams: () => open,
    subscribe(listener) {
      const end = changes.subscribe(listener);
      open += 1;
      return () => {
        open -= 1;
        end();
      };
    },
  };
}

const types: Readonly<Record<string, string>> = { jpg: 'image/jpeg', png: 'image/png', txt: 'text/plain' };

/** File objects as the browser provides them, created inside the page. */
async function transferOf(page: Page, paths: readonly string[]): Promise<JSHandle<DataTransfer>> {
  const files = await Promise.all(
    paths.map(async (path) => ({
      name: basename(path),
      type: types[path.split('.').at(-1)!] ?? '',
      base64: (await readFile(path)).toString('base64'),
    })),
  );
  return page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, files);
}

/** Drags external files over the page and keeps them there. */
export async function dragFiles(page: Page, paths: readonly string[]): Promise<JSHandle<DataTransfer>> {
  const dataTransfer = await transferOf(page, paths);
  await page.dispatchEvent('body', 'dragenter', { dataTransfer });
  return dataTransfer;
}

/** Drags external files over the page and drops them; `target` may be an element that appears only while dragging. */
export async function dropFiles(page: Page, target: string, paths: readonly string[]): Promise<void> {
  const dataTransfer = await dragFiles(page, paths);
  await page.dispatchEvent(target, 'dragover', { dataTransfer });
  await page.dispatchEvent(target, 'drop', { dataTransfer });
}

export async function pasteFile(page: Page, path: string): Promise<void> {
  const clipboardData = await transferOf(page, [path]);
  await page.evaluate((data) => {
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, clipboardData);
}
