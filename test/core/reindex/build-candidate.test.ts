import assert from 'node:assert/strict';
import { mkdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SightlineError } from '../../../core/errors.ts';
import { createIndexer } from '../../../core/index-image.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { NOTHING_KNOWN } from '../../../core/picture-fields.ts';
import { captionId, imageId } from '../../../core/point-ids.ts';
import type { Embedder, ObjectStore, Spaces, VectorStore } from '../../../core/ports.ts';
import { type BuildOptions, buildSpace } from '../../../core/reindex/build-candidate.ts';
import type { Missing } from '../../../core/reindex/sync-candidate.ts';
import type { ImagePayload } from '../../../core/types.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { openEmbeddedSpaces } from '../../../core/vectors/sqlite/spaces.ts';
import { saltedEmbedder } from '../../support/spaces-place.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/**
 * A model change over real stores. Vectors are hashes, salted by the space; a picture is any file that starts with PIC.
 */
const embedder = saltedEmbedder;

const OPTIONS: BuildOptions = {
  concurrency: 2,
  rate: Infinity,
  skipMissing: false,
  switch: true,
  sample: 20,
  minOverlap: 0,
  secondLookMs: 10,
};

let root: string;
let spaces: Spaces;
let live: VectorStore;
let objects: ObjectStore;
let buckets: Map<string, ObjectStore>;
const old = embedder('a');

beforeEach(async () => {
  root = tempFolder();
  await mkdir(join(root, 'photos'));
  objects = await openFolder({ root: join(root, 'photos'), bucket: 'photos' });
  buckets = new Map([['photos', objects]]);
  spaces = await openEmbeddedSpaces({ file: join(root, 'index.sqlite'), threads: 1 });
  live = await spaces.openLive('a', old.dimension);
});
afterEach(async () => {
  await live.close();
  await spaces.close();
});

const path = (key: string) => join(root, 'photos', key);
const index = (key: string, sequencer: string | null = null, type: 'created' | 'removed' = 'created') =>
  createIndexer({ embedder: old, vectors: live, buckets, maxBytes: 1000 })({ type, bucket: 'photos', key, sequencer });
async function upload(key: string, content = `PIC of ${key}`): Promise<string> {
  await writeFile(path(key), content);
  await index(key);
  return imageId('photos', key);
}
async function remove(key: string): Promise<void> {
  await unlink(path(key));
  await index(key, null, 'removed');
}
async function addCaption(text: string): Promise<void> {
  const [vector] = await old.embedTexts([text]);
  const payload = {
    kind: 'caption',
    readBy: null,
    caption: text,
    tags: [],
    sequencer: '',
    indexedAt: '2026-01-01T00:00:00.000Z',
  } as const;
  await live.upsert([{ id: captionId(text), vector: vector!, payload }], 'not-older');
}
async function fill(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await upload(`${i}.jpg`));
  return ids;
}

type Stored = Awaited<ReturnType<VectorStore['get']>>;

function withoutClasses(points: Stored) {
  return [...points].map(([id, point]) => [id, point.deleted ? point : { ...point.payload, classes: null }]);
}

/** Builds a space and closes it. */
async function build(
  into: Embedder,
  options: Partial<BuildOptions> = {},
  change = (b: Awaited<ReturnType<Spaces['openCandidate']>>) => b,
) {
  await using candidate = closing(await spaces.openCandidate(into.space, into.dimension));
  return await buildSpace({ candidate: change(candidate), embedder: into, buckets }, { ...OPTIONS, ...options });
}

describe('building a space', () => {
  it('embeds pictures and captions again, carries over the rest, checks and switches', async () => {
    const ids = await fill(40);
    await live.setTags(ids[3]!, ['a', 'b']);
    await upload('gone.jpg');
    await remove('gone.jpg');
    await index('1.jpg', '0055');
    await addCaption('a caption');
    const next = embedder('b', 48);
    const report = await build(next);
    assert.deepEqual(
      { ...report, verification: { ...report.verification, overlap: null } },
      {
        embedded: 41,
        copied: 1,
        missing: [],
        missingCount: 0,
        verification: {
          live: { images: 40, captions: 1 },
          built: { images: 40, captions: 1 },
          differences: 0,
          sampled: 20,
          foundThemselves: 20,
          overlap: null,
        },
        switched: true,
      },
    );
    const all = [...ids, imageId('photos', 'gone.jpg'), captionId('a caption')];
    const store = await spaces.openLive('b', 48);
    // Classes are specific to each encoder.
    const classesOf = (points: Stored) =>
      ids.map((id) => (points.get(id) as { payload: ImagePayload }).payload.classes);
    const [built, before] = [await store.get(all), await live.get(all)];
    assert.deepEqual([new Set(classesOf(built)), new Set(classesOf(before))], [new Set(['1:98']), new Set(['1:97'])]);
    assert.deepEqual(withoutClasses(built), withoutClasses(before));
    const [vector] = await next.embedTexts(['a caption']);
    const [hit] = (await store.query({ vector: vector!, filter: {}, limit: 1 })).items;
    assert.equal(hit?.id, captionId('a caption'));
    assert.ok(hit.score > 0.9999);
    await store.close();
  });

  it('goes on where it was stopped', async () => {
    await fill(100);
    const stop = new AbortController();
    const first = embedder('b');
    const stopping = build(first, {
      signal: stop.signal,
      onProgress: ({ embedded }) => embedded >= 32 && stop.abort(new Error('stopped')),
    });
    await assert.rejects(stopping, /stopped/);
    assert.equal((await spaces.live())!.space, 'a');
    const second = embedder('b');
    const report = await build(second);
    assert.ok(first.embedded >= 32 && report.embedded <= 100 - 32, `${first.embedded} and ${report.embedded}`);
    assert.equal(report.verification.built.images, 100);
    assert.equal(await (await build(embedder('a'))).embedded, 0);
  });

  it('takes over what comes while it runs, also at the last moment and too much to keep writers waiting', async () => {
    await fill(60);
    await addCaption('to be tagged');
    let [times, came] = [0, Promise.resolve()];
    const during = async () => {
      await upload('0.jpg', 'PIC that replaced another');
      await upload('new.jpg');
      await remove('1.jpg');
      await live.setTags(captionId('to be tagged'), ['tag']);
      await addCaption('new');
    };
    let switches = 0;
    const report = await build(
      embedder('b'),
      {
        onProgress: ({ embedded }) => {
          if (embedded >= 32 && times++ === 0) came = during();
        },
      },
      (candidate) => ({
        ...candidate,
        async switch(last) {
          await came;
          switches++;
          // More than may be embedded while writers wait.
          if (switches === 1) for (let i = 100; i < 140; i++) await upload(`${i}.jpg`);
          if (switches === 2) await upload('last.jpg');
          return candidate.switch(last);
        },
      }),
    );
    assert.equal(report.switched, true);
    assert.equal(switches, 2);
    const store = await spaces.openLive('b', 32);
    assert.equal(await store.count({ kind: 'image' }), await live.count({ kind: 'image' }));
    const { items } = await live.list({ filter: {}, limit: 1000, order: 'id' });
    const ids = [...items.map(({ id }) => id), imageId('photos', '1.jpg')];
    assert.deepEqual(withoutClasses(await store.get(ids)), withoutClasses(await live.get(ids)));
    assert.ok((await store.get([imageId('photos', 'last.jpg')])).size === 1);
    await store.close();
  });

  it('refuses to leave pictures behind, says which and why, and does so when it is told to', async () => {
    await fill(5);
    await unlink(path('1.jpg'));
    await writeFile(path('2.jpg'), 'PIC that nobody indexed');
    await writeFile(path('3.jpg'), 'NO PIC 3.jpg');
    const payload = (await live.get([imageId('photos', '4.jpg')])).get(imageId('photos', '4.jpg'))!;
    assert.ok(!payload.deleted && payload.payload.kind === 'image');
    const elsewhere = { ...payload.payload, bucket: 'elsewhere' };
    const vector = (await live.vectors([payload.id])).get(payload.id)!;
    await live.upsert([{ id: imageId('elsewhere', '4.jpg'), vector, payload: elsewhere }], 'newer');

    await assert.rejects(build(embedder('b')), (error: SightlineError) => {
      assert.equal(error.code, 'precondition-failed');
      assert.match(error.message, /4 are not \((gone|changed|not-connected|, )+\), such as \d\.jpg/);
      return true;
    });
    assert.equal((await spaces.live())!.space, 'a');
    const report = await build(embedder('b'), { skipMissing: true });
    const reasons = Object.fromEntries(report.missing.map(({ bucket, key, reason }) => [`${bucket}/${key}`, reason]));
    assert.deepEqual(reasons, {
      'photos/1.jpg': 'gone',
      'photos/2.jpg': 'changed',
      'photos/3.jpg': 'changed',
      'elsewhere/4.jpg': 'not-connected',
    });
    assert.deepEqual([report.switched, report.missingCount, report.verification.built.images], [true, 4, 2]);
  });

  it('is held up by no picture that cannot be read any more where those are listed, but by others', async () => {
    await fill(3);
    const next = embedder('b');
    const embedImage = next.embedImage.bind(next);
    next.embedImage = async (bytes) => {
      if (Buffer.from(bytes).toString() === 'PIC of 1.jpg') {
        throw new SightlineError('unreadable-image', 'it broke off', { details: { reason: 'truncated' } });
      }
      return embedImage(bytes);
    };
    await unlink(path('2.jpg'));
    await assert.rejects(build(next), { message: /2 are not \((unreadable|gone|, )+\)/ });
    const listed: unknown[] = [];
    const onUnreadable = async ({ key, rejection }: Missing) => void listed.push([key, rejection]);
    await assert.rejects(build(next, { onUnreadable }), { message: /1 are not \(gone\), such as 2\.jpg/ });
    assert.deepEqual([listed, (await spaces.live())!.space], [[], 'a']);
    await index('2.jpg', null, 'removed');
    assert.equal((await build(next, { onUnreadable })).switched, true);
    assert.deepEqual(listed, [['1.jpg', { reason: 'truncated', message: 'it broke off' }]]);
  });

  it('does not switch to a space that does not pass the check', async () => {
    await fill(40);
    const flat = embedder('flat');
    const same = (await flat.embedTexts(['x']))[0]!;
    flat.embedImage = async () => ({
      vector: same,
      classes: null,
      picture: { ...NOTHING_KNOWN, contentType: 'image/jpeg', width: 1, height: 1 },
    });
    await assert.rejects(
      build(flat),
      /did not pass the check.*expected each of 20 points found by its own vector, got/,
    );
    await assert.rejects(
      build(embedder('b'), { minOverlap: 0.9 }),
      /expected 0.9 or more of the nearest pictures.*got 0\.\d\d/,
    );
    assert.equal((await spaces.live())!.space, 'a');
    assert.equal((await build(embedder('b'), { switch: false })).switched, false);
    assert.equal((await spaces.live())!.space, 'a');
  });

  it('keeps the newer of two events when the space to fill knows one that the live one does not', async () => {
    const [id] = await fill(1);
    const candidate = await spaces.openCandidate('b', 32);
    await candidate.to.remove([{ id: id!, sequencer: 'FF', deletedAt: '2026-01-01T00:00:00.000Z' }], 'newer');
    await candidate.close();
    await build(embedder('b'));
    const store = await spaces.openLive('b', 32);
    const stored = (await store.get([id!])).get(id!);
    assert.ok(stored !== undefined && !stored.deleted);
    assert.equal(stored.payload.sequencer, 'FF');
    await store.close();
  });

  it('embeds no more pictures a second than it may', async () => {
    await fill(6);
    const start = performance.now();
    await build(embedder('b'), { rate: 20 });
    // A timer may fire a millisecond early.
    assert.ok(performance.now() - start >= 5 * 49);
  });
});
