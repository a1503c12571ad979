import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';

describe('the documentation of the API', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 2);
  });
  after(() => server.close());

  for (const path of ['/search', '/images/{id}', '/images/{id}/similar', '/facets/{field}']) {
    it(`sends GET ${path} as it has filled it in, and shows what comes`, async (t) => {
      const { page } = await browser.open(t, `${server.url}docs`);
      const operation = page.locator('.opblock-get').filter({ has: page.locator(`[data-path="${path}"]`) });
      await operation.locator('.opblock-summary-control').click();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      await operation.getByRole('button', { name: 'Execute' }).click();
      const status = operation.locator('.live-responses-table .response-col_status');
      await status.last().waitFor();
      assert.match(await status.last().innerText(), /^200/);
    });
  }
});
