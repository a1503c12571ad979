import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseManifest } from '../../core/encode/manifest.ts';
import { type HubTestServer, startHub } from '../support/hub-server.ts';
import { mobilenetFiles } from '../support/random-models.ts';
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '../..');
const model = randomBytes(200_000);
const ARCTIC = 'fc74610d18462d218e312aa986ec5c8a75a98152';
let server: HubTestServer;
before(async () => {
  const files = {
    'onnx/model.onnx': model,
    'tokenizer.json': Buffer.from('{}'),
    'tokenizer_config.json': Buffer.from('{"a": 1}'),
    'config.json': Buffer.from('{"b": 1}'),
  };
  server = await startHub({
    'Snowflake/snowflake-arctic-embed-m': { files, token: 'hf_test' },
    'onnx-community/mobilenet_v2_1.0_224': { files: mobilenetFiles(model.subarray(0, 50_000)) },
  });
});
after(() => server.stop());

/** A models folder with the real manifest and a pullable profile. */
async function modelsFolder(): Promise<string> {
  const folder = tempFolder();
  const manifest = parseManifest(JSON.parse(await readFile(join(root, 'models/manifest.json'), 'utf8')));
  const { seed, mobilenet, 'seed-int8': int8 } = manifest.profiles;
  await writeFile(
    join(folder, 'manifest.json'),
    JSON.stringify({ ...manifest, profiles: { compact: manifest.profiles.compact, seed, mobilenet, int8 } }),
  );
  return folder;
}

function run(models: string, args: readonly string[], env: Record<string, string> = {}) {
  const hub = { HF_ENDPOINT: server.endpoint, HF_TOKEN: 'hf_test' };
  return runScript(['scripts/sightline.ts', 'models', ...args, '--models', models], { ...hub, ...env });
}

describe('npm run models', () => {
  it('pulls once for several processes, through a mirror, and records what came', async () => {
    const models = await modelsFolder();
    const both = await Promise.all([1, 2].map(() => run(models, ['pull', 'seed', '--json'])));
    const results = both.map(({ stdout }) => JSON.parse(stdout) as Record<string, string>);
    assert.deepEqual(results.map((result) => result['snowflake-arctic-embed-m']).sort(), ['pulled', 'there']);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    );
    assert.equal(server.requests.filter(({ at }) => at === 'cdn').length, 2);
    assert.deepEqual(await readFile(join(models, 'snowflake-arctic-embed-m/model.onnx')), model);
    const lock = JSON.parse(await readFile(join(models, 'lock.json'), 'utf8'));
    // One is requested by commit, the other by branch.
    assert.equal(lock.encoders['snowflake-arctic-embed-m'].commit, ARCTIC);
    assert.equal(lock.encoders['mobilenet_v2_1.0_224-logits'].commit, server.commit);
    assert.equal(lock.encoders['snowflake-arctic-embed-m'].files['model.onnx'].bytes, model.length);

    const { stdout } = await run(models, ['list', '--json']);
    const states = (JSON.parse(stdout) as { encoder: string; state: string }[]).map(
      ({ encoder, state }) => `${encoder} ${state}`,
    );
    assert.ok(states.includes('snowflake-arctic-embed-m ok') && states.includes('mobilenet_v2_1.0_224 missing'));
    assert.match(
      (await run(models, ['list'])).stdout,
      /^profile +encoder .*\n(.*\n)*seed +snowflake-arctic-embed-m +text +ok .* hub$/m,
    );
    assert.match((await run(models, ['info', 'seed'])).stdout, new RegExp(`at ${ARCTIC}`));

    // Altered files are detected and pulled again.
    await writeFile(join(models, 'snowflake-arctic-embed-m/model.onnx'), Buffer.alloc(model.length));
    const verified = await run(models, ['verify', 'seed']);
    assert.deepEqual(
      [verified.code, /arctic-embed-m: .*model\.onnx: expected SHA-256/.test(verified.stdout)],
      [1, true],
    );
    await run(models, ['pull', 'seed']);
    assert.deepEqual(await readFile(join(models, 'snowflake-arctic-embed-m/model.onnx')), model);

    const removed = await run(models, ['rm', 'seed']);
    // The int8 profile shares an encoder with it and is not installed.
    assert.match(removed.stdout, /arctic-embed-m: removed\nmobilenet_v2_1\.0_224-logits: removed/);
    await assert.rejects(access(join(models, 'snowflake-arctic-embed-m')), { code: 'ENOENT' });
  });

  it('refuses what is not what the first pull found, and keeps the lock', async () => {
    const models = await modelsFolder();
    const file = { bytes: 1, sha256: '0'.repeat(64) };
    const files = { 'model.onnx': file, 'tokenizer.json': file, 'tokenizer_config.json': file, 'config.json': file };
    const lockOf = (commit: string) => {
      const entry = { repo: 'Snowflake/snowflake-arctic-embed-m', commit, files };
      return JSON.stringify({ format: 1, encoders: { 'snowflake-arctic-embed-m': entry } });
    };
    await writeFile(join(models, 'lock.json'), lockOf(server.commit));
    const stale = await run(models, ['pull', 'seed']);
    assert.match(
      stale.stdout,
      new RegExp(`expected Snowflake/\\S+ at ${ARCTIC}, .* has \\S+ at ${server.commit}: take`),
    );
    const lock = lockOf(ARCTIC);
    await writeFile(join(models, 'lock.json'), lock);
    const { code, stdout } = await run(models, ['pull', 'seed']);
    assert.deepEqual([code, /arctic-embed-m: failed: .*as pinned, got/.test(stdout)], [1, true]);
    const { encoders } = JSON.parse(await readFile(join(models, 'lock.json'), 'utf8'));
    assert.deepEqual(encoders['snowflake-arctic-embed-m'], JSON.parse(lock).encoders['snowflake-arctic-embed-m']);
    await writeFile(join(models, 'lock.json'), '{');
    assert.match((await run(models, ['list'])).stderr, /lock\.json does not fit/);
  });

  it('leaves bundled encoders to the repository, and says what to do next', async () => {
    const models = await modelsFolder();
    const { code, stdout } = await run(models, ['pull', 'compact']);
    assert.deepEqual(
      [code, /minilm-l6-v2-int8: bundled\nefficientnet-lite2-int8: bundled/.test(stdout)],
      [0, true],
      stdout,
    );
    const seed = await run(models, ['pull', 'seed']);
    assert.match(seed.stdout, /Profile seed needs a head .*npm run train -- --profile seed/);
  });

  it('counts the encoders of further text sides of a head, too', async () => {
    const { code, stdout } = await run(join(import.meta.dirname, '../../models'), ['verify', 'compact']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^multilingual-e5-small: ok$/m);
  });

  it('says once that there is no hub', async () => {
    const { code, stdout } = await run(await modelsFolder(), ['pull', 'seed'], { HF_ENDPOINT: 'http://127.0.0.1:1' });
    assert.match(stdout, /^[^\n]+: failed: http:\/\/127\.0\.0\.1:1: no answer [^\n]+HF_ENDPOINT[^\n]+\n$/);
    assert.equal(code, 1);
  });

  it('says of an encoder that no repository has as it is where to put it', async () => {
    const { code, stdout } = await run(await modelsFolder(), ['pull', 'mobilenet', '--json']);
    const results = JSON.parse(stdout) as Record<string, string>;
    assert.match(results['mobilenet_v2_1.0_224']!, /failed: mobilenet.* cannot be pulled: .*Put them into/);
    assert.equal(code, 1);
  });

  it('says what it was called wrongly with, and what a token is missing for', async () => {
    const models = await modelsFolder();
    const wrong = await Promise.all([['push'], ['pull'], ['pull', 'nothing']].map((args) => run(models, args)));
    assert.deepEqual(
      wrong.map(({ code }) => code),
      [2, 2, 2],
    );
    assert.match((await run(models, ['pull', 'seed'], { HF_TOKEN: '' })).stdout, /set HF_TOKEN/);
  });
});
