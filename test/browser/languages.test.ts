import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Language, languages } from '../../web/i18n/translate.ts';
import { samplePhoto } from '../functions/http/harness.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer, sampleNames } from '../support/page-server.ts';
import { violations } from './axe.ts';

describe('the language of the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 3);
    // Two stacks of copies.
    for (const name of (await sampleNames()).slice(0, 2)) {
      const body = await samplePhoto(name);
      const headers = { 'content-type': 'image/jpeg' };
      await server.json(`/images?key=copies/${name}`, { method: 'POST', headers, body });
    }
  });
  after(() => server.close());

  it('is the browser’s, English where there is none of its languages', async (t) => {
    const { page } = await browser.open(t, server.url, { locale: 'de-AT' });
    await page.getByRole('heading', { name: 'Neueste 5 Bilder' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'de-AT');
    const { page: other } = await browser.open(t, server.url, { locale: 'sv-SE' });
    await other.getByRole('heading', { name: 'Newest 5 pictures' }).waitFor();
    assert.equal(await other.locator('html').getAttribute('lang'), 'en');
  });

  it('is chosen in the menu, at once and the next time', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=trash`);
    await page.getByRole('heading', { name: 'Trash', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('Deutsch');
    await page.getByRole('heading', { name: 'Papierkorb', level: 1 }).waitFor();
    await page.waitForFunction(() => document.title === 'Papierkorb · Sightline');
    await page.waitForFunction(() => document.documentElement.lang === 'de');
    await page.reload();
    await page.getByRole('heading', { name: 'Papierkorb', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Menü' }).click();
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('auto');
    await page.getByRole('heading', { name: 'Trash', level: 1 }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Trash', level: 1 }).waitFor();
  });

  it('is offered for the words of a search, and asked for once it is chosen', async (t) => {
    const { page } = await browser.open(t, `${server.url}?q=cat`, { locale: 'fr-FR' });
    const choice = page.getByRole('combobox', { name: 'Langue des mots' });
    const asked = page.waitForResponse((response) => new URL(response.url()).searchParams.get('lang') === 'fr');
    await choice.selectOption('fr');
    assert.equal((await asked).status(), 200);
    await page.waitForURL((url) => url.searchParams.get('lang') === 'fr');
    await choice.selectOption('');
    await page.waitForURL((url) => !url.searchParams.has('lang'));
    const { page: english } = await browser.open(t, `${server.url}?q=cat`, { locale: 'en-US' });
    await english.getByRole('heading', { name: 'Best' }).waitFor();
    assert.equal(await english.getByRole('combobox', { name: 'Query language' }).count(), 0);
  });

  it('stays when the texts of another one cannot be loaded', async (t) => {
    const { page } = await browser.open(t, server.url, { expectComplaints: /Failed to load resource/ });
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    await page.route('**/assets/de-*', (route) => route.abort());
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('alert').waitFor();
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en-US');
  });

  for (const code of Object.keys(languages) as Language[]) {
    it(`fits into 360 pixels in ${languages[code]}, and gives axe nothing to find`, async (t) => {
      const viewport = { width: 360, height: 740 };
      const { page } = await browser.open(t, server.url, { locale: code, viewport, reducedMotion: 'reduce' });
      await page.locator('img.shown').first().waitFor();
      const isFine = async (what: string) => {
        assert.deepEqual(await violations(page), [], what);
        const outside = await page.evaluate(() =>
          [...document.querySelectorAll('button, a, select, input:not(.visually-hidden)')]
            .filter((one) => one.checkVisibility() && one.closest('.start') === null)
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
            .map((one) => one.outerHTML),
        );
        assert.deepEqual(outside, [], what);
      };
      await isFine('pictures');
      for (const popover of ['menu', 'filters']) {
        await page.locator(`[popovertarget="${popover}"]`).first().click();
        await page.locator(`#${popover}:popover-open`).waitFor();
        await isFine(popover);
        await page.keyboard.press('Escape');
      }
      await page.locator('.tile-main').first().click();
      await page.locator('.neighbours img.shown').first().waitFor();
      await isFine('a picture');
      await page.goto(`${server.url}?q=a+cat&with=-0.5:people&shape=landscape`);
      await page.locator('img.shown').first().waitFor();
      await isFine('what was found');
      for (const view of ['copies', 'status', 'trash'] as const) {
        await page.goto(`${server.url}?view=${view}`);
        await page
          .locator(({ copies: '.stacks img.shown', status: '.card', trash: '.empty' } as const)[view])
          .first()
          .waitFor();
        await isFine(view);
      }
    });
  }
});
