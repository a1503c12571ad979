import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openReport } from '../../../functions/http/report-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type TestApp, testApp } from './harness.ts';

describe('GET /report', () => {
  let app: TestApp;
  const folder = tempFolder();
  before(async () => {
    app = await testApp({}, (deps) => ({ ...deps, report: openReport(join(folder, 'report.html')) }));
  });
  after(() => app.close());

  it('is not there until somebody has written one, then answers it with its own policy', async () => {
    assert.equal((await app.json('/report')).status, 404);
    assert.equal((await app.json('/status')).body.report, false);
    const policy = "default-src 'none'; script-src 'sha256-abc'";
    await writeFile(join(folder, 'report.html'), `<meta http-equiv="Content-Security-Policy" content="${policy}">`);
    assert.equal((await app.json('/status')).body.report, true);
    const answer = await app.app.request('/report');
    assert.equal(answer.status, 200);
    const sent = answer.headers.get('content-security-policy') ?? '';
    assert.ok(
      sent.startsWith(policy) && sent.includes('sandbox allow-scripts') && !sent.includes('unsafe-inline'),
      sent,
    );
    const again = await app.app.request('/report', { headers: { 'if-none-match': answer.headers.get('etag')! } });
    assert.equal(again.status, 304);
  });

  it('lets a file without a policy do nothing', async () => {
    await writeFile(join(folder, 'report.html'), '<script>alert(1)</script>');
    const answer = await app.app.request('/report');
    assert.ok(answer.headers.get('content-security-policy')?.startsWith("default-src 'none'; frame-ancestors"));
  });
});
