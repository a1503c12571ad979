import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { type DatasetLocation, listLanguages, readDataset } from '../../../training/datasets/dataset.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function dataset(
  lines: string | Uint8Array,
  pictures: readonly string[] = ['a.jpg', 'b.jpg'],
): Promise<DatasetLocation> {
  const folder = tempFolder();
  await mkdir(join(folder, 'images'));
  await writeFile(join(folder, 'captions.jsonl'), lines);
  for (const name of pictures) await writeFile(join(folder, 'images', name), name);
  return { store: await openFolder({ root: folder }), name: folder };
}

const line = (image: string, captions: string[], split: string | null = 'train') =>
  `${JSON.stringify({ image, captions, split: split ?? undefined })}\n`;

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
      (await readDataset(folder, { splits: ['val'] })).pictures.map(({ image }) => image),
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
      'empty-caption': { count: 2, first: 'a.jpg' },
      'doubled-line': { count: 1, first: 'a.jpg' },
      'no-captions': { count: 1, first: 'b.jpg' },
    });
  });

  const broken: [string, string | Uint8Array, RegExp][] = [
    ['broken JSON', `${line('a.jpg', ['x'])}{"image": `, /line 2: expected JSON/],
    ['missing fields', '{"image": "a.jpg"}', /line 1: captions: /],
    ['a path out of the folder', line('../a.jpg', ['x']), /line 1: image: expected a path inside/],
    ['an absolute path', line('/etc/passwd', ['x']), /line 1: image: expected a path inside/],
    ['a picture in two splits', line('a.jpg', ['x']) + line('a.jpg', ['y'], 'val'), /line 2: .*train and val/],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(line('a.jpg', ['x'])), Buffer.of(0x22, 0xff)]),
      /line 2: expected UTF-8/,
    ],
    ['some lines without a split', line('a.jpg', ['x']) + line('b.jpg', ['y'], null), /1 of 2 without one/],
    ['nothing', '', /got none \(0 lines/],
    ['no picture of the split', line('a.jpg', ['x'], 'test'), /split train, got none \(1 line, splits: test/],
  ];
  for (const [name, lines, message] of broken) {
    it(`refuses ${name}, naming the place`, async () => {
      const folder = await dataset(lines);
      await assert.rejects(readDataset(folder, { splits: ['train'] }), { code: 'invalid-input', message });
    });
  }

  it('splits pictures by their names where no line names a split, or when asked to', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `${i}.jpg`);
    const counts = async (lines: string[], shares?: { val: number; test: number }) => {
      const { pictures } = await readDataset(await dataset(lines.join('')), { shares });
      const bySplit = Map.groupBy(pictures, ({ split }) => split);
      return {
        counts: ['train', 'val', 'test'].map((split) => bySplit.get(split)?.length ?? 0),
        val: bySplit.get('val')?.map(({ image }) => image),
      };
    };
    const unnamed = names.map((name) => line(name, ['x'], null));
    const usual = await counts(unnamed);
    assert.deepEqual(usual.counts, [40, 5, 5]);
    assert.deepEqual((await counts(unnamed.toReversed())).val?.toSorted(), usual.val?.toSorted());
    const named = names.map((name) => line(name, ['x'], 'train'));
    assert.deepEqual((await counts(named)).counts, [50, 0, 0]);
    assert.deepEqual((await counts(named, { val: 20, test: 0 })).counts, [40, 10, 0]);
  });

  it('keeps one caption a picture, drawn by a seed', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => line(`${i}.jpg`, ['a', 'b', 'c'])).join('');
    const drawn = async (captionSeed: number) =>
      (await readDataset(await dataset(lines), { captionSeed })).pictures.map(({ captions }) => captions.join());
    const first = await drawn(1);
    assert.deepEqual(await drawn(1), first);
    assert.notDeepEqual(await drawn(2), first);
    assert.deepEqual([...new Set(first)].toSorted(), ['a', 'b', 'c']);
  });

  it('reads the captions of one language, from lines that name it and from a file of its own', async () => {
    const row = (image: string, caption: string, more: object) =>
      `${JSON.stringify({ image, captions: [caption], split: 'val', ...more })}\n`;
    const folder = await dataset(
      row('a.jpg', 'a dog', {}) + row('b.jpg', 'a cat', { lang: 'en' }) + row('b.jpg', 'un chat', { lang: 'fr' }),
    );
    const german = row('b.jpg', 'eine Katze', { split: undefined }) + row('c.jpg', 'ein Haus', { lang: 'de' });
    await writeFile(join(folder.name, 'captions.de.jsonl'), german);
    const read = async (lang?: string) => {
      const { pictures, warnings } = await readDataset(folder, { lang });
      assert.equal(warnings.size, 0);
      return pictures.map(({ image, captions, split }) => [image, ...captions, split]);
    };
    const english = [
      ['a.jpg', 'a dog', 'val'],
      ['b.jpg', 'a cat', 'val'],
    ];
    assert.deepEqual([await read(), await read('en')], [english, english]);
    assert.deepEqual(await read('fr'), [['b.jpg', 'un chat', 'val']]);
    assert.deepEqual(await read('de'), [
      ['b.jpg', 'eine Katze', 'val'],
      ['c.jpg', 'ein Haus', 'val'],
    ]);
    assert.deepEqual(await listLanguages(folder), ['en', 'fr', 'de']);
    const more = [row('a.jpg', 'ein Hund', { split: undefined }), row('b.jpg', 'kočka', {})];
    const [german2, czech] = more.map((text) => Buffer.from(text));
    const added = {
      ...folder,
      captionFiles: [
        { lang: 'de', name: 'more', bytes: german2! },
        { lang: 'cs', name: 'others', bytes: czech! },
      ],
    };
    const names = async (lang: string) => (await readDataset(added, { lang })).pictures.map(({ image }) => image);
    assert.deepEqual([await names('de'), await names('cs')], [['a.jpg', 'b.jpg', 'c.jpg'], ['b.jpg']]);
    assert.deepEqual(await listLanguages(added), ['en', 'fr', 'de', 'cs']);
    await assert.rejects(readDataset(folder, { lang: 'cs' }), {
      code: 'invalid-input',
      message: /expected pictures with captions in language cs, got none \(2 lines, .*languages: en, fr, de\)/,
    });
  });

  it('says what is missing when there is no dataset', async () => {
    await assert.rejects(readDataset({ store: await openFolder({ root: tmpdir() }), name: 'here' }), {
      code: 'not-found',
      message: /expected captions\.jsonl in here/,
    });
  });
});
