import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { withPrefix } from '../../../core/objects/prefixed.ts';
import { openS3, type S3Store } from '../../../core/objects/s3/store.ts';
import { hashText } from '../../../training/features/record-cache.ts';
import { openCache } from '../../../training/features/shared-cache.ts';
import { type S3TestServer, startS3 } from '../../support/s3-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const root = join(import.meta.dirname, '../../..');
const region = 'us-east-1';
let server: S3TestServer;
let s3: S3Store;
before(async () => {
  server = await startS3();
  server.createBucket('photos');
  s3 = await openS3({
    bucket: 'photos',
    endpoint: server.endpoint,
    credentials: server.credentials,
    region,
    maxAttempts: 1,
  });
});
after(async () => {
  s3.close();
  await server.stop();
});

const description = { made: { encoder: 'test' }, columns: 3 };
const row = (n: number) => ({ hash: hashText(`row ${n}`), values: Float32Array.of(n, n / 2, -n) });
const keysOf = async (prefix: string) => (await s3.list({ prefix, limit: 1000 })).items.map(({ key }) => key);

describe('a cache of encoder outputs in a bucket', () => {
  it('brings two machines together, each sending only what the other lacks', async () => {
    const shared = withPrefix(s3, 'two/');
    const [here, there] = [tempFolder(), tempFolder()];
    const first = await openCache({ cache: here, shared }, 'image-x/full', description);
    const second = await openCache({ cache: there, shared }, 'image-x/full', description);
    await first.rows.append([row(1), row(2)]);
    await second.rows.append([row(2), row(3)]);
    await Promise.all([first.send('everything'), second.send('everything'), first.send('when-large')]);
    await first.rows.append([row(4)]);
    await first.send('when-large');
    assert.equal((await keysOf('two/image-x/full/segments/')).length, 2, 'a few bytes are not worth a request');
    await first.send('everything');
    await Promise.all([first.close(), second.close()]);
    for (const cache of [here, there, tempFolder()]) {
      const again = await openCache({ cache, shared }, 'image-x/full', description);
      const matrix = again.rows.rows([4, 1, 3, 2].map((n) => row(n).hash));
      assert.deepEqual([...matrix.row(0), ...matrix.row(2)], [4, 2, -4, 3, 1.5, -3]);
      await again.send('everything');
      await again.close();
    }
    assert.equal((await keysOf('two/')).length, 4, 'a description and three segments, none sent twice');
  });

  it('keeps the rows and sends them next time when the bucket is away', async () => {
    const shared = withPrefix(s3, 'away/');
    const cache = tempFolder();
    const first = await openCache({ cache, shared }, 'image-x/full', description);
    await first.rows.append([row(1)]);
    server.inject({ matches: ({ method }) => method === 'PUT', times: 1, does: { status: 404, code: 'NoSuchBucket' } });
    await assert.rejects(first.send('everything'), {
      code: 'invalid-config',
      message: /kept here and sent next time: there is no bucket photos/,
    });
    await first.close();
    assert.deepEqual((await keysOf('away/')).length, 1);
    const again = await openCache({ cache, shared }, 'image-x/full', description);
    assert.ok(again.rows.has(row(1).hash));
    await again.send('everything');
    await again.close();
    assert.deepEqual((await keysOf('away/')).length, 2);
  });

  it('refuses rows of another encoder, and bytes that are not what was sent', async () => {
    const shared = withPrefix(s3, 'wrong/');
    const first = await openCache({ cache: tempFolder(), shared }, 'image-x/full', description);
    await first.rows.append([row(1)]);
    await first.send('everything');
    await first.close();
    const other = { made: { encoder: 'other' }, columns: 3 };
    await assert.rejects(openCache({ cache: tempFolder(), shared }, 'image-x/full', other), {
      code: 'schema-mismatch',
      message: /other[\s\S]*got[\s\S]*test/,
    });
    const key = (await keysOf('wrong/image-x/full/segments/'))[0]!;
    await s3.put(key, Buffer.from('half'));
    const cache = tempFolder();
    await assert.rejects(openCache({ cache, shared }, 'image-x/full', description), {
      code: 'unavailable',
      message: /expected these bytes, got/,
    });
    assert.deepEqual(await readdir(join(cache, 'image-x/full/segments')), [], 'nothing half is kept');
  });

  it('sends nothing that was damaged on this disk', async () => {
    const shared = withPrefix(s3, 'damaged/');
    const cache = tempFolder();
    const first = await openCache({ cache, shared }, 'image-x/full', description);
    await first.rows.append([row(1), row(2)]);
    await first.rows.seal();
    const [name] = first.rows.segments;
    const file = await open(first.rows.pathOf(name!), 'r+');
    await file.write(Buffer.of(0xff), 0, 1, 40);
    await file.close();
    await assert.rejects(first.send('everything'), { code: 'unavailable', message: /was damaged on this disk/ });
    await first.close();
  });
});

describe('judging with pictures and encoder outputs in a bucket', () => {
  const names = ['cat', 'moon', 'rocket', 'coffee', 'sunset', 'clock'];
  const run = async (command: string, cwd: string, ...further: readonly string[]) => {
    const environment = {
      S3_ENDPOINT: server.endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    };
    const places = ['--data', 's3://photos/flickr', '--features', 's3://photos/features'];
    const args = [...places, '--models', join(root, 'models'), '--head', join(root, 'models/head-compact'), ...further];
    const all = ['--disable-warning=ExperimentalWarning', join(root, 'scripts/sightline.ts'), command, ...args];
    const options = { cwd, env: { ...process.env, INIT_CWD: cwd, SIGHTLINE_DATA: join(cwd, 'data'), ...environment } };
    return (await promisify(execFile)(process.execPath, all, options)).stdout;
  };
  const evaluate = async (cwd: string) => JSON.parse(await run('evaluate', cwd, '--json')) as Record<string, unknown>;

  it('encodes each picture once, and none on a second machine, which gets the same figures', async () => {
    let lines = '';
    for (const name of names) {
      const bytes = await readFile(join(root, 'examples/photos', `${name}.jpg`));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await s3.put(`flickr/images/${name}.jpg`, bytes);
      const captions = [`a ${name}`, `the ${name}`];
      lines += `${JSON.stringify({ image: `${name}.jpg`, captions, split: 'val', sha256 })}\n`;
    }
    await s3.put('flickr/captions.jsonl', Buffer.from(lines));
    const before = server.requests.length;
    const first = await evaluate(tempFolder());
    assert.deepEqual([first.pictures, first.captions], [6, 12]);
    const reads = server.requests
      .slice(before)
      .filter(({ method, url }) => method === 'GET' && url.includes('/images/'));
    assert.equal(reads.length, names.length);
    const folder = tempFolder();
    const report = JSON.parse(await run('report', folder, '--out', 'report.html', '--json')) as { pictures: number };
    assert.equal(report.pictures, names.length);
    assert.ok((await stat(join(folder, 'report.html'))).size > 50_000);
    for (const name of names) await s3.delete(`flickr/images/${name}.jpg`);
    assert.match(await run('card', folder, '--out', 'card.md'), /card\.md: flickr \d/);
    assert.match(await readFile(join(folder, 'card.md'), 'utf8'), /\*\*flickr, val\*\*: sum of the six recalls/);
    assert.deepEqual(await evaluate(tempFolder()), first);
  });
});
