import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addressOf, requestsOf } from '../functions/http/example-requests.ts';
import { samplePhoto } from '../functions/http/harness.ts';
import { type OpenApiDocument, operations } from '../functions/http/openapi-checks.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { eventually, type RunningServer, startServer } from '../support/start-server.ts';

const KEY = 'a-key-of-the-tests';

interface Listed {
  readonly items: readonly { readonly id: string; readonly key: string }[];
}

describe('the documentation of the API', { timeout: 600_000, ...browserSkip() }, () => {
  const browser = useBrowser();
  const headers = { Authorization: `Bearer ${KEY}` };
  let dir: string;
  let server: RunningServer;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'docs-'));
    for (const folder of ['data', 'photos']) await mkdir(join(dir, folder));
    await writeFile(join(dir, 'data/report.html'), '<!doctype html><title>A report</title>');
    const hash = createHash('sha256').update(KEY).digest('hex');
    server = await startServer([join(dir, 'photos'), '--data', join(dir, 'data')], { SIGHTLINE_API_KEYS: hash });
  });
  after(async () => {
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  async function ask(method: string, path: string, body?: object | Uint8Array<ArrayBuffer>) {
    const isPicture = body instanceof Uint8Array;
    const answer = await fetch(`${server.url}/${path}`, {
      method,
      headers: { ...headers, 'Content-Type': isPicture ? 'image/jpeg' : 'application/json' },
      body: isPicture ? body : JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer;
  }
  const listed = async (path: string) => ((await (await ask('GET', path)).json()) as Listed).items;
  const upload = async (name: string) => {
    const answer = await ask('POST', `images?key=${name}&overwrite=true`, await samplePhoto(name));
    return ((await answer.json()) as { id: string }).id;
  };

  /** Creates one of each resource that a request may refer to, and nothing under the key in the upload example. */
  async function prepare(): Promise<void> {
    const isMissing = async (list: string) => (await listed(list)).length === 0;
    if (await isMissing('folders')) await ask('POST', 'folders', { path: join(dir, 'photos') });
    const example = (await listed('images?limit=200')).find(({ key }) => key === 'holidays/beach.jpg');
    if (example) await ask('DELETE', `images/${example.id}`);
    if (await isMissing('trash')) await ask('DELETE', `images/${await upload('rocket.jpg')}`);
    if (await isMissing('images')) await upload('cat.jpg');
    if (await isMissing('captions')) await ask('POST', 'captions', { text: 'a boat' });
    if (await isMissing('failures')) await writeFile(join(dir, 'photos', `${Date.now()}.jpg`), 'no picture');
    await eventually('a failure', 60_000, async () => ((await isMissing('failures')) ? null : true));
  }

  it('prepares every request so that it succeeds', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { extraHTTPHeaders: headers });
    await page.route('**/swagger-ui-bundle.js', (route) =>
      route.fulfill({ body: 'var SwaggerUIBundle = ({ spec }) => { window.prepared = spec; }' }),
    );
    const preparedDocument = async () => {
      await prepare();
      await page.goto(`${server.url}/docs`);
      const spec = await page.waitForFunction(() => (window as { prepared?: unknown }).prepared);
      return (await spec.jsonValue()) as OpenApiDocument;
    };
    let document = await preparedDocument();
    let isAsPrepared = true;
    const requestsTo = async (method: string, path: string) => {
      const operation = document.paths[path]![method.toLowerCase()]!;
      return { address: addressOf(path, operation), requests: await requestsOf(document, method, operation) };
    };
    for (const { method, path } of operations(document)) {
      const { length } = (await requestsTo(method, path)).requests;
      for (let i = 0; i < length; i++) {
        if (!isAsPrepared) document = await preparedDocument();
        isAsPrepared = method === 'GET';
        const { address, requests } = await requestsTo(method, path);
        const request = { ...requests[i]!, headers: { ...headers, ...requests[i]!.headers } };
        const answer = await fetch(`${server.url}${address}`, request);
        const why = answer.ok ? await answer.body?.cancel() : await answer.text();
        assert.ok(answer.ok, `${method} ${address}: ${answer.status} ${why}`);
      }
    }
  });

  it('sends requests as it has filled them in, and shows what comes', async (t) => {
    await prepare();
    const { page } = await browser.open(t, `${server.url}/docs`, { extraHTTPHeaders: headers });
    for (const path of ['/search', '/images/{id}', '/images/{id}/content', '/failures', '/folders', '/facets/{field}'])
      await t.test(`GET ${path}`, async () => {
        const operation = page.locator('.opblock-get').filter({ has: page.locator(`[data-path="${path}"]`) });
        await operation.locator('.opblock-summary-control').click();
        await operation.getByRole('button', { name: 'Try it out' }).click();
        await operation.getByRole('button', { name: 'Execute' }).click();
        await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
        if (!path.endsWith('/content')) return;
        const picture = operation.locator('.live-responses-table img');
        await picture.waitFor();
        assert.ok((await picture.evaluate((img: HTMLImageElement) => img.decode().then(() => img.naturalWidth))) > 0);
      });
  });
});
