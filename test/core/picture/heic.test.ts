import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp, { type Sharp } from 'sharp';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import { readHeader } from '../../../core/picture/header.ts';
import { decodeHeic } from '../../../core/picture/heic.ts';
import { squashed } from '../../support/squashed.ts';

const SIZE = 60;
const HOW = squashed(SIZE);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const heic = (name: string) => readFileSync(`${root}/test/fixtures/heic/${name}.heic`);
const PHOTO = readFileSync(`${root}/examples/photos/coffee.jpg`);

async function distance(bytes: Uint8Array, meant: Uint8Array): Promise<number> {
  const [a, b] = await Promise.all(
    [bytes, meant].map(async (one) => (await decodeImage(one, HOW, DEFAULT_LIMITS)).pixels),
  );
  return a!.data.reduce((sum, value, i) => sum + Math.abs(value - b!.data[i]!), 0) / a!.data.length;
}

describe('HEIC', () => {
  it('shows its picture upright and in its colours, and says when it was taken', async () => {
    for (const name of ['photo', 'turned']) {
      const { picture } = await decodeImage(heic(name), HOW, DEFAULT_LIMITS);
      assert.deepEqual([picture.contentType, picture.width, picture.height], ['image/heic', 240, 160], name);
      assert.ok((await distance(heic(name), PHOTO)) < 5, name);
      const small = await thumbnail(heic(name), 120, { limits: DEFAULT_LIMITS });
      assert.deepEqual([small.width, small.height], [120, 80], name);
      assert.ok((await distance(small.bytes, PHOTO)) < 8, name);
    }
    const { takenAt, takenFrom, camera } = (await readHeader(heic('photo'), DEFAULT_LIMITS)).picture;
    assert.deepEqual([takenAt, takenFrom, camera], ['2019-07-05T12:00:00.000+02:00', 'exif', 'Apple iPhone 15']);
  });

  it('of very many pixels is made smaller as it is decoded, to its last row and column', async () => {
    const size = { width: 240, height: 160 };
    // Tiles of 7 pixels, which divide neither edge.
    const [whole, small] = await Promise.all(
      [size.width * size.height, 800].map(async (mostPixels) =>
        sharp(await decodeHeic(heic('photo'), size, {}, { mostPixels })),
      ),
    );
    const { width, height } = await small!.metadata();
    assert.deepEqual([width, height], [35, 23]);
    const pixelsOf = (picture: Sharp, left: number, top: number, edges: { width: number; height: number }) =>
      picture
        .clone()
        .extract({ left, top, ...edges })
        .raw()
        .toBuffer();
    for (const [x, y] of [
      [0, 0],
      [34, 0],
      [0, 22],
      [34, 22],
      [17, 11],
    ] as const) {
      const edges = { width: Math.min(7, 240 - 7 * x), height: Math.min(7, 160 - 7 * y) };
      const square = await pixelsOf(whole!, 7 * x, 7 * y, edges);
      const mean = [0, 1, 2].map((c) => {
        const values = square.filter((_, i) => i % 3 === c);
        return Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
      });
      assert.deepEqual([...(await pixelsOf(small!, x, y, { width: 1, height: 1 }))], mean);
    }
  });

  it('has the colours of its profile in a thumbnail', async () => {
    const small = await thumbnail(heic('display-p3'), 240, { limits: DEFAULT_LIMITS, quality: 95 });
    assert.ok((await distance(small.bytes, PHOTO)) < 5);
    assert.ok((await distance(heic('display-p3'), PHOTO)) > 5, 'which models never see');
  });

  it('with AV1 in it is read, too', async () => {
    const bytes = await sharp(PHOTO).resize(240).avif({ effort: 1 }).toBuffer();
    bytes.write('mif1', 8, 'latin1');
    const brands = bytes.readUInt32BE(0);
    for (let at = 16; at < brands; at += 4)
      if (bytes.toString('latin1', at, at + 4) === 'avif') bytes.write('mif1', at);
    assert.ok((await distance(bytes, PHOTO)) < 6);
  });

  it('is refused when it is broken, wherever, and the next one is read', async () => {
    const whole = heic('photo');
    const end = whole.indexOf('mdat', 0, 'latin1');
    const codes = new Set<string>();
    for (let at = 0; at < whole.length; at += at < end ? 17 : 600) {
      const broken = Buffer.from(whole);
      broken.fill(0xff, at, at + 8);
      await decodeImage(broken, HOW, DEFAULT_LIMITS).catch((error: { code: string; details: { reason: string } }) => {
        assert.equal(error.code, 'unreadable-image');
        codes.add(error.details.reason);
      });
    }
    assert.ok(codes.has('corrupt'));
    await assert.rejects(decodeImage(whole.subarray(0, 3000), HOW, DEFAULT_LIMITS), {
      details: { reason: 'truncated' },
    });
    assert.ok((await distance(whole, PHOTO)) < 5);
  });

  it('is refused undecoded when it says that it is larger than allowed', async () => {
    const bomb = heic('photo');
    const size = bomb.indexOf('ispe', 0, 'latin1') + 8;
    bomb.writeUInt32BE(30_000, size);
    bomb.writeUInt32BE(30_000, size + 4);
    await assert.rejects(decodeImage(bomb, HOW, DEFAULT_LIMITS), { code: 'unreadable-image' });
    const limits = { ...DEFAULT_LIMITS, maxPixels: 1000 };
    await assert.rejects(decodeImage(heic('photo'), HOW, limits), { details: { reason: 'too-many-pixels' } });
  });

  it('is refused when its data holds more than it says', async () => {
    await assert.rejects(decodeImage(heic('bomb'), HOW, DEFAULT_LIMITS), { details: { reason: 'corrupt' } });
    assert.ok((await distance(heic('photo'), PHOTO)) < 5, 'and the next one is read');
  });

  it('has a decoder of its own: for the first HEIC, killed when it hangs, and optional', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      import { readFileSync } from 'node:fs';
      const { decodeImage } = await import('./core/picture/decode.ts');
      const { decodeHeic } = await import('./core/picture/heic.ts');
      const how = ${JSON.stringify(HOW)};
      const limits = { maxBytes: 1e7, maxPixels: 1e7 };
      const heic = readFileSync('test/fixtures/heic/photo.heic');
      let [found, begun, ended] = [0, 0, 0];
      process.on('worker', (thread) => {
        begun += 1;
        thread.on('exit', () => { ended += 1; });
      });
      registerHooks({ resolve(name, context, next) {
        if (!name.startsWith('libheif-js')) return next(name, context);
        if (process.argv[1] === 'without') throw new Error('not there');
        found += 1;
        return next(name, context);
      } });
      await decodeImage(readFileSync('examples/photos/coffee.jpg'), how, limits);
      console.log(found, begun, ended);
      // With the size that its 24 million pixels have, it takes more than a second in WebAssembly.
      const long = readFileSync('test/fixtures/heic/bomb.heic');
      long.writeUInt32BE(6000, long.indexOf('ispe', 0, 'latin1') + 8);
      long.writeUInt32BE(4000, long.indexOf('ispe', 0, 'latin1') + 12);
      const hasty = decodeHeic(long, { width: 6000, height: 4000 }, {}, { patienceMs: 250 });
      console.log((await hasty.catch((error) => error)).message);
      console.log(found, begun, ended);
      const picture = await decodeImage(heic, how, limits).catch((error) => error);
      console.log(picture.picture?.width ?? picture.details.reason, begun, ended);`;
    const run = async (...args: string[]) =>
      (
        await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, ...args], {
          cwd: root,
          timeout: 60_000,
        })
      ).stdout.split('\n');
    const [none, hasty, after, next] = await run('with');
    assert.equal(none, '0 0 0', 'not loaded for a JPEG');
    assert.match(hasty!, /it takes longer than 0.25 s/);
    assert.deepEqual([after, next], ['1 1 1', '240 2 1'], 'the process ends although a thread is still there');
    const [, missing, , refused] = await run('without');
    assert.match(missing!, /libheif-js for HEIC/);
    assert.equal(refused, 'unsupported-format 0 0');
  });
});
