import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningServer, startServer } from '../e2e/server.ts';
import { browserSkip, useBrowser } from './browser.ts';
import { samplePath } from './server.ts';

describe('the page of `npm start`, with the real models', browserSkip(), () => {
  const browser = useBrowser();
  let data: string;
  let server: RunningServer;
  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'page-real-'));
    server = await startServer(['--data', data]);
  });
  after(async () => {
    await server.stop();
    await rm(data, { recursive: true });
  });

  it('finds the sample photos by words, and a new file a moment after it was dropped into the folder', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor({ timeout: 120_000 });
    await page.getByRole('combobox').fill('two dogs look out of a window');
    await page.waitForFunction(() =>
      document.querySelector('.tile-main')?.getAttribute('aria-label')?.startsWith('dogs at window'),
    );

    await page.getByRole('button', { name: 'Clear the query' }).click();
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
    await copyFile(samplePath('cat.jpg'), join(data, 'photos', 'a-new-cat.jpg'));
    await page.getByRole('link', { name: 'a new cat' }).waitFor();
    await page.getByRole('heading', { name: 'Newest 24 pictures' }).waitFor();
  });
});
