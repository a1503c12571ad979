import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { samplePath } from '../support/page-server.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the folders of a server on the page', browserSkip(), () => {
  const browser = useBrowser();
  const dir = tempFolder();
  let server: RunningServer;
  const at = (path: string) => join(dir, path);
  before(async () => {
    await fill('Trip', 'cat.jpg', 'rocket.jpg');
    for (const beside of ['a.mov', 'b.MP4', 'cat.jpg.json', 'Thumbs.db', '.hidden', 'notes.txt', 'x.png'])
      await writeFile(at(`Trip/${beside}`), beside);
    await writeFile(at('Trip/.sightlineignore'), '*.png');
    server = await startServer(['--data', at('data')]);
  });
  after(() => server.stop());

  async function fill(folder: string, ...names: string[]): Promise<void> {
    await mkdir(at(folder), { recursive: true });
    for (const name of names) await copyFile(samplePath(name), at(`${folder}/${name}`));
  }

  async function sendPlace(page: Page, path: string, button: string): Promise<void> {
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Path on the server').fill(path);
    await dialog.getByRole('button', { name: button, exact: true }).click();
  }

  it('are added by their path, which takes the samples away; one in another is refused with both named', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=status`, { expectComplaints: /status of 409/ });
    const list = page.getByRole('region', { name: 'Folders' });
    await list.getByText('23 pictures').waitFor({ timeout: 120_000 });
    await list.getByRole('button', { name: 'Add a folder on the server' }).click();
    await sendPlace(page, at('Trip'), 'Add');
    await list.getByText('2 pictures', { exact: true }).waitFor();
    await list.getByRole('button', { name: 'photos', exact: true }).waitFor({ state: 'detached' });
    assert.match(await list.innerText(), /^Folders[\s\S]*watched\s+Trip\s+\/[\s\S]*Trip\s+2 pictures/);

    await mkdir(at('Trip/day2'));
    await list.getByRole('button', { name: 'Add a folder on the server' }).click();
    await sendPlace(page, at('Trip/day2'), 'Add');
    const refusal = page.getByRole('dialog').getByRole('alert');
    await refusal.waitFor();
    const said = await refusal.innerText();
    assert.ok(said.includes(`${at('Trip/day2')} lies in ${at('Trip')},`), said);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
  });

  it('have their files that are no pictures counted by reason, also where nothing failed', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=failures`);
    const skipped = page.getByRole('region', { name: 'Skipped, because they are not pictures' });
    await skipped.waitFor();
    assert.deepEqual((await skipped.getByRole('listitem').allInnerTexts()).toSorted(), [
      'Hidden files: 2',
      'Ignored by a setting or a .sightlineignore file: 1',
      'Other files: 1',
      'Sidecar files that describe pictures: 1',
      'System files, such as previews and recycle bins: 1',
      'Videos: 2',
    ]);
  });

  it('are moved by hand, asked about when they may have been, and taken out after a question', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=status`, { expectComplaints: /status of 409/ });
    const list = page.getByRole('region', { name: 'Folders' });
    await list.getByRole('button', { name: 'Trip', exact: true }).waitFor();
    await rename(at('Trip'), at('Journey'));
    await list.getByRole('button', { name: 'Move Trip', exact: true }).click();
    await sendPlace(page, at('Journey'), 'Move');
    await list.getByRole('button', { name: 'Journey', exact: true }).waitFor();
    await list.getByText('2 pictures', { exact: true }).waitFor();

    await rm(at('Journey'), { recursive: true });
    await list.getByText('unavailable').waitFor();
    await fill('Voyage', 'cat.jpg', 'moon.jpg');
    await list.getByRole('button', { name: 'Add a folder on the server' }).click();
    await sendPlace(page, at('Voyage'), 'Add');
    await page.getByRole('dialog').getByText('1 of the 2 pictures of Journey').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Yes, it was moved' }).click();
    await list.getByRole('button', { name: 'Voyage', exact: true }).waitFor();
    assert.equal(await list.locator('li').count(), 1);

    await list.getByRole('button', { name: 'Remove Voyage' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('Voyage is removed from the index').waitFor();
    await list.locator('li').waitFor({ state: 'detached' });
    assert.deepEqual((await readdir(at('Voyage'))).sort(), ['cat.jpg', 'moon.jpg']);
  });
});
