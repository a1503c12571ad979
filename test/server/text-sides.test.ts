import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { openEmbeddedSpaces } from '../../core/vectors/sqlite/spaces.ts';
import { writeTextSide } from '../../training/trainer/write-head.ts';
import { MODELS, randomSide, writeOldHead } from '../core/encode/fixtures.ts';
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dir = tempFolder();
const data = join(dir, 'data');

async function run(script: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { SIGHTLINE_HEAD: join(dir, 'head') };
  const done = await runScript(['scripts/sightline.ts', script, ...args, '--data', data], env);
  assert.equal(done.code, 0, done.stderr + done.stdout);
  return done;
}

/** Everything stored: the id of the space, and vectors by point id. */
async function stored(): Promise<{ space: string; vectors: Map<string, Float32Array> }> {
  const spaces = await openEmbeddedSpaces({ file: join(data, 'index.sqlite') });
  const { space, dimension } = (await spaces.live())!;
  const store = await spaces.openLive(space, dimension);
  const { items } = await store.list({ filter: {}, limit: 100, order: 'id' });
  const vectors = await store.vectors(items.map(({ id }) => id));
  await store.close();
  await spaces.close();
  return { space, vectors };
}

describe('an index of a head of the old form', () => {
  it('goes on as it is when its head gets another text side', async () => {
    for (const name of ['cat.jpg', 'coffee.jpg']) {
      cpSync(join(import.meta.dirname, '../../examples/photos', name), join(dir, 'photos', name));
    }
    const encoders = await loadEncoders({ modelDirs: [MODELS], texts: 'later' });
    const head = writeOldHead(join(dir, 'head'), encoders, { inputs: ['features', 'logits'] });
    await run('index', join(dir, 'photos'));
    const before = await stored();
    assert.equal(before.vectors.size, 2);
    assert.equal(before.space, (await loadHeadFile(head)).space);

    const side = { encoder: 'other', dimension: 384, encoderKey: '0123456789abcdef', languages: ['de'], training: {} };
    const graph = randomSide('text', { text: 384 });
    const { space } = await writeTextSide(head, { ...side, graph }, encoders.image.fingerprint);
    await encoders.close();
    assert.notEqual(space, before.space);

    const found = JSON.parse((await run('search', 'a cat', '--json')).stdout) as { space: string; items: object[] };
    assert.deepEqual([found.space, found.items.length], [before.space, 2]);
    const again = JSON.parse((await run('reindex', '--head', head, '--json')).stdout) as { already: boolean };
    assert.equal(again.already, true);
    cpSync(join(dir, 'photos/cat.jpg'), join(dir, 'photos/another-cat.jpg'));
    await run('index', join(dir, 'photos'));
    const after = await stored();
    assert.deepEqual([after.space, after.vectors.size], [before.space, 3]);
    for (const [id, vector] of before.vectors) assert.deepEqual(after.vectors.get(id), vector);
  });
});
