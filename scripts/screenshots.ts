// npm run screenshots -- [--url URL] [--out docs/images] [--all]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { EXIT, runCommand } from '../functions/cli.ts';
import { userPath } from '../functions/runtime.ts';
import { findBrowser } from './find-browser.ts';

const usage = `
Usage: npm run screenshots -- [options]

Takes the pictures of the page that README.md shows, of a running server with the sample photos; or of every view in every
size and in light and dark, for who is about to change how the page looks.

  --url URL   the page (default: http://127.0.0.1:8787/)
  --all       every view at 360, 1280 and 3840 pixels, light and dark
  --out DIR   folder to write (default: docs/images, with --all dist/screenshots)
`;

interface View {
  readonly name: string;
  /** Query string of the page. */
  readonly query: string;
  /** What has to be there before it is done. */
  readonly ready: string;
  readonly act?: (page: Page) => Promise<void>;
}

const menu = (name: string | RegExp) => async (page: Page) => {
  await page.getByRole('button', { name: /^Menu/ }).click();
  await page.getByRole('button', { name }).click();
};

const views: readonly View[] = [
  { name: 'newest', query: '', ready: '.tile img.shown' },
  { name: 'search', query: '?q=a+walk+in+the+mountains&with=-0.5:people', ready: '.tile img.shown' },
  { name: 'both', query: '?q=a+walk+in+the+mountains&kind=any', ready: '.grid' },
  { name: 'captions', query: '?kind=caption', ready: '.caption-tile, .empty' },
  { name: 'nothing', query: '?q=a+cat&tag=nowhere', ready: '.empty' },
  { name: 'picture', query: '', ready: '.tile img.shown', act: openFirst },
  { name: 'filters', query: '?shape=landscape', ready: '.tile img.shown', act: (page) => press(page, /^Filters/) },
  { name: 'menu', query: '', ready: '.tile img.shown', act: (page) => press(page, /^Menu/) },
  { name: 'weights', query: '?q=a+cat&with=-0.5:people', ready: '.chip', act: (page) => press(page, 'without people') },
  {
    name: 'selection',
    query: '',
    ready: '.tile img.shown',
    act: (page) => page.locator('.tile-check').first().click(),
  },
  { name: 'focus', query: '', ready: '.tile img.shown', act: (page) => page.locator('.tile-main').nth(1).focus() },
  { name: 'keys', query: '', ready: '.tile img.shown', act: (page) => page.keyboard.press('?') },
  { name: 'api-key', query: '', ready: '.tile img.shown', act: menu(/^API key/) },
  { name: 'map', query: '?view=map', ready: '.map-stage', act: mapDone },
  { name: 'map-search', query: '?view=map&q=a+walk+in+the+mountains', ready: '.map-stage', act: mapDone },
  { name: 'training', query: '?view=training', ready: '.card' },
  { name: 'training-data', query: '?view=training', ready: '.card', act: (page) => part(page, 'Data', '.data-row') },
  { name: 'training-map', query: '?view=training', ready: '.card', act: (page) => part(page, 'Map', '.map-stage') },
  { name: 'failures', query: '?view=failures', ready: '.failure, .empty' },
  { name: 'status', query: '?view=status', ready: '.card' },
  { name: 'silent', query: '', ready: '.tile img.shown', act: searchInVain },
];

const windows = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
] as const;

await runCommand(
  {
    usage,
    options: { url: { type: 'string' }, out: { type: 'string' }, all: { type: 'boolean', default: false } },
    positionals: { min: 0, max: 0 },
  },
  async (flags) => {
    const url = flags.url ?? 'http://127.0.0.1:8787/';
    const out = userPath(flags.out ?? (flags.all ? 'dist/screenshots' : 'docs/images'));
    const executablePath = findBrowser();
    if (executablePath === null) throw new Error('expected a Chromium on this machine, found none: npm run browser');
    await mkdir(out, { recursive: true });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      if (flags.all) await shootAll(browser, url, out);
      else await shootForReadme(browser, url, out);
    } finally {
      await browser.close();
    }
    return EXIT.done;
  },
);

async function shootForReadme(browser: Browser, url: string, out: string): Promise<void> {
  const page = await browser.newPage({ viewport: windows[1], colorScheme: 'light' });
  await page.goto(`${url}?q=a+walk+in+the+mountains&with=-0.5:people`);
  await page.locator('.tile img.shown').nth(8).waitFor();
  await shoot(page, join(out, 'search.jpg'));
  await openFirst(page);
  await page.locator('.neighbours li').nth(8).waitFor();
  await shoot(page, join(out, 'picture.jpg'));
}

async function shootAll(browser: Browser, url: string, out: string): Promise<void> {
  for (const viewport of windows) {
    const context = await browser.newContext({ viewport, reducedMotion: 'reduce' });
    for (const { name, query, ready, act } of views) {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      await page.goto(url + query);
      await page.locator(ready).first().waitFor();
      // A view that needs what this server has not (a report, say) is shown as far as it goes.
      await act?.(page).catch((error: Error) => console.log(`${name}: ${error.message.split('\n')[0]}`));
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await shoot(page, join(out, `${name}-${viewport.width}-${colorScheme}.jpg`));
      }
      await page.close();
    }
    await context.close();
  }
}

async function shoot(page: Page, path: string): Promise<void> {
  await page.waitForLoadState('load');
  // Every thumbnail in sight has to be there.
  await page.waitForFunction(() =>
    [...document.images].every(({ complete, naturalWidth }) => complete && naturalWidth > 0),
  );
  await page.screenshot({ path, type: 'jpeg', quality: 84 });
  console.log(path);
}

async function press(page: Page, name: string | RegExp): Promise<void> {
  await page.getByRole('button', { name, exact: typeof name === 'string' }).click();
}

async function openFirst(page: Page): Promise<void> {
  await page.locator('.tile-main').first().click();
  await page.locator('.neighbours li').first().waitFor();
  await page.locator('.stage-picture img.shown').waitFor();
}

async function mapDone(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Arrange again', disabled: false }).waitFor();
  await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => {});
}

async function part(page: Page, name: string, ready: string): Promise<void> {
  await press(page, name);
  await page.locator(ready).first().waitFor();
}

/** As when the server does not answer. */
async function searchInVain(page: Page): Promise<void> {
  await page.route('**/search?*', (route) => route.abort());
  await page.getByRole('combobox').fill('a cat');
  await page.locator('.fault').waitFor();
}
