import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';

const search = (page: Page) => page.getByRole('combobox', { name: 'Search pictures with words' });
const understood = (page: Page, name = 'Understood as') => page.getByRole('list', { name }).getByRole('button');
const tiles = (page: Page, count: number) =>
  page.waitForFunction((wanted) => document.querySelectorAll('.grid .tile').length === wanted, count);

describe('the words people type, on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 23);
  });
  after(() => server.close());

  it('are shown as they were understood, and taken literally on request', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).fill('mountains without people, in black and white');
    await understood(page).getByText('without people').waitFor();
    await tiles(page, 2);
    await understood(page).getByText('black and white').click();
    await page.waitForURL((url) => url.searchParams.get('q') === 'mountains without people, "in black and white"');
    await page.getByRole('heading', { name: /^Best matches/ }).waitFor();
    await understood(page).getByText('black and white').waitFor({ state: 'detached' });
    await understood(page).getByText('without people').click();
    await page.waitForURL((url) => url.searchParams.get('q') === 'mountains "without people", "in black and white"');
    await page.getByRole('list', { name: 'Understood as' }).waitFor({ state: 'detached' });
    await page.goBack();
    await understood(page).getByText('without people').waitFor();
  });

  it('are understood in a part of the query, too, and in the language of the page', async (t) => {
    const { page } = await browser.open(t, `${server.url}?with=1:ein+Strand+ohne+Menschen&q=Meer`, { locale: 'de' });
    await understood(page, 'Verstanden als').getByText('ohne Menschen').click();
    await page.getByRole('button', { name: 'mit ein Strand "ohne Menschen"', exact: true }).waitFor();
    await page.getByRole('list', { name: 'Verstanden als' }).waitFor({ state: 'detached' });
  });

  it('offers what was probably meant', async (t) => {
    const { page } = await browser.open(t, server.url);
    await search(page).fill('cofee');
    await page.getByRole('link', { name: 'Did you mean coffee?' }).click();
    await page.waitForURL((url) => url.searchParams.get('q') === 'coffee');
    await page.getByRole('link', { name: 'Did you mean coffee?' }).waitFor({ state: 'detached' });
    const first = page.locator('.grid > li:first-child');
    await first.getByRole('link', { name: 'coffee' }).waitFor();
    await first.getByText('file name').waitFor();
  });

  it('filters by main colours, which the address keeps', async (t) => {
    const { page } = await browser.open(t, server.url);
    await page.getByRole('heading', { name: 'Newest' }).waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByRole('button', { name: 'black and white', exact: true }).click();
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Newest 2 pictures' }).waitFor();
    await page.getByRole('button', { name: 'Remove filter black and white' }).click();
    await page.getByRole('heading', { name: 'Newest 23 pictures' }).waitFor();
  });
});
