import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type HubRepo, resolveRevision } from '../../../core/hub/client.ts';
import { type Download, downloadFile } from '../../../core/hub/download.ts';
import { type HubTestServer, startHub } from '../../support/hub-server.ts';
import { onSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const large = randomBytes(300_000);
const small = Buffer.from('{"small": true}');
const sha256 = createHash('sha256').update(large).digest('hex');
const repo: HubRepo = { kind: 'model', name: 'owner/model' };

let server: HubTestServer;
beforeEach(async () => {
  const files = { 'onnx/model.onnx': large, 'config.json': small };
  server = await startHub({
    'owner/model': { files },
    'owner/secret': { files, token: 'hf_secret' },
    'owner/gated': { files, gated: true },
    'datasets/owner/pictures': { files },
  });
});
afterEach(() => server.stop());

async function get(options: Partial<Download> & { token?: string; idleMs?: number } = {}) {
  const { token, idleMs, ...rest } = options;
  const to = rest.to ?? join(tempFolder(), 'model.onnx');
  const done = await downloadFile(
    { endpoint: server.endpoint, token, idleMs },
    { repo, revision: 'main', path: 'onnx/model.onnx', waitMs: 1, ...rest, to },
  );
  return { ...done, to };
}

const onCdn = () => server.requests.filter(({ at }) => at === 'cdn');

describe('downloading from the hub', () => {
  it('resolves a revision to a commit and its files', async () => {
    const hub = { endpoint: `${server.endpoint}/` };
    for (const [of, revision] of [
      [repo, 'main'],
      [{ kind: 'dataset', name: 'owner/pictures' }, server.commit],
    ] as const) {
      const { commit, files, sizes } = await resolveRevision(hub, of, revision);
      assert.deepEqual([commit, files], [server.commit, ['onnx/model.onnx', 'config.json']]);
      assert.deepEqual([...sizes.keys()], files);
      assert.ok([...sizes.values()].every((bytes) => bytes > 0));
    }
    await assert.rejects(resolveRevision(hub, repo, 'v9'), { code: 'not-found', message: /no such revision/ });
    const nobody = { ...hub, endpoint: 'http://127.0.0.1:1' };
    await assert.rejects(resolveRevision(nobody, repo, 'main'), {
      code: 'unavailable',
      message: /no answer.*HF_ENDPOINT/,
    });
    await assert.rejects(resolveRevision(hub, { kind: 'model', name: '../up' }, 'main'), { code: 'invalid-input' });
  });

  it('follows the redirect to the CDN without telling it the token, and checks what came', async () => {
    const seen: number[] = [];
    const done = await get({
      repo: { kind: 'model', name: 'owner/secret' },
      token: 'hf_secret',
      onProgress: (bytes, total) => seen.push(bytes / total!),
    });
    assert.deepEqual(await readFile(done.to), large);
    assert.deepEqual([done.sha256, done.bytes, done.commit], [sha256, large.length, server.commit]);
    assert.equal(seen.at(-1), 1);
    assert.equal(server.requests[0]!.headers.authorization, 'Bearer hf_secret');
    assert.equal(onCdn()[0]!.headers.authorization, undefined);
    assert.deepEqual(await readdir(join(done.to, '..')), ['model.onnx']);
    // Small files are served directly and checked by their Git hash.
    assert.deepEqual(await readFile((await get({ path: 'config.json' })).to), small);
  });

  it('goes on where the connection was cut, as long as the file is the same', async () => {
    server.inject({ at: 'cdn', times: 3, does: { cutAfter: 70_000 } });
    const done = await get();
    assert.deepEqual(await readFile(done.to), large);
    const resumed = onCdn().filter(({ headers }) => headers.range !== undefined);
    assert.ok(resumed.length > 0);
    for (const { headers } of resumed) assert.match(headers.range!, /^bytes=[1-9]\d*-$/);
    assert.ok(resumed.every(({ headers }) => headers['if-range'] !== undefined));
  });

  it('gives up on a connection that never gets further, and the next call goes on', async () => {
    const to = join(tempFolder(), 'model.onnx');
    server.inject({ at: 'cdn', times: 1, does: { cutAfter: 70_000 } });
    server.inject({ at: 'cdn', times: 4, does: { status: 503 } });
    await assert.rejects(get({ to, tries: 3 }), {
      code: 'unavailable',
      message: /HTTP 503; the next call goes on from here/,
    });
    const before = onCdn().length;
    await get({ to, tries: 5 });
    assert.deepEqual(await readFile(to), large);
    assert.match(onCdn()[before]!.headers.range!, /^bytes=[1-9]/);
  });

  it('takes a part that was whole already, and begins again with one that is not of this file', async () => {
    const to = join(tempFolder(), 'model.onnx');
    server.inject({ at: 'cdn', times: 1, does: { cutAfter: 70_000 } });
    server.inject({ at: 'cdn', times: 9, does: { status: 500 } });
    await assert.rejects(get({ to, tries: 1 }), { code: 'unavailable' });
    await server.stop();
    server = await startHub({ 'owner/model': { files: { 'onnx/model.onnx': randomBytes(50_000) } } });
    assert.equal((await get({ to })).bytes, 50_000);
    server.inject({ at: 'cdn', times: 1, does: { cutAfter: 30_000 } });
    server.inject({ at: 'cdn', times: 1, does: { status: 500 } });
    const again = join(tempFolder(), 'model.onnx');
    await assert.rejects(get({ to: again, tries: 1 }), { code: 'unavailable' });
    await truncate(`${again}.part`, 50_000);
    // Right length, wrong content: detected by the checksum and downloaded again.
    assert.equal((await get({ to: again })).sha256, (await get()).sha256);
  });

  it('waits as long as the server asks, and says so when that is too long', async () => {
    server.inject({ at: 'hub', times: 1, does: { status: 429, headers: { 'retry-after': '1' } } });
    const startedAt = performance.now();
    await get({ waitMs: 60_000 });
    assert.ok(performance.now() - startedAt >= 990);
    server.inject({ at: 'hub', times: 1, does: { status: 429, headers: { 'retry-after': '7200' } } });
    await assert.rejects(get(), { code: 'unavailable', message: /HTTP 429; asked to come back in 120 min/ });
  });

  it('notices a server that falls silent', async () => {
    server.inject({ at: 'cdn', times: 1, does: 'silence' });
    assert.deepEqual(await readFile((await get({ idleMs: 200 })).to), large);
  });

  it('never keeps wrong bytes: fetched once more, then refused; nor bytes other than the pinned ones', async () => {
    server.inject({ at: 'cdn', times: 1, does: 'wrong-bytes' });
    assert.equal((await get()).sha256, sha256);
    server.inject({ at: 'cdn', times: 2, does: 'wrong-bytes' });
    const to = join(tempFolder(), 'model.onnx');
    await assert.rejects(get({ to }), {
      code: 'unavailable',
      message: /expected sha256 [0-9a-f]{64}, as the hub says, got/,
    });
    assert.deepEqual(await readdir(join(to, '..')), []);
    const expected = { bytes: 1, sha256: '0'.repeat(64) };
    await assert.rejects(get({ to, expected }), { code: 'model-mismatch', message: /as pinned, got/ });
    assert.deepEqual(await readdir(join(to, '..')), []);
    // Small files too, by their Git hash.
    server.inject({ at: 'hub', times: 2, does: 'wrong-bytes' });
    await assert.rejects(get({ path: 'config.json' }), { message: /git-sha1/ });
  });

  const refused: [string, Partial<Download> & { token?: string }, object][] = [
    [
      'no token',
      { repo: { kind: 'model', name: 'owner/secret' } },
      { code: 'invalid-config', message: /set HF_TOKEN/ },
    ],
    [
      'a gated repository',
      { repo: { kind: 'model', name: 'owner/gated' } },
      { code: 'invalid-config', message: /accept the conditions at .*owner\/gated and set HF_TOKEN/ },
    ],
    [
      'a gated repository, with a token',
      { repo: { kind: 'model', name: 'owner/gated' }, token: 'x' },
      { code: 'invalid-config', message: /with the account of this token/ },
    ],
    [
      'no such repository',
      { repo: { kind: 'model', name: 'owner/none' }, token: 'x' },
      { code: 'not-found', message: /no repository owner\/none/ },
    ],
    ['no such file', { path: 'none.bin' }, { code: 'not-found', message: /no such file/ }],
  ];
  for (const [name, options, error] of refused) {
    it(`says what to do about ${name}, without trying again`, async () => {
      await assert.rejects(get(options), error);
      assert.equal(server.requests.length, 1);
    });
  }

  it('says so before it fills the disk', { skip: smallDisk() }, async () => {
    await onSmallDisk(200, async (mount) => {
      await assert.rejects(get({ to: join(mount, 'model.onnx') }), {
        code: 'unavailable',
        message: /MB of free disk, got 1 MB/,
      });
    });
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(get({ signal }), { name: 'AbortError' });
  });
});
