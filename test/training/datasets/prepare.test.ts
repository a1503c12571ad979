import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { SightlineError } from '../../../core/errors.ts';
import { openFolder } from '../../../core/objects/folder/store.ts';
import { withPrefix } from '../../../core/objects/prefixed.ts';
import { openS3 } from '../../../core/objects/s3/store.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { closing } from '../../../core/util/async-disposable.ts';
import { listLanguages, readDataset } from '../../../training/datasets/dataset.ts';
import { openJournal } from '../../../training/datasets/journal.ts';
import { type PrepareOptions, prepareDataset } from '../../../training/datasets/prepare.ts';
import { describeSummary, type PreparationSummary } from '../../../training/datasets/problems-found.ts';
import { splitByHash } from '../../../training/datasets/splits.ts';
import { openStoredSource } from '../../../training/datasets/stored-files.ts';
import { type Content, jpeg, tar, zip } from '../../support/archives.ts';
import { startS3 } from '../../support/s3-server.ts';
import { onSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function storeOf(content: Content, store?: ObjectStore): Promise<ObjectStore> {
  const made = store ?? (await openFolder({ root: tempFolder() }));
  for (const [key, bytes] of Object.entries(content)) await made.put(key, Buffer.from(bytes as Uint8Array));
  return made;
}

interface Prepared {
  readonly report: PreparationSummary;
  readonly lines: { image: string; captions: string[]; split: string; sha256: string }[];
  readonly target: ObjectStore;
}

async function prepare(
  source: ObjectStore,
  options: Partial<Omit<PrepareOptions, 'source' | 'target' | 'journal'>> & {
    target?: ObjectStore;
    journal?: string;
    only?: string;
  } = {},
): Promise<Prepared> {
  const target = options.target ?? (await openFolder({ root: tempFolder() }));
  await using journal = closing(await openJournal(options.journal ?? join(tempFolder(), 'journal.jsonl')));
  const report = await prepareDataset({
    from: 'here',
    commit: null,
    captions: null,
    added: [],
    shares: { val: 0, test: 0 },
    parallel: 3,
    replace: false,
    ...options,
    source: await openStoredSource({ store: source, name: 'the source' }, options.only ?? null),
    target: { store: target, name: 'the target' },
    journal,
  });
  const text = await new Response((await target.get('captions.jsonl'))!.body).text();
  return {
    report,
    lines: text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    target,
  };
}

/** Text as saved by Excel and Notepad, with a byte order mark. */
function utf16(text: string, order: 'little' | 'big'): Buffer {
  const bytes = Buffer.from(`\ufeff${text.replace(/^\ufeff/, '')}`, 'utf16le');
  return order === 'little' ? bytes : bytes.swap16();
}

const counts = ({ findings }: PreparationSummary) =>
  Object.fromEntries(Object.entries(findings).map(([name, { count }]) => [name, count]));
const brief = ({ lines }: Prepared) => lines.map(({ image, captions, split }) => [image, captions, split]);

/** As written by pandas: JSON in quoted cells. */
function flickrRow(raw: string[], split: string, filename: string, id: number): string {
  const cell = (value: unknown) => `"${JSON.stringify(value).replaceAll('"', '""')}"`;
  return `${cell(raw)},${cell(raw.map((_, i) => 5 * id + i))},${split},${filename},${id}\n`;
}
const flickrHeader = 'raw,sentids,split,filename,img_id\n';

describe('preparing Flickr30k as it lies on the hub', () => {
  it('keeps splits, order and captions, and counts what is wrong', async () => {
    const [a, b, c] = [await jpeg(1), await jpeg(2), await jpeg(3)];
    const csv = Buffer.concat([
      Buffer.from(flickrHeader),
      Buffer.from(flickrRow(['Two men, "friends", sit .', 'Line\nbreak'], 'train', 'b.jpg', 0)),
      Buffer.from(flickrRow(['A dog .', '  '], 'test', 'a.jpg', 1)),
      Buffer.from(flickrRow(['Gone'], 'val', 'gone.jpg', 2)),
      Buffer.from(flickrRow(['  '], 'val', 'silent.jpg', 3)),
      Buffer.from('"[""broken"",",[0],val,c.jpg,4\n'),
      Buffer.from('"[""caf'),
      Buffer.of(0xe9),
      Buffer.from('""]",[0],val,c.jpg,5\n'),
      Buffer.from(flickrRow(['Same bytes'], 'train', 'b2.jpg', 6)),
      Buffer.from(flickrRow(['Same bytes, other split'], 'val', 'b3.jpg', 7)),
      Buffer.from(flickrRow(['Half a picture'], 'val', 'cut.jpg', 8)),
    ]);
    const pictures = await zip({
      'flickr30k-images/a.jpg': a,
      'flickr30k-images/b.jpg': b,
      'flickr30k-images/b2.jpg': b,
      'flickr30k-images/b3.jpg': b,
      'flickr30k-images/c.jpg': c,
      'flickr30k-images/cut.jpg': c.subarray(0, -60),
      '__MACOSX/flickr30k-images/._a.jpg': 'litter',
      'flickr30k-images/readme.txt': 'not a picture',
    });
    const source = await storeOf({ 'flickr_annotations_30k.csv': csv, 'flickr30k-images.zip': pictures });
    const prepared = await prepare(source);
    assert.deepEqual(brief(prepared), [
      ['b.jpg', ['Two men, "friends", sit .', 'Line\nbreak'], 'train'],
      ['a.jpg', ['A dog .'], 'test'],
      ['b2.jpg', ['Same bytes'], 'train'],
      ['b3.jpg', ['Same bytes, other split'], 'val'],
    ]);
    assert.deepEqual(counts(prepared.report), {
      'missing-picture': 1,
      // silent.jpg of the table, c.jpg of the zip.
      'no-captions': 2,
      'empty-caption': 2,
      'broken-line': 1,
      'not-utf8': 1,
      'unreadable-picture': 1,
      'doubled-picture': 1,
      'split-leak': 1,
    });
    assert.equal(prepared.report.form, 'flickr30k');
    assert.deepEqual(prepared.report.splits.train, { pictures: 2, captions: 3 });
    const text = describeSummary(prepared.report, 'there');
    assert.match(
      text,
      /there: 4 pictures with 5 captions, [\s\S]*\n {2}test {3}1 picture, 1 caption\n[\s\S]*\nbroken-line 1: /,
    );
    assert.match(text, /b\.jpg \(train\) and b3\.jpg \(val\)/);
    const stored = await prepared.target.get('images/a.jpg');
    assert.deepEqual(Buffer.from(await new Response(stored!.body).arrayBuffer()), a);
    const read = await readDataset({ store: prepared.target, name: 'there' });
    assert.deepEqual([read.pictures.length, read.warnings.size], [4, 0]);
  });

  it('refuses names that lead out of the folder, and takes the rest', async () => {
    const names = ['xx/xx/evil.jpg', 'xx/abs.jpg', 'good.jpg'];
    const csv = flickrHeader + names.map((name, i) => flickrRow(['x'], 'train', name.replace(/^.*\//, ''), i)).join('');
    const archive = await zip(
      Object.fromEntries(await Promise.all(names.map(async (name, i) => [name, await jpeg(i)]))),
    );
    // Names that no zip tool would write: replaced by ones of the same length in both places where a zip stores them.
    const evil = Buffer.from(
      archive.toString('latin1').replaceAll('xx/xx/evil', '../../evil').replaceAll('xx/abs', '//xabs'),
      'latin1',
    );
    const prepared = await prepare(
      await storeOf({ 'a.csv': csv + flickrRow(['x'], 'train', '../up.jpg', 9), 'z.zip': evil }),
    );
    assert.deepEqual(brief(prepared), [['good.jpg', ['x'], 'train']]);
    assert.equal(prepared.report.findings['unsafe-name']?.count, 3);
  });

  it('reads zip64, deflated files, and says which file of an archive is damaged', async () => {
    const csv = flickrHeader + ['a', 'b'].map((name, i) => flickrRow(['x'], 'train', `${name}.jpg`, i)).join('');
    const content = { 'a.jpg': await jpeg(1), 'b.jpg': await jpeg(2) };
    const whole = await prepare(
      await storeOf({ 'a.csv': csv, 'z.zip': await zip(content, { zip64: true, compress: true }) }),
    );
    assert.equal(whole.report.pictures, 2);
    const damaged = await zip(content);
    damaged[damaged.indexOf(content['b.jpg']) + 200]! ^= 1;
    const rest = await prepare(await storeOf({ 'a.csv': csv, 'z.zip': damaged }));
    assert.deepEqual(counts(rest.report), { 'broken-file': 1, 'empty-split': 1 });
    assert.match(rest.report.findings['broken-file']!.examples[0]!, /z\.zip\/b\.jpg: expected CRC-32/);
    const cut = storeOf({ 'a.csv': csv, 'z.zip': damaged.subarray(0, -30) });
    await assert.rejects(prepare(await cut), {
      code: 'invalid-input',
      message: /z\.zip: expected a whole zip archive/,
    });
  });
});

describe('preparing the other forms with a captions file', () => {
  it('Flickr8k and Flickr30k as their authors give them out, with lists of splits and beside lemmas', async () => {
    const [a, b, c] = [await jpeg(1), await jpeg(2), await jpeg(3)];
    const captions = 'a.jpg#0\tA "child"\tin pink .\na.jpg#1\tA girl .\r\nb.jpg#0\tA dog # 1 .\nno number\n';
    const flickr30k = await prepare(
      await storeOf({ 'flickr30k-images/a.jpg': a, 'flickr30k-images/b.jpg': b, 'results_20130124.token': captions }),
    );
    assert.deepEqual(brief(flickr30k), [
      ['a.jpg', ['A "child"\tin pink .', 'A girl .'], 'train'],
      ['b.jpg', ['A dog # 1 .'], 'train'],
    ]);
    assert.deepEqual(counts(flickr30k.report), { 'broken-line': 1, 'split-by-rule': 2, 'empty-split': 1 });
    const flickr8k = await prepare(
      await storeOf({
        'Flicker8k_Dataset/a.jpg': a,
        'Flicker8k_Dataset/b.jpg': b,
        'Flicker8k_Dataset/c.jpg': c,
        'Flickr8k.token.txt': `${captions}c.jpg#0\tNeither .\nc.jpg.1#0\tNo such picture .\n`,
        'Flickr8k.lemma.token.txt': captions.toLowerCase(),
        'Flickr_8k.trainImages.txt': 'a.jpg\r\n',
        'Flickr_8k.devImages.txt': 'b.jpg\nnobody.jpg\n',
        'ExpertAnnotations.txt': 'a.jpg\tb.jpg#2\t1\t1\t1\n',
        'readme.txt': 'If you publish work based on the data ...\n',
      }),
    );
    assert.deepEqual(
      flickr8k.lines.map(({ image, split }) => [image, split]),
      [
        ['a.jpg', 'train'],
        ['b.jpg', 'val'],
        ['c.jpg', 'train'],
      ],
    );
    assert.equal(flickr8k.report.form, 'token');
    assert.equal(flickr8k.report.findings['missing-picture']?.count, 1);
  });

  it('tables that Excel saved again: semicolons, a byte order mark, UTF-16 with tabs', async () => {
    const pictures = { 'a.jpg': await jpeg(1), 'b.jpg': await jpeg(2) };
    const caption = 'A café, "open"; in the rain';
    const quoted = `"${caption.replaceAll('"', '""')}"`;
    const tables = {
      semicolons: `\ufeffimage;caption\r\na.jpg;${quoted}\r\nb.jpg;A dog\r\n`,
      comments: `image_name;comment_number;comment\r\na.jpg;0;${quoted}\r\nb.jpg;0;A dog\r\n`,
      tabs: `image\tcaption\r\na.jpg\t${quoted}\r\nb.jpg\tA dog\r\n`,
      hub: `raw;split;filename\r\n"[""${caption.replaceAll('"', '\\""')}""]";;a.jpg\r\n"[""A dog""]";;b.jpg\r\n`,
    };
    for (const [name, table] of Object.entries(tables)) {
      for (const bytes of [Buffer.from(table), utf16(table, 'little'), utf16(table, 'big')]) {
        const prepared = await prepare(await storeOf({ ...pictures, 'captions.csv': bytes }));
        assert.deepEqual(
          prepared.lines.map(({ image, captions }) => [image, captions]),
          [
            ['a.jpg', [caption]],
            ['b.jpg', ['A dog']],
          ],
          name,
        );
      }
    }
  });

  it('a text beside each picture in UTF-16, as Notepad saves it', async () => {
    const prepared = await prepare(
      await storeOf({ 'a.jpg': await jpeg(1), 'a.txt': utf16('Ein Hündchen\r\n', 'little') }),
    );
    assert.deepEqual(brief(prepared), [['a.jpg', ['Ein Hündchen'], 'train']]);
  });

  it('Kaggle, results.csv with bars: the line without its last bar, copies in a second folder', async () => {
    const results =
      'image_name| comment_number| comment\n' +
      'a.jpg| 0| Two "young" guys , outside .\na.jpg| 1| They | talk .\n' +
      '2199200615.jpg| 4   A dog runs across the grass .\nb.jpg\n';
    const a = await jpeg(1);
    const source = await storeOf({
      'flickr30k_images/results.csv': results,
      'flickr30k_images/flickr30k_images/results.csv': results,
      'flickr30k_images/flickr30k_images/a.jpg': a,
      'flickr30k_images/flickr30k_images/2199200615.jpg': await jpeg(2),
      'flickr30k_images/flickr30k_images/flickr30k_images/a.jpg': a,
    });
    const prepared = await prepare(source);
    assert.deepEqual(brief(prepared), [
      ['a.jpg', ['Two "young" guys , outside .', 'They | talk .'], 'train'],
      ['2199200615.jpg', ['A dog runs across the grass .'], 'train'],
    ]);
    assert.deepEqual(counts(prepared.report), {
      'broken-line': 1,
      'second-file': 1,
      'split-by-rule': 2,
      'empty-split': 1,
    });
  });

  it('Kaggle, captions.txt inside the zip it is downloaded as', async () => {
    const captions =
      '\ufeffimage,caption\na.jpg,"A child , ""smiling"" ."\na.jpg,"He said ""hi"" , twice"\nb.jpg,A dog , running\n';
    const archive = await zip({
      'Images/a.jpg': await jpeg(1),
      'Images/b.jpg': await jpeg(2),
      'captions.txt': captions,
    });
    const prepared = await prepare(await storeOf({ 'archive.zip': archive }), { only: 'archive.zip' });
    assert.deepEqual(brief(prepared), [
      ['a.jpg', ['A child , "smiling" .', 'He said "hi" , twice'], 'train'],
      ['b.jpg', ['A dog , running'], 'train'],
    ]);
  });

  it("Karpathy's JSON: restval is training, pictures from a gzipped tar", async () => {
    const image = (filename: string, split: string) => ({
      sentids: [0],
      imgid: 0,
      filename,
      split,
      sentences: [{ tokens: ['x'], raw: `${filename} .`, imgid: 0, sentid: 0 }],
    });
    const json = {
      images: [image('a.jpg', 'restval'), image('b.jpg', 'val'), { filename: 'c.jpg' }],
      dataset: 'flickr30k',
    };
    const pictures = gzipSync(
      await tar({ './flickr30k-images/b.jpg': await jpeg(1), './flickr30k-images/a.jpg': await jpeg(2) }),
    );
    const prepared = await prepare(
      await storeOf({ 'dataset_flickr30k.json': JSON.stringify(json), 'flickr30k-images.tar.gz': pictures }),
    );
    assert.deepEqual(brief(prepared), [
      ['a.jpg', ['a.jpg .'], 'train'],
      ['b.jpg', ['b.jpg .'], 'val'],
    ]);
    assert.deepEqual([prepared.report.form, counts(prepared.report)], ['karpathy', { 'broken-line': 1 }]);
  });

  it('COCO: one file a split, captions without a picture', async () => {
    const coco = (names: string[], extra: unknown[] = []) =>
      JSON.stringify({
        info: { year: 2017 },
        images: names.map((file_name, id) => ({ id, file_name })),
        annotations: [
          ...names.flatMap((name, id) => [1, 2].map((n) => ({ image_id: id, id: n, caption: `${name} ${n} ` }))),
          ...extra,
        ],
      });
    const source = await storeOf({
      'annotations/captions_train2017.json': coco(
        ['1.jpg', '2.jpg'],
        [{ image_id: 77, caption: 'nobody' }, { image_id: 0 }],
      ),
      'annotations/captions_val2017.json': coco(['3.jpg']),
      'annotations/instances_val2017.json': '{"info": {}, "images": [], "annotations": []}',
      'train2017/1.jpg': await jpeg(1),
      'train2017/2.jpg': await jpeg(2),
      'val2017/3.jpg': await jpeg(3),
    });
    const prepared = await prepare(source);
    assert.deepEqual(brief(prepared), [
      ['1.jpg', ['1.jpg 1', '1.jpg 2'], 'train'],
      ['2.jpg', ['2.jpg 1', '2.jpg 2'], 'train'],
      ['3.jpg', ['3.jpg 1', '3.jpg 2'], 'val'],
    ]);
    assert.deepEqual(counts(prepared.report), { 'missing-picture': 1, 'broken-line': 1 });
  });

  it('the canonical form: captions in other languages stay what they are, and files of them are added', async () => {
    const line = (image: string, captions: string[], more = {}) => `${JSON.stringify({ image, captions, ...more })}\n`;
    const of = (split: string) => ({ split });
    const source = await storeOf({
      'images/a.jpg': await jpeg(1),
      'images/b.jpg': await jpeg(2),
      'images/c.jpg': await jpeg(3),
      'captions.jsonl':
        line('a.jpg', ['a dog'], of('train')) +
        line('a.jpg', ['un chien'], { ...of('train'), lang: 'fr' }) +
        line('b.jpg', ['a cat'], of('val')) +
        line('c.jpg', ['un cheval'], { ...of('val'), lang: 'fr' }),
      'captions.de.jsonl': line('b.jpg', ['eine Katze', 'ein Tier']) + line('gone.jpg', ['weg'], of('val')),
    });
    const file = (lang: string, text: string) => ({ lang, name: `more.${lang}`, bytes: Buffer.from(text) });
    const added = [
      file('cs', line('a.jpg', ['pes'])),
      file('de', line('a.jpg', ['ein Hund']) + line('nobody.jpg', ['x'])),
      file('en', line('b.jpg', ['a pet'])),
    ];
    const prepared = await prepare(source, { added });
    assert.deepEqual(brief(prepared), [
      ['a.jpg', ['a dog'], 'train'],
      ['b.jpg', ['a cat', 'a pet'], 'val'],
      ['c.jpg', [], 'val'],
    ]);
    assert.equal(counts(prepared.report)['missing-picture'], 2);
    const place = { store: prepared.target, name: 'the target' };
    assert.deepEqual((await listLanguages(place)).toSorted(), ['cs', 'de', 'en', 'fr']);
    const read = async (lang: string) =>
      (await readDataset(place, { lang })).pictures.map(({ image, captions, split }) => [image, ...captions, split]);
    assert.deepEqual(await read('fr'), [
      ['a.jpg', 'un chien', 'train'],
      ['c.jpg', 'un cheval', 'val'],
    ]);
    assert.deepEqual(await read('de'), [
      ['a.jpg', 'ein Hund', 'train'],
      ['b.jpg', 'eine Katze', 'ein Tier', 'val'],
    ]);
    assert.deepEqual(await read('cs'), [['a.jpg', 'pes', 'train']]);
  });

  it('the canonical form: hashes are held to', async () => {
    const first = await prepare(
      await storeOf({
        'captions.txt': 'image,caption\na/x.jpg,one\nb/x.jpg,two\n',
        'a/x.jpg': await jpeg(1),
        'b/x.jpg': await jpeg(2),
      }),
    );
    const again = await prepare(first.target);
    assert.deepEqual(again.lines, first.lines);
    assert.deepEqual(
      again.lines.map(({ image }) => image),
      ['a/x.jpg', 'b/x.jpg'],
    );
    await first.target.put('images/a/x.jpg', await jpeg(3));
    assert.equal((await prepare(first.target)).report.findings['changed-picture']?.count, 1);
  });

  const refused: [string, Content, RegExp][] = [
    ['broken JSON', { 'dataset_x.json': '{"images": [{"sentences": [' }, /dataset_x\.json: expected a JSON document/],
    [
      'JSON that is not UTF-8',
      { 'dataset_x.json': Buffer.from('{"sentids": "\xe9"}', 'latin1') },
      /expected a JSON document, got bytes that are not UTF-8/,
    ],
    ['JSON of another kind', { 'dataset_x.json': '{"sentids": []}' }, /expected a list "images"/],
    [
      'a quote that never ends',
      { 'captions.txt': 'image,caption\na.jpg,"x\nb.jpg,y\n' },
      /captions\.txt line 3: expected a table/,
    ],
    ['no usable caption', { 'captions.txt': 'image,caption\na.jpg, \n' }, /expected captions \(kaggle\), got none/],
    [
      'two captions files',
      { 'captions.txt': 'image,caption\n', 'b.csv': 'raw,split,filename\n' },
      /choose one with --captions/,
    ],
    ['pictures alone', { 'b.jpg': 'x' }, /expected pictures and a captions file.*got 2 pictures and 0 other files/],
    [
      'a picture in two splits',
      { 'x.csv': flickrHeader + flickrRow(['x'], 'train', 'a.jpg', 0) + flickrRow(['x'], 'val', 'a.jpg', 1) },
      /a\.jpg in one split, got train and val/,
    ],
  ];
  for (const [name, content, message] of refused) {
    it(`refuses ${name}, naming it`, async () => {
      await assert.rejects(prepare(await storeOf({ 'a.jpg': await jpeg(1), ...content })), {
        code: 'invalid-input',
        message,
      });
    });
  }

  it('takes the captions file that is named', async () => {
    const content = {
      'a.jpg': await jpeg(1),
      'old/captions.txt': 'image,caption\na.jpg,old\n',
      'captions.txt': 'image,caption\na.jpg,new\n',
    };
    const prepared = await prepare(await storeOf(content), { captions: 'old/captions.txt' });
    assert.deepEqual(prepared.lines[0]?.captions, ['old']);
    await assert.rejects(prepare(await storeOf(content), { captions: 'nowhere.csv' }), { message: /got no such file/ });
  });
});

describe('preparing captions beside pictures', () => {
  it('webdataset shards: samples by their first dot, the split in the name of the shard', async () => {
    const train = await tar({
      '0001.jpg': await jpeg(1),
      '0001.txt': 'a red thing',
      '0001.json': '{"caption": "a red thing", "url": "x"}',
      '0002.json': '{"caption": "no picture"}',
      '0003.jpg': await jpeg(2),
      '0003.txt': '',
      '0004.seg.png': 'x',
      '0004.jpg': await jpeg(3),
      '0004.txt': Buffer.of(0xff, 0xfe, 0x41),
      '../0005.jpg': await jpeg(4),
    });
    const val = gzipSync(
      await tar({ '0001.jpg': await jpeg(5), '0001.json': '{"captions": ["one", "two"], "split": "test"}' }),
    );
    const prepared = await prepare(await storeOf({ 'x-train-000.tar': train, 'x-val-000.tar.gz': val }));
    assert.deepEqual(brief(prepared), [
      ['x-train-000/0001.jpg', ['a red thing'], 'train'],
      ['x-val-000/0001.jpg', ['one', 'two'], 'test'],
    ]);
    assert.deepEqual(counts(prepared.report), {
      'missing-picture': 1,
      'no-captions': 2,
      'empty-caption': 1,
      'not-utf8': 1,
      'unsafe-name': 1,
      'second-file': 1,
      'empty-split': 1,
    });
    await assert.rejects(prepare(await storeOf({ 'x.tar': train.subarray(0, 3000) })), {
      code: 'invalid-input',
      message: /x\.tar: expected a whole tar archive/,
    });
    await assert.rejects(prepare(await storeOf({ 'x.tar': Buffer.alloc(2048, 7) })), { code: 'invalid-input' });
  });

  it('a plain folder: texts and JSON, splits by folder', async () => {
    const prepared = await prepare(
      await storeOf({
        'train/dog.one.jpg': await jpeg(1),
        'train/dog.one.txt': 'A dog\r\n\nA brown dog\n',
        'val/cat.png': await jpeg(2),
        'val/cat.json': '{"text": "a cat"}',
        'val/alone.jpg': await jpeg(3),
        'val/broken.jpg': await jpeg(4),
        'val/broken.json': '{"caption": ',
        'val/gone.txt': 'no picture',
      }),
    );
    assert.deepEqual(brief(prepared), [
      ['train/dog.one.jpg', ['A dog', 'A brown dog'], 'train'],
      ['val/cat.png', ['a cat'], 'val'],
    ]);
    assert.deepEqual(counts(prepared.report), { 'missing-picture': 1, 'no-captions': 2, 'broken-line': 1 });
  });

  it(
    'splits by the hash of the picture where none is named: the same for the same bytes, whatever else ' + 'there is',
    async () => {
      const names = Array.from({ length: 40 }, (_, n) => n);
      const content: Record<string, Uint8Array | string> = {};
      for (const n of names) {
        content[`${n}.jpg`] = await jpeg(n % 39);
        content[`${n}.txt`] = 'x';
      }
      const prepared = await prepare(await storeOf(content), { shares: { val: 30, test: 30 } });
      for (const { split, sha256 } of prepared.lines) assert.equal(split, splitByHash(sha256, { val: 30, test: 30 }));
      const splitOf = new Map(prepared.lines.map(({ image, split }) => [image, split]));
      assert.equal(splitOf.get('0.jpg'), splitOf.get('39.jpg'));
      assert.equal(prepared.report.findings['split-leak'], undefined);
      assert.match(prepared.report.splitRule!, /below 30 val, below 60 test/);
      const { '0.jpg': _, ...fewer } = content;
      for (const { image, split } of (await prepare(await storeOf(fewer), { shares: { val: 30, test: 30 } })).lines) {
        assert.equal(split, splitOf.get(image));
      }
      // Over 100,000 hashes, the shares are as stated.
      const hash = (n: number) =>
        Math.imul(n, 2654435761).toString(16).replace('-', '').padStart(8, '0').padEnd(64, '0');
      const vals = Array.from({ length: 100_000 }, (_, n) => splitByHash(hash(n), { val: 5, test: 5 })).filter(
        (s) => s === 'val',
      );
      assert.ok(Math.abs(vals.length - 5000) < 300, `${vals.length}`);
    },
  );

  it('a single pair is a data set, and says what it cannot be used for', async () => {
    const prepared = await prepare(await storeOf({ 'a.jpg': await jpeg(1), 'a.txt': 'one' }));
    assert.deepEqual(prepared.report.findings['empty-split']?.examples, ['val']);
  });
});

describe('an interrupted preparation', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const source = async () => {
    const pictures = await Promise.all(names.map(async (name, n) => [`${name}.jpg`, await jpeg(n)]));
    return storeOf({
      ...Object.fromEntries(pictures),
      'captions.txt': `image,caption\n${names.map((name) => `${name}.jpg,${name}\n`).join('')}`,
    });
  };

  it('says so when the disk is full, and is no data set then', { skip: smallDisk() }, async () => {
    await onSmallDisk(16, async (mount) => {
      const target = await openFolder({ root: mount });
      await assert.rejects(prepare(await source(), { target, parallel: 1 }), {
        code: 'unavailable',
        message: /the disk is full: free some space/,
      });
      assert.equal(await target.head('captions.jsonl'), null);
    });
  });

  it('goes on where the disk became full, and writes nothing twice', async () => {
    const journal = join(tempFolder(), 'journal.jsonl');
    const target = await openFolder({ root: tempFolder() });
    let room = 3;
    const full: ObjectStore = {
      ...target,
      put: async (key, ...rest) => {
        if (room-- <= 0) throw new SightlineError('unavailable', `cannot store ${key}: the disk is full (ENOSPC)`);
        return target.put(key, ...rest);
      },
    };
    const from = await source();
    await assert.rejects(prepare(from, { target: full, journal, parallel: 1 }), {
      code: 'unavailable',
      message: /disk is full/,
    });
    assert.equal(await target.head('captions.jsonl'), null, 'a part is no data set');
    // What a crash in the middle of a line leaves.
    await appendFile(journal, '{"image": "d.j');
    const { report, lines } = await prepare(from, { target, journal });
    assert.deepEqual([report.kept, report.written, lines.length], [3, 3, 6]);
    const again = await prepare(from, { target, journal });
    assert.deepEqual([again.report.kept, again.report.written], [6, 0]);
    assert.deepEqual(again.lines, lines);
  });

  it('believes neither a picture that changed at its source nor one that changed at its target', async () => {
    const [journal, from] = [join(tempFolder(), 'journal.jsonl'), await source()];
    const { target } = await prepare(from, { journal });
    await from.put('a.jpg', await jpeg(90));
    await target.put('images/b.jpg', Buffer.from('rubbish'));
    await target.delete('images/c.jpg');
    await target.put('images/old.jpg', await jpeg(91));
    const { report } = await prepare(from, { target, journal });
    assert.deepEqual([report.kept, report.written, report.findings['left-over']?.examples], [3, 3, ['old.jpg']]);
  });

  it('stops when it is told to, and does not write over what it does not know', async () => {
    const stop = new AbortController();
    const from = await source();
    const target = await openFolder({ root: tempFolder() });
    const stopped = prepare(from, { target, parallel: 1, signal: stop.signal, onProgress: () => stop.abort() });
    await assert.rejects(stopped, { name: 'AbortError' });
    await target.put('captions.jsonl', Buffer.from('{"somebody": "else"}\n'));
    await assert.rejects(prepare(from, { target }), {
      code: 'precondition-failed',
      message: /got one from something else/,
    });
    assert.equal((await prepare(from, { target, replace: true })).report.pictures, 6);
    await assert.rejects(prepare(from, { target, from: 'there' }), { message: /got one from here/ });
  });
});

describe('preparing from a bucket into a bucket', () => {
  it('reads zips and tars in place, and goes on after the bucket was away', async () => {
    await using server = await startS3();
    server.createBucket('data');
    const bucket = {
      bucket: 'data',
      endpoint: server.endpoint,
      credentials: server.credentials,
      region: 'us-east-1',
    };
    const s3 = await openS3({ ...bucket, maxAttempts: 2 });
    const csv =
      flickrHeader + ['a', 'b', 'c'].map((name, i) => flickrRow([`see ${name}`], 'val', `${name}.jpg`, i)).join('');
    const pictures = await zip({ 'images/a.jpg': await jpeg(1), 'images/b.jpg': await jpeg(2) });
    const from = await storeOf(
      { 'raw.csv': csv, 'p.zip': pictures, 'q.tar': await tar({ 'c.jpg': await jpeg(3) }) },
      withPrefix(s3, 'raw/'),
    );
    const target = withPrefix(s3, 'prepared/flickr/');
    const journal = join(tempFolder(), 'journal.jsonl');
    const isPicture = ({ method, url }: { method: string; url: string }) => method === 'PUT' && url.includes('b.jpg');
    server.inject({ matches: isPicture, times: 2, does: { status: 503, code: 'SlowDown' } });
    await assert.rejects(prepare(from, { target, journal, parallel: 1 }), {
      code: 'unavailable',
      message: /SlowDown/,
    });
    const prepared = await prepare(from, { target, journal });
    assert.deepEqual(brief(prepared), [
      ['a.jpg', ['see a'], 'val'],
      ['b.jpg', ['see b'], 'val'],
      ['c.jpg', ['see c'], 'val'],
    ]);
    assert.ok(prepared.report.kept >= 1);
    assert.ok(await s3.head('prepared/flickr/images/c.jpg'));
    s3.close();
    await assert.rejects(openS3({ ...bucket, bucket: 'vanished' }), {
      code: 'invalid-config',
      message: /no bucket vanished/,
    });
  });
});
