import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer, samplePath } from '../support/page-server.ts';
import { sampleReport } from './report.ts';

describe('the page behind a proxy under a path', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  let proxy: Server;
  let url: string;
  /** Requests outside the path. */
  const strayed: string[] = [];
  before(async () => {
    server = await pageServer({}, 3, { report: sampleReport() });
    proxy = startProxy(server.url, '/photos/', strayed);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/photos/`;
  });
  after(async () => {
    proxy.close();
    proxy.closeAllConnections();
    await server.close();
  });

  it('shows pictures, follows changes, adds, and asks for nothing outside of it', async (t) => {
    const { page } = await browser.open(t, url);
    await page.locator('.tile img.shown').nth(2).waitFor();
    const id = await server.addPhoto('moon.jpg');
    await page.locator(`.tile-main[href*="${id}"]`).waitFor();
    await page.getByLabel('Pictures to add').setInputFiles(samplePath('rocket.jpg'));
    await page.getByRole('heading', { name: 'Newest 5 pictures' }).waitFor();

    await page.locator(`.tile-main[href*="${id}"]`).click();
    await page.locator('.stage-picture img.shown').waitFor();
    const download = await page.getByRole('link', { name: 'Download' }).evaluate((a) => (a as HTMLAnchorElement).href);
    assert.equal((await fetch(download)).status, 200);
    await page.reload();
    await page.locator('.neighbours img').first().waitFor();

    await page.goto(`${url}?view=map`);
    await page.getByRole('heading', { name: 'Map 5 pictures' }).waitFor();
    await page.goto(`${url}?view=training&part=data`);
    await page.locator('.data-row').first().waitFor();
    await page.getByRole('button', { name: /^Menu/ }).click();
    const docs = await page
      .getByRole('link', { name: 'API documentation' })
      .evaluate((a) => (a as HTMLAnchorElement).href);
    assert.equal(docs, `${url}docs`);
    await page.getByRole('link', { name: 'Sightline, all pictures' }).click();
    await page.getByRole('heading', { name: 'Newest 5 pictures' }).waitFor();
    assert.equal(page.url(), url);
    assert.deepEqual(strayed, []);
  });
});

/** Behaves like nginx with `location /photos/ { proxy_pass http://127.0.0.1:8787/; }`. */
function startProxy(target: string, path: string, strayed: string[]): Server {
  const { hostname, port } = new URL(target);
  return createServer((asked, answer) => {
    if (!asked.url!.startsWith(path)) {
      if (asked.url !== '/favicon.ico') strayed.push(asked.url!);
      answer.writeHead(404).end();
      return;
    }
    const { method, headers } = asked;
    const options = { hostname, port, path: asked.url!.slice(path.length - 1), method, headers };
    const forwarded = request(options, (answered) => {
      answer.writeHead(answered.statusCode!, answered.headers);
      answered.pipe(answer);
    });
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  });
}
