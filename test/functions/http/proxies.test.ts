import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HttpOptionsInput } from '../../../functions/http/options.ts';
import { type TestApp, testApp } from './harness.ts';

/** Headers of a proxy count only if the proxy is trusted. */
const PROXY = '10.1.2.3';

async function behind(options: HttpOptionsInput, peer = PROXY): Promise<TestApp> {
  return testApp({ requireKey: 'write', loopback: false, ...options }, (deps) => ({
    ...deps,
    clientAddress: () => peer,
  }));
}

describe('the rate limit behind proxies', () => {
  /** Sends requests for each of these callers in turn until the limit of two is reached. */
  async function answers(t: TestApp, callers: readonly Record<string, string>[]): Promise<number[]> {
    const found: number[] = [];
    for (const headers of callers) found.push((await t.json('/tags', { headers })).status);
    await t.close();
    return found;
  }
  const limit = { requestsPerMinute: 2, trustedProxies: ['10.0.0.0/8', '2001:db8:ffff::/48'] };
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const three = (headers: Record<string, string>) => [headers, headers, headers];

  it('counts callers by X-Forwarded-For and Forwarded', async () => {
    const callers = [...three(from('203.0.113.7')), from('198.51.100.9'), { forwarded: 'for=192.0.2.43' }];
    assert.deepEqual(await answers(await behind(limit), callers), [200, 200, 429, 200, 200]);
    const one = [{ forwarded: 'For="[2001:db8:cafe::17]:4711"' }, { forwarded: 'for=2001:db8:cafe::18;proto=https' }];
    assert.deepEqual(await answers(await behind(limit), [...one, from('2001:db8:cafe::19')]), [200, 200, 429]);
  });

  it('counts the last that is none of ours: what a caller makes up in front of it changes nothing', async () => {
    const chain = (first: string) => from(`${first}, 203.0.113.7, 10.9.9.9, 2001:db8:ffff::1`);
    const callers = [chain('1.1.1.1'), chain('2.2.2.2'), chain('3.3.3.3'), from('198.51.100.9:1234')];
    assert.deepEqual(await answers(await behind(limit), callers), [200, 200, 429, 200]);
  });

  it('counts the connection where it comes from nobody trusted', async () => {
    const callers = ['1.1.1.1', '2.2.2.2', '3.3.3.3'].map(from);
    assert.deepEqual(await answers(await behind({ requestsPerMinute: 2 }), callers), [200, 200, 429]);
    assert.deepEqual(await answers(await behind(limit, '203.0.113.5'), callers), [200, 200, 429]);
    assert.deepEqual(await answers(await behind(limit, '::ffff:10.1.2.3'), callers), [200, 200, 200]);
  });

  it('believes neither header where both come and name different callers: proxies pass one on as it came', async () => {
    const made = (n: number) => ({ ...from('203.0.113.7'), forwarded: `for=1.1.1.${n};host=localhost` });
    assert.deepEqual(await answers(await behind(limit), [made(1), made(2), made(3)]), [200, 200, 429]);
    const agreed = { ...from('203.0.113.7'), forwarded: 'for=203.0.113.7' };
    const callers = [agreed, from('203.0.113.7'), agreed, from('198.51.100.9')];
    assert.deepEqual(await answers(await behind(limit), callers), [200, 200, 429, 200]);
  });

  it('counts the proxy where it says nothing that is an address', async () => {
    const callers = [from('unknown'), { forwarded: 'for=_hidden' }, from('')];
    assert.deepEqual(await answers(await behind(limit), callers), [200, 200, 429]);
  });

  it('counts the proxy where that hides who asked it, and not what the caller made up', async () => {
    const hidden = ['1.1.1.1', '2.2.2.2', '3.3.3.3'].map((made) => from(`${made}, unknown`));
    assert.deepEqual(await answers(await behind(limit), hidden), [200, 200, 429]);
    const quoted = ['1.1.1.1', '2.2.2.2', '3.3.3.3'].map((made) => ({ forwarded: `for=${made}, for="_a,b"` }));
    assert.deepEqual(await answers(await behind(limit), quoted), [200, 200, 429]);
  });

  it('refuses what is no network', async () => {
    await assert.rejects(behind({ trustedProxies: ['10.0.0.1'] }), /expected a network such as 10\.0\.0\.0\/8/);
  });
});

describe('host and scheme behind proxies', () => {
  it('are those that the caller asked, when the proxy is trusted', async () => {
    const options = { allowedHosts: ['photos.example'], trustedProxies: ['10.0.0.0/8'] };
    const asked = { host: 'backend:8787', 'x-forwarded-host': 'photos.example', 'x-forwarded-proto': 'https' };
    const [trusted, other] = [await behind(options), await behind(options, '203.0.113.5')];
    assert.equal((await trusted.json('/tags', { headers: asked })).status, 200);
    assert.equal((await other.json('/tags', { headers: asked })).status, 421);
    const forwarded = { host: 'backend', forwarded: 'for=192.0.2.1;host=photos.example;proto=https' };
    assert.equal((await trusted.json('/tags', { headers: forwarded })).status, 200);
    const own = { ...asked, origin: 'https://photos.example', 'content-type': 'application/json' };
    const embed = { method: 'POST', body: '{"texts":["a"]}' };
    assert.equal((await trusted.json('/embed', { ...embed, headers: own })).status, 200);
    const foreign = { ...own, origin: 'https://other.example' };
    assert.equal((await trusted.json('/embed', { ...embed, headers: foreign })).status, 403);
    for (const t of [trusted, other]) await t.close();
  });
});

describe('a trusted proxy on this machine', () => {
  const options = { loopback: true, requireKey: 'nothing', trustedProxies: ['127.0.0.0/8'] } as const;
  const never = () => assert.fail('a folder was changed');
  const folderChanges = { add: never, move: never, remove: never };
  const local = () => testApp(options, (deps) => ({ ...deps, folderChanges, clientAddress: () => '127.0.0.1' }));

  it('never makes its callers people at this machine, whatever they or it say', async () => {
    const t = await local();
    const callers: Record<string, string>[] = [{}, { forwarded: 'for=127.0.0.1' }, { 'x-forwarded-for': '127.0.0.1' }];
    for (const headers of callers) {
      const body = JSON.stringify({ path: '/' });
      const init = { method: 'POST', body, headers: { ...headers, 'content-type': 'application/json' } };
      assert.equal((await t.json('/folders', init)).status, 403, JSON.stringify(headers));
    }
    await t.close();
  });

  it('cannot be played by a page whose name was rebound: its Host counts, too', async () => {
    const t = await local();
    const rebound = { host: 'evil.example:8787', 'x-forwarded-host': 'localhost' };
    assert.equal((await t.json('/tags', { headers: rebound })).status, 421);
    const forwarded = { host: 'evil.example:8787', forwarded: 'for=127.0.0.1;host=localhost' };
    assert.equal((await t.json('/tags', { headers: forwarded })).status, 421);
    assert.equal((await t.json('/tags', { headers: { host: '127.0.0.1:8787' } })).status, 200);
    await t.close();
  });
});

describe('a path in front', () => {
  let t: TestApp;
  let id: string;
  before(async () => {
    const html = { body: '<!doctype html>', contentType: 'text/html', etag: 'v1' };
    const page = (path: string) => (path === '/' ? html : null);
    t = await testApp({ basePath: '/photos', trustedProxies: ['127.0.0.0/8'] }, (deps) => ({ ...deps, page }));
    id = await t.addPhoto('cat.jpg');
  });
  after(() => t.close());

  it('is in all links, whether the proxy takes it away or not', async () => {
    for (const path of [`/images/${id}`, `/photos/images/${id}`]) {
      const { status, body } = await t.json(path);
      const self = `/photos/images/${id}`;
      const links = { self, content: `${self}/content`, thumbnail: `${self}/thumbnail` };
      assert.deepEqual([status, body.links], [200, links]);
    }
    const { body } = await t.json('/photos/nothing');
    assert.deepEqual([body.type, body.instance], ['/photos/problems/not-found', '/photos/nothing']);
    assert.equal((await t.json('/photos/problems/not-found')).body.type, body.type);
    assert.equal((await t.json('/photosimages')).status, 404);
  });

  it('can be said by a trusted proxy', async () => {
    const { body } = await t.json(`/images/${id}`, { headers: { 'x-forwarded-prefix': '/album/one/' } });
    assert.equal((body.links as unknown as { self: string }).self, `/album/one/images/${id}`);
    const odd = await t.json(`/images/${id}`, { headers: { 'x-forwarded-prefix': '//evil.example' } });
    assert.equal((odd.body.links as unknown as { self: string }).self, `/photos/images/${id}`);
  });

  it('needs a slash behind it for the page, whose addresses count from there', async () => {
    assert.equal((await t.app.request('/photos/')).status, 200);
    const bare = await t.app.request('/photos');
    assert.deepEqual([bare.status, bare.headers.get('location')], [302, '/photos/']);
  });

  it('is not in Location, which counts from the address that was asked', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"a cat"}' };
    const { headers } = await t.json('/photos/captions', init);
    const location = new URL(headers.get('location')!, 'https://example.org/photos/captions');
    assert.equal((await t.app.request(location.pathname)).status, 200);
  });
});
