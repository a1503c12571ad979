import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import type { FolderChanges, FolderSummary } from '../../../functions/http/deps.ts';
import type { HttpOptionsInput } from '../../../functions/http/options.ts';
import { jsonRequest, type TestApp, testApp } from './harness.ts';

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const KEYS: HttpOptionsInput = {
  apiKeyHashes: [`write:${hashOf('owner')}`, `read:${hashOf('guest')}`],
  requireKey: 'read',
};

const UNREADABLE = 'cannot read /mine/a/b.jpg';
interface Told {
  readonly items: { readonly path?: string; readonly message: string }[];
  readonly outage: string;
  readonly change: { readonly problem: string };
  readonly detail: string;
}

/** Tests the HTTP layer; test/server/folders/folders.test.ts tests adding and removing real folders. */
async function served(options: HttpOptionsInput = {}, peer = '127.0.0.1'): Promise<TestApp> {
  const all: FolderSummary[] = [
    { name: 'mine & yours', bucket: 'mine-1', path: '/mine', pictures: 2, watched: true, isThere: true },
  ];
  const folderChanges: FolderChanges = {
    async add(path) {
      if (path === '/mine/2020') throw new SightlineError('invalid-config', '/mine/2020 lies in /mine');
      if (path === '/nowhere') throw new SightlineError('unavailable', 'cannot open the folder /nowhere');
      all.push({ name: 'new one', bucket: 'new-1', path, pictures: 0, watched: true, isThere: true });
      return 'new-1';
    },
    async move(name, path) {
      const at = all.findIndex((one) => one.name === name);
      if (at < 0) throw new SightlineError('not-found', `expected a folder of the index, got ${name}`);
      all[at] = { ...all[at]!, path };
      return all[at].bucket;
    },
    async remove(name) {
      all.splice(
        all.findIndex((one) => one.name === name),
        1,
      );
    },
  };
  return testApp(options, (deps) => ({
    ...deps,
    folders: async () => all,
    folderChanges,
    places: () => [{ path: '/mine', name: 'mine & yours' }],
    outage: () => UNREADABLE,
    change: () => ({ profile: 'next', done: 0, total: null, partial: false, problem: UNREADABLE }),
    vectors: { ...deps.vectors, facet: () => Promise.reject(new SightlineError('unavailable', UNREADABLE)) },
    clientAddress: () => peer,
  }));
}

const ADD = jsonRequest('POST', { path: '/mine' });
const REMOVE = { method: 'DELETE' };
const ONE = '/folders/mine%20%26%20yours';

describe('folders over HTTP', () => {
  it('are listed, added, moved and taken out at the machine itself', async (t) => {
    const api = await served();
    t.after(() => api.close());
    const { body } = await api.json('/folders');
    const mine = { name: 'mine & yours', bucket: 'mine-1', path: '/mine', pictures: 2, watched: true, there: true };
    assert.deepEqual(body, { items: [mine] });
    const added = await api.json('/folders', jsonRequest('POST', { path: '/new' }));
    assert.deepEqual([added.status, added.headers.get('location')], [201, '/folders/new%20one']);
    const moved = await api.json(ONE, jsonRequest('PATCH', { path: '/moved' }));
    assert.deepEqual([moved.status, moved.body.path], [200, '/moved']);
    assert.equal((await api.json('/folders/other', jsonRequest('PATCH', { path: '/moved' }))).status, 404);
    assert.equal((await api.json(ONE, REMOVE)).status, 204);
    assert.deepEqual(
      (await api.json('/folders')).body.items.map(({ name }) => name),
      ['new one'],
    );
  });

  it('are refused where they overlap, are not there or are no paths, as the mistake of the caller', async (t) => {
    const api = await served();
    t.after(() => api.close());
    for (const [path, status, type] of [
      ['/mine/2020', 409, '/problems/folder-overlaps'],
      ['/nowhere', 400, '/problems/invalid-input'],
      ['', 400, '/problems/invalid-input'],
      ['/a\0b', 400, '/problems/invalid-input'],
      [`/${'x'.repeat(5000)}`, 400, '/problems/invalid-input'],
    ] as const) {
      const answer = await api.json('/folders', jsonRequest('POST', { path }));
      assert.deepEqual([answer.status, answer.body.type], [status, type], path.slice(0, 20));
    }
    assert.equal((await api.json('/folders')).body.items.length, 1);
  });

  it('take a key that may write, or somebody at the machine itself and behind no proxy', async (t) => {
    const withKeys = await served({ ...KEYS, loopback: false }, '192.168.1.7');
    const open = await served();
    const proxied = await served({ trustedProxies: ['127.0.0.0/8'] });
    t.after(() => Promise.all([withKeys, open, proxied].map((api) => api.close())));
    for (const [path, init] of [
      ['/folders', ADD],
      [ONE, jsonRequest('PATCH', { path: '/x' })],
      [ONE, REMOVE],
    ] as const) {
      const asked = (api: TestApp, headers: Record<string, string>) =>
        api.json(path, { ...init, headers: { ...(init as { headers?: object }).headers, ...headers } });
      assert.equal((await asked(withKeys, {})).status, 401, path);
      assert.equal((await asked(withKeys, { 'x-api-key': 'guest' })).status, 403, path);
      assert.equal((await asked(open, { 'x-forwarded-for': '203.0.113.7' })).status, 403, path);
      assert.equal((await asked(proxied, { 'x-forwarded-for': '203.0.113.7' })).status, 403, path);
      assert.equal((await asked(open, { 'sec-fetch-site': 'cross-site' })).status, 403, path);
      assert.equal((await asked(open, { host: 'rebound.example' })).status, 421, path);
      assert.equal((await open.json('/folders')).body.items[0]!.path, '/mine');
      assert.ok((await asked(withKeys, { 'x-api-key': 'owner' })).status < 300, path);
    }
  });

  it('have paths, also in messages, for those who may change them only', async (t) => {
    const api = await served({ ...KEYS, loopback: false }, '192.168.1.7');
    t.after(() => api.close());
    const as = async (key: string, path: string) =>
      (await api.json(path, { headers: { 'x-api-key': key } })).body as unknown as Told;
    const pathFor = async (key: string) => (await as(key, '/folders')).items[0]!.path;
    assert.deepEqual([await pathFor('owner'), await pathFor('guest')], ['/mine', undefined]);
    const failed = { id: randomUUID(), bucket: 'mine-1', key: 'a/b.jpg', etag: '', sequencer: '', retryable: true };
    await api.deps.failures.record({ ...failed, reason: 'unavailable', message: UNREADABLE });
    const texts = async (key: string) => {
      const { outage, change } = await as(key, '/status');
      const { detail } = await as(key, '/tags');
      return [outage, change.problem, (await as(key, '/failures')).items[0]!.message, detail];
    };
    assert.deepEqual(await texts('owner'), Array(4).fill(UNREADABLE));
    assert.deepEqual(await texts('guest'), Array(4).fill('cannot read mine & yours/a/b.jpg'));
    assert.match(JSON.stringify(api.log), /cannot read \/mine\/a\/b\.jpg/);
  });

  it('are none where pictures are in a bucket, which says so', async (t) => {
    const api = await testApp();
    t.after(() => api.close());
    assert.deepEqual((await api.json('/folders')).body, { items: [] });
    assert.equal((await api.json('/status')).body.folderChanges, false);
    for (const [path, init] of [
      ['/folders', ADD],
      [ONE, REMOVE],
    ] as const) {
      const { status, body } = await api.json(path, init);
      assert.deepEqual([status, body.type], [404, '/problems/no-folders']);
    }
  });
});
