import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFile, cp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PictureLine } from '../../scripts/report/lines.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { writePhotoDataset } from '../support/photo-dataset.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { violations } from './axe.ts';

/** The report as written by the command, opened from disk in a real browser. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const HOSTILE = `</script><img src=x onerror="document.title='run'"> a cup & saucer`;

/** A report with training curves. */
const HEAD = 'head-compact-float32';

describe('npm run report', browserSkip(), () => {
  const browser = useBrowser();
  const folder = tempFolder();
  let file: string;
  let lines: PictureLine[];
  before(async () => {
    const data = await writePhotoDataset(join(folder, 'photos'));
    // More captions for an existing picture, and a picture that cannot be read.
    await appendFile(
      join(data, 'captions.jsonl'),
      `${JSON.stringify({ image: 'coffee.jpg', captions: [HOSTILE], split: 'val' })}\n` +
        `${JSON.stringify({ image: 'broken.jpg', captions: ['nothing'], split: 'val' })}\n`,
    );
    await writeFile(join(data, 'images', 'broken.jpg'), 'no picture');
    file = join(folder, 'report.html');
    // The same head compared with itself, as if training had been interrupted once.
    const beside = join(folder, 'head-stopped');
    await cp(join(root, 'models', HEAD), beside, { recursive: true });
    const info = JSON.parse(await readFile(join(beside, 'head.json'), 'utf8'));
    info.training.resumedAfter = [2];
    await writeFile(join(beside, 'head.json'), JSON.stringify(info));
    const first = join(folder, 'first', HEAD);
    await cp(join(root, 'models', HEAD), first, { recursive: true });
    const own = JSON.parse(await readFile(join(first, 'head.json'), 'utf8'));
    const recall = { recall: { 1: 12.34, 5: 45.6, 10: 78 } };
    const german = { captions: 1234, pictures: 900, textToImage: recall, imageToText: recall, recallSum: 271.9 };
    own.texts[0].training = { validation: { de: german }, withValidation: true };
    await writeFile(join(first, 'head.json'), JSON.stringify(own));
    const options = [
      '--head',
      first,
      '--beside',
      beside,
      '--data',
      data,
      '--out',
      file,
      '--features',
      join(folder, 'features'),
      '--resamples',
      '50',
    ];
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'scripts/sightline.ts', 'report', ...options],
      { cwd: root, encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /1 picture that cannot be decoded/);
    const text = await readFile(file.replace('.html', '.jsonl'), 'utf8');
    lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PictureLine);
  });

  const open = async (t: Parameters<typeof browser.open>[0]) => {
    const asked: string[] = [];
    const { page } = await browser.open(t, 'about:blank', { offline: true });
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    await page.locator('#data-browser').waitFor();
    return { page, asked };
  };

  it('opens from disk and asks nobody for anything', async (t) => {
    const { page, asked } = await open(t);
    assert.deepEqual(
      asked.filter((url) => !url.startsWith('data:')),
      [pathToFileURL(file).href],
    );
    assert.equal(await page.title(), `${HEAD} on photos, val`);
    assert.ok((await stat(file)).size < 1e6);
    const byLanguage = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'de', exact: true }) });
    assert.match(await byLanguage.innerText(), /all-minilm-l6-v2\s+1,234\s+12\.3 \/ 45\.6 \/ 78\.0\s.*\s271\.9/);
    for (const id of ['figures', 'training', 'recipes', 'similarity', 'ranks', 'cases', 'pictures', 'captions']) {
      assert.ok(await page.locator(`#${id} h2`).isVisible(), id);
    }
    assert.equal(await page.locator('#training .curves').count(), 2);
    assert.ok((await page.locator('#training circle').count()) > 0);
    assert.ok((await page.locator('#training .chart-break').count()) > 0);
    assert.match(await page.locator('#training').innerText(), /gone on with after epoch 2/);
    assert.equal(await page.locator('#recipes tbody').first().locator('tr').count(), 2);
    assert.match(await page.locator('#recipes').innerText(), /As published, not measured here/);
    await page.setViewportSize({ width: 390, height: 800 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${width} pixels wide on a small screen`);
  });

  it('shows pictures and marks right answers as the lines say', async (t) => {
    const { page } = await open(t);
    const card = (name: string) => page.locator('#pictures .found-captions', { hasText: name });
    const search = page.locator('#pictures').getByLabel('Search in captions');
    for (const name of ['coffee.jpg', 'clock.jpg']) {
      const line = lines.find(({ image }) => image === name)!;
      await search.fill(name);
      const marks = await card(name).locator('ol .mark').allInnerTexts();
      assert.deepEqual(
        marks,
        line.top.map(({ right }) => (right ? '✓' : '✗')),
      );
      const texts = await card(name).locator('ol li').allInnerTexts();
      for (const [i, { text }] of line.top.entries()) assert.ok(texts[i]!.includes(text), texts[i]);
      assert.ok(
        await card(name)
          .locator('img')
          .evaluate((img) => (img as HTMLImageElement).naturalWidth > 100),
      );
    }
    // Captions are always shown as plain text.
    assert.notEqual(await page.title(), 'run');
    await search.fill('cup &');
    assert.match(await card('coffee.jpg').innerText(), /<\/script><img src=x onerror=/);
  });

  it('draws the similarity matrix with a bright diagonal, and follows the keyboard through it', async (t) => {
    const { page } = await open(t);
    const [right, wrong, darkest, brightest] = await page.locator('#similarity canvas').evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
      const green = (row: number, column: number) => data[(row * width + column) * 4 + 1]!;
      let [on, off] = [0, 0];
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          if (row === column) on += green(row, column) / height;
          else off += green(row, column) / (height * (height - 1));
        }
      }
      const greens = data.filter((_, i) => i % 4 === 1);
      return [on, off, Math.min(...greens), Math.max(...greens)];
    });
    // The whole colour scale is used, however close the cosines of a head are.
    assert.deepEqual([darkest, brightest], [1, 231]);
    assert.ok(right! > wrong! + 20, `diagonal ${right}, elsewhere ${wrong}`);
    await page.getByRole('application', { name: 'Cells of the matrix' }).focus();
    await page.keyboard.press('ArrowRight');
    assert.match(await page.locator('.pair').innerText(), /a wrong pair/);
    await page.keyboard.press('ArrowDown');
    assert.match(await page.locator('.pair').innerText(), /a right pair/);
  });

  it('browses the data: split, search, order, and a picture by keyboard', async (t) => {
    const { page } = await open(t);
    const section = page.locator('#data-browser');
    const names = async () =>
      (await section.locator('.wall button').evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')!))).map(
        (label) => /Open (.*?):/.exec(label)![1],
      );
    assert.equal((await names()).length, 23);
    await section.getByLabel('Split', { exact: true }).selectOption('train');
    assert.deepEqual(await names(), ['cat.jpg', 'dahlia.jpg', 'forest-stream.jpg', 'photographer.jpg', 'sunset.jpg']);
    await section.getByLabel('Search in captions').fill('HILLS sun');
    assert.deepEqual(await names(), ['sunset.jpg']);

    await section.getByLabel('Search in captions').fill('');
    await section.getByLabel('Split', { exact: true }).selectOption('val');
    await section.getByLabel('Order').selectOption('worst');
    const meanRank = ({ captions }: PictureLine) =>
      captions.reduce((sum, { rank }) => sum + rank!, 0) / captions.length;
    const worst = lines.filter(({ split }) => split === 'val').toSorted((a, b) => meanRank(b) - meanRank(a));
    assert.equal((await names())[0], worst[0]!.image);

    await section.locator('.wall button').first().press('Enter');
    const dialog = page.getByRole('dialog');
    assert.match(await dialog.innerText(), new RegExp(worst[0]!.image));
    await page.keyboard.press('ArrowRight');
    assert.match(await dialog.locator('h3').innerText(), new RegExp((await names())[1]!));
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  it('is for everybody: axe finds nothing, in light and dark, with and without a picture open', async (t) => {
    const { page } = await open(t);
    assert.deepEqual(await violations(page), []);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await violations(page), []);
    await page.locator('#data-browser .wall button').first().click();
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(await violations(page), []);
    await page.emulateMedia({ colorScheme: 'light' });
    assert.deepEqual(await violations(page), []);
  });
});
