import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { ASCII } from '../core/metadata/exif-block.ts';
import { rawOf } from '../core/picture/odd-pictures.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { dropFiles, type PageServer, pageServer, samplePath } from '../support/page-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const heic = fileURLToPath(new URL('../fixtures/heic/turned.heic', import.meta.url));

/** Files from cameras and phones other than JPEG, each as large as a test allows. */
async function files(): Promise<Record<string, Buffer>> {
  const photo = await readFile(samplePath('rocket.jpg'));
  const jpeg = await sharp(samplePath('dahlia.jpg')).resize(1200).jpeg().toBuffer();
  const frames = await Promise.all(
    ['moon', 'cat'].map((name) =>
      sharp(samplePath(`${name}.jpg`))
        .resize(90, 60)
        .raw()
        .toBuffer(),
    ),
  );
  const raw = { width: 90, height: 120, channels: 3, pageHeight: 60 } as const;
  return {
    'IMG_1.NEF': rawOf({ make: 'NIKON', jpegs: [jpeg], photo: { 36867: ASCII('2019:07:05 12:00:00') } }),
    // A motion photo: a video appended to the still.
    'PXL_2.MP.jpg': Buffer.concat([photo, await readFile(samplePath('cat.jpg'))]),
    'IMG_3.HEIC': await readFile(heic),
    'clip.webp': await sharp(Buffer.concat(frames), { raw })
      .webp({ delay: [100, 100] })
      .toBuffer(),
  };
}

describe('what cameras and telephones write, on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer();
  });
  after(() => server.close());

  it('is added, shown small and large, found by its type and downloaded as it is', async (t) => {
    const folder = tempFolder();
    const all = await files();
    const paths = Object.keys(all).map((name) => join(folder, name));
    await Promise.all(Object.values(all).map((bytes, i) => writeFile(paths[i]!, bytes)));
    const { page } = await browser.open(t, server.url);
    await dropFiles(page, '[data-drop="add"]', paths);
    await page.getByRole('heading', { name: 'Newest 4 pictures' }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.tile img.shown').length === 4);

    for (const [name, bytes] of Object.entries(all)) {
      await page.locator('.tile-main', { hasText: name.replace(/\.\w+$/, '').replaceAll('_', ' ') }).click();
      const large = page.locator('.stage-picture img.shown');
      await large.waitFor();
      const [width, address] = await large.evaluate((one: HTMLImageElement) => [one.naturalWidth, one.src] as const);
      const isPreview = /NEF|HEIC/.test(name);
      assert.equal(address.endsWith('/thumbnail?size=2048'), isPreview, address);
      assert.equal(await page.locator('.stage-note').count(), isPreview ? 1 : 0, name);
      if (name === 'IMG_1.NEF') assert.equal(width, 1200);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator('.detail').getByRole('link', { name: 'Download' }).click(),
      ]);
      assert.equal(download.suggestedFilename(), name);
      assert.deepEqual(await readFile(await download.path()), bytes);
      await page.keyboard.press('Escape');
    }

    await page.getByRole('button', { name: 'Filters' }).click();
    const type = page.getByRole('group', { name: 'Type' });
    await type.getByRole('button', { name: 'NEF' }).waitFor();
    const names = (await type.getByRole('button').allInnerTexts()).map((name) => name.replace('\n', ' '));
    assert.deepEqual(names, ['HEIC 1', 'JPEG 1', 'WebP 1', 'NEF 1']);
    await type.getByRole('button', { name: 'NEF' }).click();
    await page.getByRole('heading', { name: 'Newest 1 picture' }).waitFor();
    await page.getByRole('link', { name: 'IMG 1, Jul 5, 2019' }).waitFor();
    await page.getByRole('button', { name: 'Remove filter NEF' }).waitFor();
  });

  it('is searched by when it is dropped', async (t) => {
    const folder = tempFolder();
    const path = join(folder, 'IMG_1.NEF');
    await writeFile(path, (await files())['IMG_1.NEF']!);
    const { page } = await browser.open(t, server.url);
    await dropFiles(page, '[data-drop="search"]', [path]);
    await page.getByRole('heading', { name: /Best matches/ }).waitFor();
    await page.locator('.tile img.shown').first().waitFor();
  });
});
