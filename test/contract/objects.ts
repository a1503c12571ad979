import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ErrorCode } from '../../core/errors.ts';
import type { ByteRange, DiscardedObject, ListedObject, ObjectBody, ObjectStore } from '../../core/ports.ts';

/** An empty bucket for one suite, and its cleanup. */
export type OpenObjects = () => Promise<{ store: ObjectStore; close(): Promise<void> }>;

/** The smallest valid PNG and GIF. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);
const GIF = Buffer.from('R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==', 'base64');

const text = (value: string) => Buffer.from(value);
const failsWith = (code: ErrorCode) => ({ name: 'SightlineError', code });

async function bytesOf(body: ObjectBody | null): Promise<Buffer> {
  assert.ok(body !== null, 'expected the object to be there');
  return Buffer.from(await new Response(body.body).arrayBuffer());
}

/** A stream of `chunks` that records whether it was cancelled. */
function streamOf(chunks: Iterable<Uint8Array>): { body: ReadableStream<Uint8Array>; wasCancelled: () => boolean } {
  const iterator = chunks[Symbol.iterator]();
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel() {
      cancelled = true;
    },
  });
  return { body, wasCancelled: () => cancelled };
}

async function listAll(store: ObjectStore, options: { prefix?: string; limit: number }): Promise<ListedObject[]> {
  const items: ListedObject[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ ...options, cursor });
    assert.ok(
      page.items.length <= options.limit,
      `a page of ${page.items.length} although ${options.limit} were asked`,
    );
    assert.ok(page.next === undefined || page.items.length > 0, 'an empty page must be the last one');
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}

/**
 * The contract of every `ObjectStore` driver, modelled on what S3 guarantees. Drivers may reject more keys than these.
 */
export function objectsContract(name: string, open: OpenObjects): void {
  describe(`objects contract: ${name}`, () => {
    let store: ObjectStore;
    let close: () => Promise<void>;
    before(async () => {
      const opened = await open();
      // Stores are wrapped by spreading, which copies an object's own properties but no methods of a class.
      [store, close] = [{ ...opened.store }, opened.close];
    });
    after(() => close());

    describe('put and get', () => {
      it('gives back what was stored', async () => {
        const bytes = randomBytes(70_000);
        const started = Date.now();
        const put = await store.put('roundtrip/a.bin', bytes);
        assert.equal(put.key, 'roundtrip/a.bin');
        assert.equal(put.bytes, 70_000);
        assert.match(put.etag, /^[^"\s]+$/);
        assert.ok(Math.abs(put.lastModified.getTime() - started) < 60_000, String(put.lastModified));
        const got = await store.get('roundtrip/a.bin');
        assert.deepEqual({ offset: got?.offset, length: got?.length }, { offset: 0, length: 70_000 });
        assert.ok(bytes.equals(await bytesOf(got)));
        assert.deepEqual(got?.info.etag, put.etag);
      });

      it('says the same in put, head, get and list', async () => {
        const put = await store.put('same/info.png', PNG, { contentType: 'image/png' });
        const head = await store.head('same/info.png');
        const got = await store.get('same/info.png');
        await got?.body.cancel();
        const [listed] = (await store.list({ prefix: 'same/', limit: 10 })).items;
        for (const info of [head, got?.info]) {
          assert.equal(info?.contentType, 'image/png');
          const { key, bytes, etag, version } = put;
          assert.deepEqual([info?.key, info?.bytes, info?.etag, info?.version], [key, bytes, etag, version]);
        }
        assert.deepEqual([listed?.key, listed?.bytes, listed?.etag], [put.key, put.bytes, put.etag]);
        // S3 rounds to whole seconds in headers, but not in lists.
        const times = [put, head!, got!.info, listed!].map((info) => Math.floor(info.lastModified.getTime() / 1000));
        assert.ok(Math.max(...times) - Math.min(...times) <= 1, times.join());
        assert.ok(head?.lastModified instanceof Date && listed?.lastModified instanceof Date);
      });

      it('knows the type of pictures and nothing about the rest', async () => {
        assert.equal((await store.put('type/a', GIF, { contentType: 'image/gif' })).contentType, 'image/gif');
        assert.equal((await store.head('type/a'))?.contentType, 'image/gif');
        for (const rest of ['just words', '<html>', '<svg xmlns="http://www.w3.org/2000/svg"/>', '%PDF-1.7']) {
          await store.put('type/b', text(rest));
          assert.equal((await store.head('type/b'))?.contentType, 'application/octet-stream', rest);
        }
      });

      it('answers null for what is not there', async () => {
        assert.equal(await store.head('missing.jpg'), null);
        assert.equal(await store.get('missing.jpg'), null);
        assert.equal(await store.get('missing/deep/er.jpg', { range: { first: 0 } }), null);
        assert.equal(await store.get('missing.jpg', { ifMatch: 'whatever' }), null);
      });

      it('does not take the beginning of a key for a key', async () => {
        await store.put('begin/ning/of.jpg', PNG);
        assert.equal(await store.head('begin'), null);
        assert.equal(await store.get('begin/ning'), null);
        await store.delete('begin/ning');
        assert.ok(await store.head('begin/ning/of.jpg'));
      });

      it('stores an object of zero bytes', async () => {
        assert.equal((await store.put('zero', new Uint8Array(0))).bytes, 0);
        const got = await store.get('zero');
        assert.equal(got?.length, 0);
        assert.equal((await bytesOf(got)).length, 0);
        assert.equal((await store.head('zero'))?.bytes, 0);
        assert.equal((await store.put('zero-stream', streamOf([]).body)).bytes, 0);
      });

      it('stores a stream, whatever its chunks', async () => {
        const bytes = randomBytes(300_001);
        const chunks = [
          bytes.subarray(0, 1),
          bytes.subarray(1, 1),
          bytes.subarray(1, 200_000),
          bytes.subarray(200_000),
        ];
        assert.equal((await store.put('stream/a', streamOf(chunks).body)).bytes, bytes.length);
        assert.ok(bytes.equals(await bytesOf(await store.get('stream/a'))));
      });

      it('stores more than fits one part of an upload', async () => {
        // Above 8 MiB, where S3 clients switch to multipart uploads; fauxqs accepts at most 11 MiB.
        const part = randomBytes(1024 * 1024);
        const put = await store.put('stream/large', streamOf(Array.from({ length: 9 }, () => part)).body);
        assert.equal(put.bytes, 9 * part.length);
        const got = await store.get('stream/large', { range: { first: 8 * part.length } });
        assert.ok(part.equals(await bytesOf(got)));
        assert.equal((await store.head('stream/large'))?.bytes, 9 * part.length);
        await store.delete('stream/large');
      });

      it('replaces an object as a whole, also by a shorter one', async () => {
        await store.put('replace', text('a long first version'));
        await store.put('replace', text('short'));
        assert.equal(String(await bytesOf(await store.get('replace'))), 'short');
      });

      it('changes the etag whenever the content changes', async () => {
        const seen = new Set<string>();
        for (let i = 0; i < 30; i++) seen.add((await store.put('etag', text(`content ${i % 10}${i}`))).etag);
        assert.equal(seen.size, 30);
        assert.equal((await store.head('etag'))?.etag, [...seen].at(-1));
        const first = (await store.head('etag'))?.etag;
        await bytesOf(await store.get('etag'));
        assert.equal((await store.head('etag'))?.etag, first, 'reading must not change it');
      });

      it('ends in one of the versions when several writers meet', async () => {
        const versions = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000, i));
        const infos = await Promise.all(versions.map((bytes) => store.put('writers', bytes)));
        const got = await store.get('writers');
        const stored = await bytesOf(got);
        const winner = versions.findIndex((bytes) => bytes.equals(stored));
        assert.notEqual(winner, -1, 'the stored object is a mixture');
        assert.equal(got?.info.etag, infos[winner]?.etag);
      });
    });

    describe('keys', () => {
      const keys = [
        'plain.jpg',
        'a space and+plus.jpg',
        '100% & more?#=;,@!$\'()[]{}^`~".jpg',
        'per%20cent%2Fencoded.jpg',
        'Größe/Ärger/ß.jpg',
        '写真/猫 🐈.png',
        'e\u0301-decomposed.jpg',
        '\u00e9-composed.jpg',
        'no-extension',
        'dot.in.folder/x.y.z',
        'a/b/c/d/e/f/g/h/i/j/k.jpg',
        `${'long-'.repeat(40)}name.jpg`,
        `deep/${'segment-of-thirty-characters--/'.repeat(20)}x.jpg`,
      ].filter((key) => process.platform !== 'win32' || !/[<>:"|?*]/.test(key));

      for (const key of keys) {
        it(`takes ${key.length > 60 ? `${key.slice(0, 60)}...` : key}`, async () => {
          const full = `keys/${key}`;
          const put = await store.put(full, text(key));
          assert.equal(put.key, full);
          assert.equal((await store.head(full))?.key, full);
          assert.equal(String(await bytesOf(await store.get(full))), key);
          assert.ok((await listAll(store, { prefix: full, limit: 10 })).some((item) => item.key === full));
          await store.delete(full);
          assert.equal(await store.head(full), null);
        });
      }

      for (const [what, key] of [
        ['an empty one', ''],
        ['one longer than 1,024 bytes of UTF-8', `${'ä'.repeat(100)}/`.repeat(6)],
        ['a lone surrogate', 'a\ud800b'],
      ] as const) {
        it(`refuses ${what}`, async () => {
          await assert.rejects(store.put(key, PNG), failsWith('invalid-key'));
          await assert.rejects(store.head(key), failsWith('invalid-key'));
          await assert.rejects(store.get(key), failsWith('invalid-key'));
          await assert.rejects(store.delete(key), failsWith('invalid-key'));
        });
      }
    });

    describe('ranges', () => {
      const alphabet = 'abcdefghijklmnopqrstuvwxyz';
      before(async () => {
        await store.put('range', text(alphabet));
        await store.put('range-empty', new Uint8Array(0));
      });

      const cases: [ByteRange, number, number][] = [
        [{ first: 0 }, 0, 26],
        [{ first: 0, end: 0 }, 0, 1],
        [{ first: 5, end: 9 }, 5, 10],
        [{ first: 20, end: 1_000_000 }, 20, 26],
        [{ first: 25 }, 25, 26],
        [{ first: 0, end: Number.MAX_SAFE_INTEGER }, 0, 26],
        [{ last: 1 }, 25, 26],
        [{ last: 26 }, 0, 26],
        [{ last: 100 }, 0, 26],
      ];
      for (const [range, from, to] of cases) {
        it(`serves ${JSON.stringify(range)}`, async () => {
          const got = await store.get('range', { range });
          assert.deepEqual([got?.offset, got?.length], [from, to - from]);
          assert.equal(got?.info.bytes, 26, 'info is about the whole object');
          assert.equal(String(await bytesOf(got)), alphabet.slice(from, to));
        });
      }

      for (const range of [
        { first: 26 },
        { first: 9, end: 5 },
        { last: 0 },
        { first: -1 },
        { first: 0.5 },
        { last: -3 },
      ]) {
        it(`refuses ${JSON.stringify(range)}`, async () => {
          await assert.rejects(store.get('range', { range }), failsWith('range-not-satisfiable'));
        });
      }
      for (const range of [{ first: 0 }, { last: 5 }]) {
        it(`refuses ${JSON.stringify(range)} of an empty object`, async () => {
          await assert.rejects(store.get('range-empty', { range }), failsWith('range-not-satisfiable'));
        });
      }
    });

    describe('conditions', () => {
      it('if-none-match: * writes only what is not there', async () => {
        const first = await store.put('new', text('first'), { ifNoneMatch: '*' });
        await assert.rejects(store.put('new', text('second'), { ifNoneMatch: '*' }), failsWith('precondition-failed'));
        assert.equal(String(await bytesOf(await store.get('new', { ifMatch: first.etag }))), 'first');
        await store.delete('new');
        await store.put('new', text('third'), { ifNoneMatch: '*' });
      });

      it('if-none-match: * lets exactly one of many writers through', async () => {
        const results = await Promise.allSettled(
          Array.from({ length: 10 }, (_, i) => store.put('race', text(`writer ${i}`), { ifNoneMatch: '*' })),
        );
        const winners = results.filter(({ status }) => status === 'fulfilled');
        assert.equal(winners.length, 1);
        for (const result of results) {
          if (result.status === 'rejected')
            assert.equal(result.reason.code, 'precondition-failed', result.reason.stack);
        }
        const winner = results.findIndex(({ status }) => status === 'fulfilled');
        assert.equal(String(await bytesOf(await store.get('race'))), `writer ${winner}`);
      });

      it('if-match replaces only the named version', async () => {
        const first = await store.put('match', text('first'));
        const second = await store.put('match', text('second'), { ifMatch: first.etag });
        assert.notEqual(second.etag, first.etag);
        await assert.rejects(
          store.put('match', text('third'), { ifMatch: first.etag }),
          failsWith('precondition-failed'),
        );
        assert.equal(String(await bytesOf(await store.get('match'))), 'second');
        await assert.rejects(store.put('match-none', PNG, { ifMatch: first.etag }), failsWith('precondition-failed'));
        assert.equal(await store.head('match-none'), null);
      });

      it('if-match lets exactly one of many writers through', async () => {
        const { etag } = await store.put('match-race', text('start'));
        const results = await Promise.allSettled(
          Array.from({ length: 10 }, (_, i) => store.put('match-race', text(`writer ${i}`), { ifMatch: etag })),
        );
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      });

      it('if-match reads only the named version', async () => {
        const { etag } = await store.put('read-match', text('one'));
        assert.equal(String(await bytesOf(await store.get('read-match', { ifMatch: etag }))), 'one');
        await store.put('read-match', text('two'));
        await assert.rejects(store.get('read-match', { ifMatch: etag }), failsWith('precondition-failed'));
        await assert.rejects(
          store.get('read-match', { ifMatch: etag, range: { first: 100 } }),
          failsWith('precondition-failed'),
        );
      });

      it('if-match deletes only the named version', async () => {
        const first = await store.put('delete-match', text('one'));
        const second = await store.put('delete-match', text('two'));
        await assert.rejects(store.delete('delete-match', { ifMatch: first.etag }), failsWith('precondition-failed'));
        assert.ok(await store.head('delete-match'));
        await store.delete('delete-match', { ifMatch: second.etag });
        assert.equal(await store.head('delete-match'), null);
        await assert.rejects(store.delete('delete-match', { ifMatch: second.etag }), failsWith('precondition-failed'));
      });
    });

    describe('limits and interruptions', () => {
      it('refuses a body over maxBytes and keeps the old object', async () => {
        await store.put('limit', text('old'));
        await assert.rejects(store.put('limit', Buffer.alloc(11), { maxBytes: 10 }), failsWith('too-large'));
        assert.equal(String(await bytesOf(await store.get('limit'))), 'old');
        assert.equal((await store.put('limit', Buffer.alloc(10), { maxBytes: 10 })).bytes, 10);
        assert.equal((await store.put('limit', streamOf([Buffer.alloc(10)]).body, { maxBytes: 10 })).bytes, 10);
      });

      it('stops reading a stream over maxBytes', async () => {
        let pulled = 0;
        const endless = streamOf(
          (function* () {
            for (;;) {
              pulled++;
              yield Buffer.alloc(1024);
            }
          })(),
        );
        await assert.rejects(store.put('limit-stream', endless.body, { maxBytes: 10_240 }), failsWith('too-large'));
        assert.ok(endless.wasCancelled(), 'the sender must learn that nobody reads any more');
        assert.ok(pulled < 50, `${pulled} kB were read`);
        assert.equal(await store.head('limit-stream'), null);
      });

      it('stores nothing of a stream that breaks', async () => {
        await store.put('broken', text('old'));
        const body = streamOf(
          (function* () {
            yield Buffer.alloc(100_000);
            throw new Error('connection lost');
          })(),
        ).body;
        await assert.rejects(store.put('broken', body), /connection lost/);
        assert.equal(String(await bytesOf(await store.get('broken'))), 'old');
        assert.deepEqual(
          (await listAll(store, { prefix: 'broken', limit: 10 })).map(({ key }) => key),
          ['broken'],
        );
      });

      it('stops a write when it is aborted', async () => {
        await store.put('abort', text('old'));
        const controller = new AbortController();
        const stuck = new ReadableStream<Uint8Array>({
          start: (stream) => stream.enqueue(Buffer.alloc(1000)),
          pull: () => new Promise(() => setTimeout(() => controller.abort(new Error('changed my mind')), 20)),
        });
        await assert.rejects(store.put('abort', stuck, { signal: controller.signal }), /changed my mind/);
        assert.equal(String(await bytesOf(await store.get('abort'))), 'old');
        await assert.rejects(store.put('abort', text('new'), { signal: controller.signal }), /changed my mind/);
        assert.equal(String(await bytesOf(await store.get('abort'))), 'old');
      });

      it('stops a read when it is aborted', async () => {
        await store.put('abort-read', Buffer.alloc(2_000_000));
        const controller = new AbortController();
        const got = await store.get('abort-read', { signal: controller.signal });
        const reader = got!.body.getReader();
        await reader.read();
        controller.abort(new Error('enough'));
        await assert.rejects(async () => {
          while (!(await reader.read()).done);
        }, /enough/);
        await assert.rejects(store.get('abort-read', { signal: controller.signal }), /enough/);
      });

      it('lets a body be left unread', async () => {
        await store.put('unread', Buffer.alloc(2_000_000));
        for (let i = 0; i < 20; i++) await (await store.get('unread'))!.body.cancel();
      });

      it('reads one version although the object is replaced meanwhile', async () => {
        const old = Buffer.alloc(3_000_000, 'o');
        await store.put('versions', old);
        const got = await store.get('versions');
        const reader = got!.body.getReader();
        const chunks = [(await reader.read()).value!];
        await store.put('versions', Buffer.alloc(3_000_000, 'n'));
        for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
        assert.ok(Buffer.concat(chunks).equals(old));
        assert.equal((await bytesOf(await store.get('versions')))[0], 'n'.charCodeAt(0));
      });
    });

    describe('delete', () => {
      it('removes the object and nothing else', async () => {
        await store.put('delete/a', PNG);
        await store.put('delete/ab', PNG);
        await store.delete('delete/a');
        assert.equal(await store.head('delete/a'), null);
        assert.equal(await store.get('delete/a'), null);
        assert.deepEqual(
          (await listAll(store, { prefix: 'delete/', limit: 10 })).map(({ key }) => key),
          ['delete/ab'],
        );
      });

      it('of what is not there is no error', async () => {
        await store.delete('delete/never-there');
        await store.put('delete/twice', PNG);
        await store.delete('delete/twice');
        await store.delete('delete/twice');
      });

      it('makes room for other keys below and above', async () => {
        await store.put('room/a', PNG);
        await store.delete('room/a');
        await store.put('room/a/b', PNG);
        await store.delete('room/a/b');
        await store.put('room/a', PNG);
        await store.delete('room/a');
        await store.put('room', PNG);
        await store.delete('room');
      });

      it('and put of neighbours at the same time do not disturb each other', async () => {
        await Promise.all(
          Array.from({ length: 30 }, async (_, i) => {
            await store.put(`neighbours/a/b/${i % 3}/${i}`, text(`${i}`));
            await store.delete(`neighbours/a/b/${i % 3}/${i}`);
            await store.put(`neighbours/a/b/${i % 3}/${i}`, text(`${i}`));
          }),
        );
        assert.equal((await listAll(store, { prefix: 'neighbours/', limit: 1000 })).length, 30);
      });
    });

    describe('list', () => {
      // Ascending by UTF-8 bytes. '-' and '.' sort before '/', digits after it; U+FFFD sorts before U+1F600.
      const ordered = [
        'l/1.jpg',
        'l/10.jpg',
        'l/2.jpg',
        'l/A.jpg',
        'l/a b.jpg',
        'l/a!/x',
        'l/a-b/x',
        'l/a.b',
        'l/a/b/c',
        'l/a/b0',
        'l/a/c',
        'l/a0',
        'l/aa',
        'l/b',
        'l/\u00e4',
        'l/\u5199',
        'l/\uff5e',
        'l/\u{1f600}',
      ];
      before(async () => {
        for (const key of ordered.toReversed()) await store.put(key, text(key));
        await store.put('l-outside', PNG);
        await store.put('k/outside', PNG);
      });
      const keysOf = (items: readonly ListedObject[]) => items.map(({ key }) => key);

      it('orders keys by their UTF-8 bytes', async () => {
        const naive = ordered.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(ordered, naive, 'the expectation itself');
        assert.deepEqual(keysOf((await store.list({ prefix: 'l/', limit: 1000 })).items), ordered);
      });

      for (const limit of [1, 2, 3, 7, ordered.length - 1, ordered.length, ordered.length + 1, 1000]) {
        it(`gives every key exactly once in pages of ${limit}`, async () => {
          assert.deepEqual(keysOf(await listAll(store, { prefix: 'l/', limit })), ordered);
        });
      }

      it('ends without a cursor', async () => {
        const page = await store.list({ prefix: 'l/', limit: ordered.length });
        assert.equal(page.items.length, ordered.length);
        assert.equal(page.next, undefined);
        assert.equal((await store.list({ prefix: 'l/', limit: 3 })).items.length, 3);
      });

      for (const prefix of ['l/a', 'l/a/', 'l/a/b', 'l/a!', 'l/1', 'l/\u{1f600}', 'l/b', 'l/nothing', 'l/b/', 'l-']) {
        it(`filters by the prefix ${prefix}`, async () => {
          const expected = [...ordered, 'l-outside'].filter((key) => key.startsWith(prefix));
          expected.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          assert.deepEqual(keysOf(await listAll(store, { prefix, limit: 2 })), expected);
        });
      }

      it('lists everything without a prefix', async () => {
        const all = keysOf(await listAll(store, { limit: 7 }));
        assert.ok(all.includes('l-outside') && all.includes('k/outside') && all.includes('l/a/b/c'));
        assert.deepEqual(
          all,
          all.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
        assert.equal(new Set(all).size, all.length);
      });

      it('goes on behind a key that was deleted meanwhile, and sees what was added behind it', async () => {
        for (const key of ['m/a', 'm/b', 'm/c', 'm/d']) await store.put(key, PNG);
        const first = await store.list({ prefix: 'm/', limit: 2 });
        await store.delete('m/b');
        await store.delete('m/d');
        await store.put('m/a2', PNG);
        await store.put('m/bb', PNG);
        const second = await store.list({ prefix: 'm/', limit: 10, cursor: first.next });
        assert.deepEqual(keysOf(second.items), ['m/bb', 'm/c']);
      });

      it('sees every change at once', async () => {
        for (let i = 0; i < 5; i++) {
          await store.put(`n/${i}`, PNG);
          assert.equal((await listAll(store, { prefix: 'n/', limit: 100 })).length, 1);
          await store.delete(`n/${i}`);
          assert.deepEqual(await listAll(store, { prefix: 'n/', limit: 100 }), []);
        }
      });

      for (const cursor of ['', 'garbage', 'a.b.c', '\u0000', 'eyJrZXkiOiJsL2EifQ', '../../etc/passwd']) {
        it(`refuses the cursor ${JSON.stringify(cursor)}`, async () => {
          await assert.rejects(store.list({ prefix: 'l/', limit: 2, cursor }), failsWith('invalid-cursor'));
        });
      }
      for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
        it(`refuses the limit ${limit}`, async () => {
          await assert.rejects(store.list({ limit }), failsWith('invalid-input'));
        });
      }
    });

    describe('the trash', () => {
      const discard = async (key: string): Promise<DiscardedObject> => {
        const { etag, version } = (await store.head(key))!;
        const object = { id: randomUUID(), key, etag, ...(version !== undefined && { version }) };
        await store.discard(object);
        return object;
      };
      const keys = async (prefix: string) => (await listAll(store, { prefix, limit: 100 })).map(({ key }) => key);

      it('takes an object out of sight, and gives it back as it was', async () => {
        await store.put('t/a b+ü.png', PNG, { contentType: 'image/png' });
        const object = await discard('t/a b+ü.png');
        assert.equal(await store.head(object.key), null);
        assert.equal(await store.get(object.key), null);
        assert.deepEqual(await keys('t/'), []);
        assert.deepEqual(await bytesOf(await store.getDiscarded(object)), PNG);
        const info = await store.recover(object);
        assert.deepEqual([info?.key, info?.bytes, info?.contentType], [object.key, PNG.length, 'image/png']);
        assert.deepEqual(await bytesOf(await store.get(object.key)), PNG);
      });

      it('holds two that had the same key apart, and leaves the one that has it now alone', async () => {
        await store.put('t/twice', PNG);
        const first = await discard('t/twice');
        await store.put('t/twice', GIF);
        const second = await discard('t/twice');
        await store.put('t/twice', text('third'));
        await assert.rejects(store.recover(first), failsWith('precondition-failed'));
        assert.deepEqual(await bytesOf(await store.get('t/twice')), text('third'));
        await store.delete('t/twice');
        assert.deepEqual(await bytesOf(await store.getDiscarded(second)), GIF);
        await store.recover(first);
        assert.deepEqual(await bytesOf(await store.get('t/twice')), PNG);
      });

      it('deletes an older one for good without bringing back the one that was discarded after it', async () => {
        await store.put('t/older', PNG);
        const older = await discard('t/older');
        await store.put('t/older', GIF);
        const newer = await discard('t/older');
        await store.purge(older);
        assert.equal(await store.head('t/older'), null);
        assert.equal((await store.recover(newer))?.bytes, GIF.length);
      });

      it('deletes for good what was discarded, and nothing that came after it', async () => {
        await store.put('t/gone', PNG);
        const object = await discard('t/gone');
        await store.put('t/gone', GIF);
        await store.purge(object);
        await store.purge(object);
        assert.equal(await store.getDiscarded(object), null);
        assert.deepEqual(await bytesOf(await store.get('t/gone')), GIF);
        await store.delete('t/gone');
        assert.equal(await store.recover(object), null);
      });

      it('takes no other version than the one that was looked at', async () => {
        await store.put('t/changed', PNG);
        const { etag, version } = (await store.head('t/changed'))!;
        await store.put('t/changed', GIF);
        const object = { id: randomUUID(), key: 't/changed', etag, ...(version !== undefined && { version }) };
        await assert.rejects(store.discard(object), failsWith('precondition-failed'));
        assert.deepEqual(await bytesOf(await store.get('t/changed')), GIF);
        await assert.rejects(store.discard({ ...object, key: 't/never' }), failsWith('precondition-failed'));
      });
    });
  });
}
