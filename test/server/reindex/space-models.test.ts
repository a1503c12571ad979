import assert from 'node:assert/strict';
import { cpSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadHeadFile } from '../../../core/encode/head-file.ts';
import {
  configuredModels,
  expectModels,
  findModels,
  listHeads,
  rememberModels,
} from '../../../server/reindex/space-models.ts';
import { MODELS } from '../../core/encode/fixtures.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = tempFolder();
const models = join(folder, 'models');
let space: string;

before(async () => {
  cpSync(join(MODELS, 'manifest.json'), join(models, 'manifest.json'), { recursive: true });
  for (const name of ['all-minilm-l6-v2-int8', 'efficientnet-lite2-int8'])
    symlinkSync(join(MODELS, name), join(models, name));
  cpSync(join(MODELS, 'head-compact'), join(models, 'head-compact'), { recursive: true });
  space = (await loadHeadFile(join(models, 'head-compact'))).space;
});

describe('the models of a space', () => {
  const places = { data: join(folder, 'data'), modelDirs: [models] };

  it('are found by the head that says so', async () => {
    const expected = { profile: 'compact', head: join(models, 'head-compact') };
    assert.deepEqual(await findModels(space, places), expected);
    assert.deepEqual(await configuredModels({ modelDirs: [models] }), expected);
    assert.equal(await findModels('0123456789abcdef', places), null);
  });

  it('are refused when two heads make it, naming both', async () => {
    const twin = join(models, 'head-copy');
    cpSync(join(models, 'head-compact'), twin, { recursive: true });
    const refusal = {
      code: 'model-mismatch',
      message: new RegExp(`got ${space} from both .*head-compact and .*head-copy: move one of them`),
    };
    await assert.rejects(listHeads([models]), refusal);
    await assert.rejects(expectModels(space, places), refusal);
    await rm(twin, { recursive: true });
    // A folder of the same name in a later models directory is ignored, as everywhere else.
    const heads = (await listHeads([models, MODELS])).map(({ head }) => head!);
    assert.deepEqual(
      heads.filter((name) => name.endsWith('head-compact')),
      [join(models, 'head-compact')],
    );
  });

  it('that are remembered without a head, and are not here any more, are not taken for found', async () => {
    await rememberModels(places.data, 'fedcba9876543210', { profile: 'clip', head: null });
    assert.equal(await findModels('fedcba9876543210', places), null);
  });
});
