// npm run screenshots -- [--url URL] [--out docs/images]
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { EXIT, runCommand } from '../functions/cli.ts';
import { userPath } from '../functions/runtime.ts';
import { findBrowser } from './find-browser.ts';

const usage = `
Usage: npm run screenshots -- [options]

Takes the pictures of the page that README.md shows, of a running server with the sample photos.

  --url URL   the page (default: http://127.0.0.1:8787/)
  --out DIR   folder to write (default: docs/images)
`;

const size = { width: 1280, height: 800 };

await runCommand(
  { usage, options: { url: { type: 'string' }, out: { type: 'string' } }, positionals: { min: 0, max: 0 } },
  async (flags) => {
    const url = flags.url ?? 'http://127.0.0.1:8787/';
    const out = userPath(flags.out ?? 'docs/images');
    const executablePath = findBrowser();
    if (executablePath === null) throw new Error('expected a Chromium on this machine, found none: npm run browser');
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      const page = await browser.newPage({ viewport: size, colorScheme: 'light' });
      const shoot = async (name: string) => {
        await page.waitForLoadState('load');
        // Every thumbnail in sight has to be there.
        await page.waitForFunction(() =>
          [...document.images].every((image) => image.complete && image.naturalWidth > 0),
        );
        await page.screenshot({ path: join(out, `${name}.jpg`), type: 'jpeg', quality: 84 });
        console.log(join(out, `${name}.jpg`));
      };
      await page.goto(`${url}?q=a+walk+in+the+mountains&with=-0.5:people`);
      await page.locator('.tile img.shown').nth(8).waitFor();
      await shoot('search');
      await page.locator('.tile-main').first().click();
      await page.locator('.neighbours li').nth(8).waitFor();
      await page.locator('.stage-picture img.shown').waitFor();
      await shoot('picture');
    } finally {
      await browser.close();
    }
    return EXIT.done;
  },
);
