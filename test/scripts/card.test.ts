import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { writePhotoDataset } from '../support/photo-dataset.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '../..');
const models = join(root, 'models');
const folder = join(models, 'head-compact');

describe('the model card', () => {
  it('in the repository is that of the head beside it', async () => {
    const { image, space } = await loadHeadFile(folder);
    const card = await readFile(join(folder, 'README.md'), 'utf8');
    const again = 'has another head: npm run card -- --data DIR --data DIR (CONTRIBUTING.md, "A new head")';
    assert.ok(card.includes(image.onnx.sha256) && card.includes(space), `models/head-compact/README.md ${again}`);
  });

  it('is written by one command, with figures, licences and hashes', async () => {
    const made = tempFolder();
    const out = join(made, 'card.md');
    const data = await writePhotoDataset(join(made, 'photos'));
    const options = ['--data', data, '--out', out, '--features', join(made, 'features')];
    const command = ['--disable-warning=ExperimentalWarning', 'scripts/sightline.ts', 'card', ...options];
    const { status, stderr, stdout } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const card = await readFile(out, 'utf8');
    const { recipe } = await loadHeadFile(folder);
    assert.ok(card.includes(`--recipe ${recipe}`));
    const sum = /photos (\d+\.\d)/.exec(stdout)![1]!;
    assert.match(
      card,
      new RegExp(`\\*\\*photos, val\\*\\*: sum of the six recalls ${sum} \\(\\d+\\.\\d to \\d+\\.\\d\\)`),
    );
    assert.match(card, /18 pictures with 54 captions, split val/);
    const { text, image } = profileOf(await loadManifest([models]), 'compact');
    for (const { files, licence } of [text, image]) {
      assert.ok(card.includes(files.model.sha256!) && card.includes(licence));
    }
    assert.ok(!/undefined|NaN|\[object/.test(card), card);
  });
});
