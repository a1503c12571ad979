import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { samplePhoto } from '../functions/http/harness.ts';
import { type OpenApiDocument, operations } from '../functions/http/openapi-checks.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { samplePath } from '../support/page-server.ts';
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

  /** One of each that a request may be about, and nothing under the key of the upload's example. */
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

  it('sends every request as it has filled it in, and all of them succeed', async (t) => {
    const { page } = await browser.open(t, 'about:blank', { extraHTTPHeaders: headers });
    let isAsPrepared = false;
    const document = (await (await ask('GET', 'openapi.json')).json()) as OpenApiDocument;
    for (const { method, path } of operations(document)) {
      if (!isAsPrepared) {
        await prepare();
        await page.goto(`${server.url}/docs`);
      }
      isAsPrepared = method === 'GET';
      const all = page.locator(`.opblock-${method.toLowerCase()}`);
      const operation = all.filter({ has: page.locator(`[data-path="${path}"]`) });
      await operation.locator('.opblock-summary-control').click();
      await operation.getByRole('button', { name: 'Try it out' }).click();
      const file = operation.locator('input[type="file"]');
      if ((await file.count()) > 0) await file.first().setInputFiles(samplePath('coffee.jpg'));
      const answered = page.waitForResponse((one) => one.request().method() === method);
      await operation.getByRole('button', { name: 'Execute' }).click();
      const answer = await answered;
      assert.ok(answer.ok(), `${method} ${answer.url()}: ${answer.status()} ${answer.ok() || (await answer.text())}`);
      // A stream of events has no end, and is shown when it has ended.
      if (path === '/events') continue;
      await operation
        .locator('.live-responses-table .response-col_status', { hasText: `${answer.status()}` })
        .waitFor();
    }
  });
});
