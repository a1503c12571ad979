import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { ServerType } from '@hono/node-server';
import { listen, stopListening } from '../../../server/listen.ts';
import { jsonRequest, samplePhoto, type TestApp, testApp } from './harness.ts';

/** Behaviour visible only on a real connection: chunked bodies, broken connections, compression, HEAD. */
describe('the API over a real connection', () => {
  let t: TestApp;
  let server: ServerType;
  let port: number;
  let id: string;
  before(async () => {
    t = await testApp({ requireKey: 'nothing' });
    id = await t.addPhoto('cat.jpg');
    const listening = await listen(t.app.fetch, '127.0.0.1', 0);
    server = listening.server;
    port = Number(new URL(listening.url).port);
  });
  after(async () => {
    await stopListening(server, 100);
    await t.close();
  });
  const url = (path: string) => `http://127.0.0.1:${port}${path}`;

  it('uploads, searches and downloads', async () => {
    const body = await samplePhoto('moon.jpg');
    const uploaded = await fetch(url('/images?key=wire/moon.jpg'), {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body,
    });
    assert.equal(uploaded.status, 201);
    const { links } = (await uploaded.json()) as { links: { content: string; thumbnail: string } };
    assert.deepEqual(await (await fetch(url(links.content))).bytes(), body);
    const part = await fetch(url(links.content), { headers: { range: 'bytes=10-19' } });
    assert.equal(part.status, 206);
    assert.deepEqual(await part.bytes(), body.slice(10, 20));
    assert.equal((await fetch(url(links.thumbnail))).status, 200);
    const head = await fetch(url(links.content), { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(body.byteLength)]);
    const form = new FormData();
    form.set('image', new File([body], 'moon.jpg'));
    const found = (await (await fetch(url('/search'), { method: 'POST', body: form })).json()) as {
      items: { key: string }[];
    };
    assert.equal(found.items[0]!.key, 'wire/moon.jpg');
  });

  it('lists and searches in the order asked for, and says which orders there are', async () => {
    const days = ['20190705', '20210101', '20180302'];
    for (const [i, name] of ['dahlia.jpg', 'clock.jpg', 'rocket.jpg'].entries()) {
      await fetch(url(`/images?key=day/IMG_${days[i]}_120000.jpg`), {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg' },
        body: await samplePhoto(name),
      });
    }
    const keys = async (path: string, init?: RequestInit) => {
      const { items } = (await (await fetch(url(path), init)).json()) as { items: { key: string }[] };
      return items.map(({ key }) => /IMG_(\d+)/.exec(key)?.[1] ?? key);
    };
    const [first, second, last] = days.toSorted();
    assert.deepEqual((await keys('/images?sort=taken&limit=3')).slice(0, 3), [first, second, last]);
    assert.deepEqual(await keys('/images?sort=-taken&limit=3'), [last, second, first]);
    assert.deepEqual(await keys('/images?sort=newest&limit=3'), days.toReversed());
    assert.deepEqual(await keys('/images?limit=3'), days.toReversed());

    const best = await keys('/search?q=x&sort=relevance');
    assert.deepEqual(best, await keys('/search?q=x'));
    const undated = best.filter((key) => !days.includes(key));
    assert.deepEqual(await keys('/search?q=x&sort=taken'), [first, second, last, ...undated]);
    assert.deepEqual(await keys('/search?q=x&sort=-taken'), [last, second, first, ...undated]);
    const asJson = jsonRequest('POST', { text: 'x', sort: 'newest' });
    assert.deepEqual((await keys('/search', asJson)).slice(0, 3), days.toReversed());
    assert.deepEqual(new Set(await keys('/search?q=x&limit=2&sort=taken')), new Set(best.slice(0, 2)), 'within a page');

    for (const path of ['/images?sort=relevance', '/images?sort=size', '/search?q=x&sort=size']) {
      const response = await fetch(url(path));
      const { detail } = (await response.json()) as { detail: string };
      assert.equal(response.status, 400, path);
      assert.match(detail, /sort: expected ("relevance" or )?"taken" or "-taken" or "newest", got "\w+"/);
    }
  });

  it('compresses JSON and the files of pages, but no pictures', async () => {
    const ask = async (path: string) => {
      const request = httpRequest(url(path), { headers: { 'accept-encoding': 'gzip, br' } }).end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return { response, body: Buffer.concat(await response.toArray()) };
    };
    const json = await ask('/openapi.json');
    assert.equal(json.response.headers['content-encoding'], 'gzip');
    assert.equal(JSON.parse(gunzipSync(json.body).toString()).openapi, '3.1.0');
    assert.match(json.response.headers.vary!, /accept-encoding/i);
    const page = await ask('/images?limit=3');
    assert.equal(page.response.headers['content-encoding'], 'gzip');
    assert.match(page.response.headers.vary!, /accept-encoding/i);
    assert.equal(page.response.headers['content-length'], String(page.body.byteLength));
    assert.ok(JSON.parse(gunzipSync(page.body).toString()).items);
    const small = await ask('/health');
    assert.equal(small.response.headers['content-encoding'], undefined, 'a single packet is not compressed');
    assert.equal(small.response.headers['content-length'], String(small.body.byteLength));
    assert.equal((await ask('/docs/swagger-ui.css')).response.headers['content-encoding'], 'gzip');
    for (const path of [`/images/${id}/content`, `/images/${id}/thumbnail`]) {
      assert.equal((await ask(path)).response.headers['content-encoding'], undefined, path);
    }
  });

  it('stops a chunked body at the limit, and the server goes on', async () => {
    const request = httpRequest(url('/images'), { method: 'POST', headers: { 'content-type': 'image/jpeg' } });
    let sent = 0;
    let open = true;
    request.on('error', () => {
      open = false;
    });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    const chunk = Buffer.alloc(65_536);
    // One chunk per turn of the event loop, so that a response is read before the write that finds the connection
    // closed.
    const pump = async () => {
      while (open && sent < 100 * 1024 ** 2) {
        if (!request.write(chunk)) await Promise.race([once(request, 'drain').catch(() => {}), answered]);
        sent += chunk.length;
        await nextTurn();
      }
    };
    void pump();
    const [response] = await answered;
    open = false;
    assert.equal(response.statusCode, 413);
    const problem = JSON.parse(Buffer.concat(await response.toArray()).toString()) as { type: string };
    assert.equal(problem.type, '/problems/too-large');
    request.destroy();
    assert.ok(sent < 60 * 1024 ** 2, `${sent} bytes were taken`);
    assert.equal((await fetch(url('/health'))).status, 200);
  });

  it('answers 413 for an announced length without waiting for the body', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /captions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n`,
    );
    const [data] = (await once(socket, 'data')) as [Buffer];
    assert.match(data.toString(), /^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  /** What arrives on a new connection until it is closed or `until` says that it is enough. */
  async function converse(head: string, answered: (text: string) => string | null): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const next = answered(text);
      if (next !== null) socket.write(next);
    });
    socket.write(head);
    await once(socket, 'close');
    return text;
  }

  it('asks for a body with 100 Continue only when it would take it', async () => {
    const body = '{"text":"a boat"}';
    const head = (length: number) =>
      'POST /captions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n' +
      `Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    let isSent = false;
    const taken = await converse(head(body.length), (text) => {
      if (isSent || !text.startsWith('HTTP/1.1 100 Continue')) return null;
      isSent = true;
      return body;
    });
    assert.match(taken, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 Created/);
    const refused = await converse(head(1e9), () => null);
    assert.match(refused, /^HTTP\/1\.1 413 /);
  });

  it('answers HTTP/1.0 without a Host, as health checks of some load balancers ask', async () => {
    for (const path of ['/health', '/ready']) {
      assert.match(await converse(`GET ${path} HTTP/1.0\r\n\r\n`, () => null), /^HTTP\/1\.[01] 200 OK/);
    }
    assert.match(
      await converse('GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n', () => null),
      /^HTTP\/1\.[01] 421 /,
    );
  });

  it('ends a connection that a busy caller keeps, when it stops, after an answer', async () => {
    let stopped: Promise<void> | undefined;
    const stopping = await listen(
      (request) => {
        stopped ??= stopListening(stopping.server, 60_000);
        return t.app.fetch(request);
      },
      '127.0.0.1',
      0,
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async () => {
      const [response] = (await once(httpRequest(`${stopping.url}/health`, { agent }).end(), 'response')) as [
        IncomingMessage,
      ];
      await response.toArray();
      return [response.statusCode, response.headers.connection];
    };
    assert.deepEqual(
      [await ask(), await ask()],
      [
        [200, 'keep-alive'],
        [200, 'close'],
      ],
    );
    await stopped;
  });

  it('survives callers that hang up in the middle, and prints nothing', async (context) => {
    for (const tail of ['', '5\r\nhello\r\n']) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(
        `POST /images?key=cut.jpg HTTP/1.1\r\nHost: localhost\r\nContent-Type: ` +
          `image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n${tail}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 30));
      socket.destroy();
    }
    const printed = (['error', 'info', 'log', 'warn'] as const).map((name) => context.mock.method(console, name));
    for (const path of [`/images/${id}/content`, `/images/${id}/thumbnail`]) {
      // Each a little later in the work on the answer.
      for (let turns = 0; turns < 150; turns++) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        await once(socket, 'connect');
        for (let i = 0; i < turns; i++) await nextTurn();
        socket.resetAndDestroy();
      }
    }
    const reader = (await fetch(url(`/images/${id}/content`))).body!.getReader();
    await reader.read();
    await reader.cancel();
    assert.equal((await fetch(url('/health'))).status, 200);
    assert.deepEqual(
      printed.flatMap(({ mock }) => mock.calls.map((call) => call.arguments)),
      [],
    );
    assert.equal(await t.deps.buckets.get('photos')!.head('cut.jpg'), null);
    // Callers who disconnect are not an error.
    assert.deepEqual(
      t.log.filter(({ level }) => Number(level) >= 40),
      [],
    );
  });

  it('answers what is too long for an address, or is no HTTP, with a problem', async () => {
    const long = await fetch(url(`/search?q=${'a'.repeat(100_000)}`));
    assert.equal(long.status, 431);
    assert.equal(long.headers.get('content-type'), 'application/problem+json');
    const { type, detail } = (await long.json()) as { type: string; detail: string };
    assert.equal(type, '/problems/headers-too-large');
    assert.match(detail, /within 16384 bytes.*POST \/search/);

    const socket = connect(port, '127.0.0.1');
    socket.write('\x16\x03\x01 this is TLS\r\n\r\n');
    const answer = Buffer.concat(await socket.toArray()).toString();
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"type":"\/problems\/malformed-http"/);
  });

  it('refuses a rebound name on the wire', async () => {
    const request = httpRequest(url('/images'), { headers: { host: 'evil.example' } }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 421);
    response.resume();
  });

  it('many at once are all answered', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        fetch(url(i % 3 === 0 ? `/images/${id}/thumbnail?size=${64 + i}` : `/search?q=${i}`)),
      ),
    );
    assert.ok(answers.every(({ status }) => status === 200));
    await Promise.all(answers.map((answer) => answer.bytes()));
  });
});
