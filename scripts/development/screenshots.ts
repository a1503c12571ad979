import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { SightlineError } from '../../core/errors.ts';
import { path, toggle, url } from '../../core/setting-value.ts';
import { userPath } from '../../server/environment.ts';
import { createClient } from '../../web/client.ts';
import { command, EXIT, UsageError } from '../cli/command.ts';
import { findBrowser } from './find-browser.ts';

interface View {
  readonly name: string;
  /** Query string of the page. */
  readonly query: string;
  /** What to wait for before the screenshot. */
  readonly ready: string;
  readonly act?: (page: Page) => Promise<void>;
  /** Runs before the page is opened. */
  readonly before?: (page: Page) => Promise<void>;
  /** Needs the output of `npm run report`. */
  readonly ofReport?: true;
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
  {
    name: 'training-data',
    query: '?view=training',
    ready: '.card',
    ofReport: true,
    act: (page) => part(page, 'Data', '.data-row img'),
  },
  {
    name: 'training-map',
    query: '?view=training',
    ready: '.card',
    ofReport: true,
    act: async (page) => {
      await part(page, 'Map', '.map-stage');
      await mapDone(page);
    },
  },
  { name: 'copies', query: '?view=copies', ready: '.stack, .empty' },
  { name: 'failures', query: '?view=failures', ready: '.failure, .empty' },
  { name: 'trash', query: '?view=trash', ready: '.trash-row, .empty' },
  { name: 'status', query: '?view=status', ready: '.card' },
  { name: 'silent', query: '', ready: '.tile img.shown', act: searchInVain },
  { name: 'offline', query: '', ready: '.tile img.shown', act: goOffline },
  { name: 'first-start', query: '', ready: '.empty', before: withoutPictures },
];

const windows = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
  { width: 3840, height: 2160 },
] as const;

export default command({
  usage: '[options] [VIEW ...]',
  about: `
Takes the screenshots of README.md, of a running server with the sample photos; or of every view in all sizes, light and
dark, to check a visual change.`,
  words: { min: 0, max: views.length },
  options: {
    url: url({ text: 'the page', default: 'http://127.0.0.1:8787/' }),
    all: toggle({ text: 'every view, or those named, at 360, 1280 and 3840 pixels, light and dark' }),
    out: path({ text: 'folder to write', shown: 'docs/images; with --all dist/screenshots' }),
  },
  run: async (flags, names) => {
    const unknown = names.find((name) => !views.some((view) => view.name === name));
    if (unknown !== undefined || (names.length > 0 && !flags.all)) {
      const known = views.map(({ name }) => name).join(', ');
      throw new UsageError(`expected views out of ${known}, after --all; got ${names.join(' ')}`);
    }
    const chosen = views.filter(({ name }) => names.length === 0 || names.includes(name));
    const { url, out = userPath(flags.all ? 'dist/screenshots' : 'docs/images') } = flags;
    const executablePath = findBrowser();
    if (executablePath === null) throw new Error('expected a Chromium on this machine, found none: npm run browser');
    await mkdir(out, { recursive: true });
    await using browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
    if (flags.all) return (await shootAll(browser, url, out, chosen)) ? EXIT.done : EXIT.failed;
    await shootForReadme(browser, url, out);
    return EXIT.done;
  },
});

async function shootForReadme(browser: Browser, url: string, out: string): Promise<void> {
  const page = await browser.newPage({ viewport: windows[1], colorScheme: 'light' });
  await page.goto(`${url}?q=a+walk+in+the+mountains&with=-0.5:people`);
  await page.locator('.tile img.shown').nth(8).waitFor();
  await shoot(page, join(out, 'search.jpg'));
  await openFirst(page);
  await page.locator('.neighbours li').nth(8).waitFor();
  await shoot(page, join(out, 'picture.jpg'));
}

/** True if all views can be taken; prints which cannot, and why. */
async function shootAll(browser: Browser, url: string, out: string, chosen: readonly View[]): Promise<boolean> {
  const { report } = await createClient({ baseUrl: url })
    .status()
    .catch((error: Error) => {
      throw new SightlineError('invalid-config', `--url: expected a running server, got: ${error.message}; npm start`);
    });
  const shown = chosen.filter(({ ofReport }) => report || !ofReport);
  const faults: string[] = [];
  for (const viewport of windows) {
    const context = await browser.newContext({ viewport, locale: 'en-US', reducedMotion: 'reduce' });
    for (const view of shown) {
      const page = await context.newPage();
      try {
        await shootView(page, view, url, join(out, `${view.name}-${viewport.width}`));
      } catch (error) {
        faults.push(`${view.name} at ${viewport.width} px: ${(error as Error).message.split('\n')[0]}`);
      }
      // Also needed by later views.
      await context.setOffline(false);
      await page.close();
    }
    await context.close();
  }
  for (const fault of faults) console.error(`not taken: ${fault}`);
  if (shown.length < chosen.length) {
    const left = chosen.filter(({ ofReport }) => ofReport).map(({ name }) => name);
    console.error(`not taken: ${left.join(', ')}: the server has no report; npm run report -- --data DIR writes one`);
  }
  return faults.length === 0 && shown.length === chosen.length;
}

async function shootView(page: Page, { query, ready, act, before }: View, url: string, path: string): Promise<void> {
  page.setDefaultTimeout(15_000);
  await before?.(page);
  await page.goto(url + query);
  await page.locator(ready).first().waitFor();
  await act?.(page);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await shoot(page, `${path}-${colorScheme}.jpg`);
  }
}

async function shoot(page: Page, path: string): Promise<void> {
  await page.waitForLoadState('load');
  await thumbnailsInSight(page);
  await page.screenshot({ path, type: 'jpeg', quality: 84 });
  console.log(path);
}

async function thumbnailsInSight(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    [...document.images].every(
      (image) => image.getBoundingClientRect().top > innerHeight || (image.complete && image.naturalWidth > 0),
    ),
  );
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
  await page.getByRole('button', { name: 'Rearrange', disabled: false }).waitFor({ timeout: 120_000 });
  // Pictures arrive one by one; only the network shows when they are complete.
  const loaded = () => page.evaluate(() => performance.getEntriesByType('resource').length);
  for (let before = -1, now = await loaded(); now > before; now = await loaded()) {
    before = now;
    await page.waitForTimeout(1000);
  }
}

async function part(page: Page, name: string, ready: string): Promise<void> {
  await press(page, name);
  await page.locator(ready).first().waitFor();
}

/** Simulates a server that does not answer. */
async function searchInVain(page: Page): Promise<void> {
  await page.route('**/search?*', (route) => route.abort());
  await page.getByRole('combobox', { name: 'Search pictures with words' }).fill('a cat');
  await page.locator('.fault').waitFor();
}

/** Simulates losing the network with the page open. */
async function goOffline(page: Page): Promise<void> {
  await thumbnailsInSight(page);
  await page.context().setOffline(true);
  await page.locator('.connection-note, .fault').waitFor();
}

/** Answers of an empty server. */
async function withoutPictures(page: Page): Promise<void> {
  const nothing = { items: [], total: 0 };
  await page.route('**/images?*', (route) => route.fulfill({ json: nothing }));
  await page.route('**/status', (route) => route.fulfill({ json: { backlog: 0 } }));
}
