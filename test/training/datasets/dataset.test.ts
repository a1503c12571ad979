import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { type DatasetPlace, readDataset } from '../../../training/datasets/dataset.ts';

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function dataset(
  lines: string | Uint8Array,
  pictures: readonly string[] = ['a.jpg', 'b.jpg'],
): Promise<DatasetPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'dataset-'));
  folders.push(folder);
  await mkdir(join(folder, 'images'));
  await writeFile(join(folder, 'captions.jsonl'), lines);
  for (const name of pictures) await writeFile(join(folder, 'images', name), name);
  return { store: await openFolder({ root: folder }), name: folder };
}

const line = (image: string, captions: string[], split = 'train') => `${JSON.stringify({ image, captions, split })}\n`;

describe('reading captioned pictures', () => {
  it('reads pictures, captions and splits in the order of the file', async () => {
    const folder = await dataset(line('b.jpg', ['one', 'two']) + line('a.jpg', ['three'], 'val'));
    const { pictures, warnings } = await readDataset(folder);
    assert.deepEqual(
      pictures.map(({ image, captions, split }) => [image, captions, split]),
      [
        ['b.jpg', ['one', 'two'], 'train'],
        ['a.jpg', ['three'], 'val'],
      ],
    );
    assert.equal(warnings.size, 0);
    assert.deepEqual(
      (await readDataset(folder, ['val'])).pictures.map(({ image }) => image),
      ['a.jpg'],
    );
  });

  it('counts what it leaves out', async () => {
    const folder = await dataset(
      `${line('a.jpg', ['one', '  '])}${line('b.jpg', [''])}${line('a.jpg', ['one', 'more'])}\n`,
    );
    const { pictures, warnings } = await readDataset(folder);
    assert.deepEqual(
      pictures.map(({ captions }) => captions),
      [['one', 'more']],
    );
    assert.deepEqual(Object.fromEntries(warnings), {
      'empty-caption': 2,
      'doubled-line': 1,
      'no-captions': 1,
    });
  });

  const broken: [string, string | Uint8Array, RegExp][] = [
    ['broken JSON', `${line('a.jpg', ['x'])}{"image": `, /line 2: expected JSON/],
    ['missing fields', '{"image": "a.jpg"}', /line 1: captions: .*split: /],
    ['a path out of the folder', line('../a.jpg', ['x']), /line 1: image: expected a path inside/],
    ['an absolute path', line('/etc/passwd', ['x']), /line 1: image: expected a path inside/],
    ['a picture in two splits', line('a.jpg', ['x']) + line('a.jpg', ['y'], 'val'), /line 2: .*train and val/],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(line('a.jpg', ['x'])), Buffer.of(0x22, 0xff)]),
      /line 2: expected UTF-8/,
    ],
    ['nothing', '', /got none \(0 lines/],
    ['no picture of the split', line('a.jpg', ['x'], 'test'), /split train, got none \(1 lines, splits: test/],
  ];
  for (const [name, lines, message] of broken) {
    it(`refuses ${name}, naming the place`, async () => {
      const folder = await dataset(lines);
      await assert.rejects(readDataset(folder, ['train']), { code: 'invalid-input', message });
    });
  }

  it('says what is missing when there is no dataset', async () => {
    await assert.rejects(readDataset({ store: await openFolder({ root: tmpdir() }), name: 'here' }), {
      code: 'not-found',
      message: /expected captions\.jsonl in here/,
    });
  });
});
