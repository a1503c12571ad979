import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import type { SpaceId } from '../../core/types.ts';
import { findModels } from '../../server/reindex/space-models.ts';
import { writeManyPhotos, writePhotoDataset } from '../support/photo-dataset.ts';
import { killWhen, runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Training commands as a user runs them: real pictures, real encoders, in processes that can be killed. */

/** Enough that a run is still in progress when it is killed. */
const EPOCHS = 40;

describe('npm run train, npm run tune', () => {
  const folder = tempFolder();
  const models = join(folder, 'models');
  let data: string;
  before(async () => {
    data = await writeManyPhotos(join(folder, 'photos'), 2);
    await linkModels(models);
  });

  const command = (script: string, args: readonly string[]) => [
    'scripts/sightline.ts',
    script,
    '--features',
    join(folder, 'features'),
    ...(args.includes('--models') ? [] : ['--models', models]),
    ...args,
  ];
  const call = (script: string, ...args: string[]) =>
    runScript(command(script, args), { SIGHTLINE_DATA: join(folder, 'data') });
  const training = (name: string, ...more: string[]) => [
    '--data',
    data,
    '--recipe',
    'seed',
    '--epochs',
    String(EPOCHS),
    '--run',
    join(folder, `run-${name}`),
    '--out',
    join(folder, `head-${name}`),
    ...more,
  ];
  const head = (name: string, file = 'image.onnx') => readFile(join(folder, `head-${name}`, file));

  it('makes a head that evaluates as serving loads it, with a checkpoint for its best epochs', async () => {
    const encoding = command('train', training('whole', '--json'));
    // The progress line at the start: those that are being encoded then are kept.
    const stopped = await killWhen('the first line', (printed) => printed.includes(' pictures'), encoding, 'SIGINT');
    assert.match(stopped.printed, /\nstopped; what is encoded so far is kept, .*\n$/);
    assert.equal(stopped.code, null);
    const { code, stdout, stderr } = await call('train', ...training('whole', '--json'));
    assert.equal(code, 0, stderr);
    const [all, left] = [stopped.printed, stderr].map((printed) => Number(/\/(\d+) pictures/.exec(printed)![1]));
    assert.ok(left! < all!, `${left} of ${all}`);
    const totals = (unit: string) => new Set([...stderr.matchAll(RegExp(`/(\\d+) ${unit}`, 'g'))].map(([, of]) => of));
    assert.deepEqual([...totals('captions')], ['69'], stderr);
    assert.deepEqual([totals('class names').size, totals('class texts').size], [1, 1], stderr);
    const written = JSON.parse(stdout) as { space: string; training: { curves: object[]; start?: string } };
    assert.deepEqual([written.training.curves.length, written.training.start], [EPOCHS, undefined]);
    assert.deepEqual(JSON.parse(String(await head('whole', 'head.json'))).space, written.space);
    const kept = (await readdir(join(folder, 'run-whole'))).filter((name) => name.endsWith('.weights'));
    assert.equal(kept.length, 8);
    const judged = await call('evaluate', '--data', data, '--head', join(folder, 'head-whole'), '--json');
    assert.equal(judged.code, 0, judged.stderr);
    // By chance it would be about 166 of 600: 1, 5 and 10 of 18 in one direction, more in the other.
    const { recallSum } = JSON.parse(judged.stdout) as { recallSum: number };
    assert.ok(recallSum > 250, `${recallSum}`);
  });

  it('is killed, goes on after its last whole epoch, and has the same bits', async () => {
    await killWhen('its third epoch', (printed) => /^epoch 3:/m.test(printed), command('train', training('killed')));
    const goingOn = command('train', training('killed', '--resume'));
    const stopped = await killWhen('an epoch', (printed) => /^epoch \d+:/m.test(printed), goingOn, 'SIGINT');
    const [, last] = /\nstopped after epoch (\d+); go on with --resume\n$/.exec(stopped.printed) ?? [];
    const { code, stderr } = await call('train', ...training('killed', '--resume'));
    assert.equal(code, 0, stderr);
    const [, next] = /^epoch (\d+):/m.exec(stderr) ?? [];
    assert.ok(Number(next) > Number(last), stopped.printed);
    assert.doesNotMatch(stderr, /overwritten/);
    assert.match(stderr, /\nCheckpoints of \d+ MB are in .*run-killed; only --resume needs them\.\n/);
    assert.deepEqual(await head('killed'), await head('whole'));
  });

  it('trains a text side for other languages into a head, whose pictures keep their vectors', async () => {
    const lines = (await readFile(join(data, 'captions.jsonl'), 'utf8')).trim().split('\n');
    const pictures = lines.map((line) => JSON.parse(line) as { image: string; split: string });
    // One validation picture has no German caption; it is among the candidates all the same.
    const [uncaptioned] = pictures.filter(({ split }) => split === 'val');
    const german = pictures.filter((picture) => picture !== uncaptioned);
    const captioned = german.map(({ image, split }) => ({ image, split, captions: [`das Foto ${image}`] }));
    await writeFile(join(data, 'captions.de.jsonl'), captioned.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const french = join(folder, 'french.jsonl');
    const lineOf = ({ image }: { image: string }) => JSON.stringify({ image, captions: [`la photo ${image}`] });
    await writeFile(french, pictures.map(lineOf).join('\n'));
    const into = join(folder, 'head-sides');
    await cp(join(folder, 'head-whole'), into, { recursive: true });
    const phrases = join(folder, 'phrases.jsonl');
    await writeFile(phrases, '{"en":"a red ball","tr":"kırmızı top"}\n{"en":"a train","sv":"ett tåg"}\n');
    const side = ['--text-side', 'multilingual-e5-small', '--hidden', '64', '--phrases', phrases];
    const given = ['--into', into, '--epochs', '1', '--with-validation', '--captions', `${french}:fr`];
    const encoding = command('train', ['--data', data, ...side, ...given]);
    const stopped = await killWhen('texts', (printed) => printed.includes(' class names'), encoding, 'SIGINT');
    assert.match(stopped.printed, /\nstopped; what is encoded so far is kept, .*\n$/);
    const { code, stdout, stderr } = await call('train', '--data', data, ...side, ...given);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^en .*\n^de .*\n^fr /m);
    assert.deepEqual(await head('sides'), await head('whole'));
    const [before, after] = [await head('whole', 'head.json'), await head('sides', 'head.json')].map((json) =>
      JSON.parse(String(json)),
    );
    assert.equal(after.space, before.space);
    assert.deepEqual(after.texts[0], before.texts[0]);
    const [, { encoder, languages, training }] = after.texts;
    assert.equal(encoder, 'multilingual-e5-small');
    assert.ok(languages.includes('de') && languages.includes('ja'), languages.join());
    const words = JSON.parse(String(await head('sides', 'caption-words.json')));
    assert.deepEqual([words.de[0], words.fr[0]], ['foto', 'photo']);
    const { en } = JSON.parse(String(await head('whole', 'caption-words.json'))) as { en: string[] };
    assert.ok(en.length > 10 && en.every((word) => words.en.includes(word)), 'the side has seen more captions');
    assert.deepEqual(Object.keys(training.validation), ['en', 'de', 'fr']);
    assert.equal(training.validation.de.pictures, training.validation.en.pictures - 1);
    const [judged, alone] = await Promise.all(
      ['all', 'de'].map((lang) => call('evaluate', '--data', data, '--head', into, '--lang', lang, '--json')),
    );
    assert.equal(judged!.code, 0, judged!.stderr);
    const rows = JSON.parse(judged!.stdout) as { lang: string; heads: { recallSum: number }[] }[];
    assert.equal(JSON.parse(alone!.stdout).recallSum, rows[1]!.heads[0]!.recallSum, alone!.stderr);
    assert.deepEqual(
      rows.map(({ lang }) => lang),
      ['en', 'de'],
    );
    assert.ok(Math.abs(rows[1]!.heads[0]!.recallSum - training.validation.de.recallSum) < 15);
    const alike = join(folder, 'head-alike');
    await cp(join(folder, 'head-whole'), alike, { recursive: true });
    const like = (twin: string) =>
      call('train', '--data', data, ...side, '--into', alike, '--epochs', '1', '--twin', twin);
    const without = await like(alike);
    assert.equal(without.code, 1, without.stdout);
    assert.match(without.stderr, /head-alike: expected a side of multilingual-e5-small: train it into the twin first/);
    const judgedByTwin = await like(into);
    assert.equal(judgedByTwin.code, 0, judgedByTwin.stderr);
    const [, { training: own }] = JSON.parse(String(await head('alike', 'head.json'))).texts;
    assert.equal(own.withValidation, true);
    assert.equal(own.twin, before.space);
    assert.equal(own.validation.de.recallSum, rows[1]!.heads[0]!.recallSum);
    const unknown = await call('train', '--data', data, '--text-side', 'nobody', '--into', into);
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.stderr, /nobody/);
    await writeFile(phrases, '{"en":"a red ball"}\n{"de":"ein Zug"}\n');
    const { code: refused, stderr: why } = await call('train', '--data', data, ...side, '--into', alike);
    assert.equal(refused, 1);
    assert.match(why, /phrases\.jsonl, line 2: expected .*"en" among them, got \{"de":"ein Zug"\}/);
  });

  it('trains an English encoder into it from English captions alone, as wide as it is told', async () => {
    const into = join(folder, 'head-english');
    await cp(join(folder, 'head-whole'), into, { recursive: true });
    await cp(join(data, 'captions.jsonl'), join(data, 'captions.fr.jsonl'));
    const phrases = ['--phrases', join(folder, 'english.jsonl')];
    await writeFile(phrases[1]!, '{"en":"a red ball","tr":"kırmızı top"}\n');
    const side = ['--text-side', 'all-minilm-l6-v2', '--into', into, '--epochs', '1', '--hidden', '64', ...phrases];
    const { code, stderr } = await call('train', '--data', data, ...side);
    assert.equal(code, 0, stderr);
    const [, { languages, training }] = JSON.parse(String(await head('english', 'head.json'))).texts;
    assert.deepEqual([languages, training.captionLanguages], [['en'], ['en']]);
    assert.equal(training.recipe.text.hidden, 64);
    await rm(join(data, 'captions.fr.jsonl'));
    const hash = async () =>
      JSON.parse(String(await head('english', 'head.json'))).texts.map((text: { onnx: object }) => text.onnx);
    const before = await hash();
    const sides = ['--text-sides', '--into', into, '--epochs', '1', '--hidden', '64', ...phrases];
    const all = await call('train', '--data', data, ...sides);
    assert.match(all.stdout, /^all-minilm-l6-v2-int8, by .*^all-minilm-l6-v2, by /ms, all.stderr);
    const after = await hash();
    assert.deepEqual(
      [after.length, before[0].sha256 === after[0].sha256, before[1].sha256 === after[1].sha256],
      [2, false, false],
    );
  });

  it('looks at the data before it encodes anything, and at the options before that', async () => {
    const few = await writePhotoDataset(join(folder, 'few'));
    await mkdir(join(folder, 'notes'));
    const all = (await readFile(join(few, 'captions.jsonl'), 'utf8')).trim().split('\n');
    const withSplit = (line: string, split: string) => JSON.stringify({ ...JSON.parse(line), split });
    const attempt = async (lines: readonly string[], ...more: string[]) => {
      await writeFile(join(few, 'captions.jsonl'), lines.join('\n'));
      const answer = await call('train', '--data', few, '--run', join(folder, 'run-few'), ...more);
      assert.doesNotMatch(answer.stderr, /encoding/);
      return answer;
    };
    const { code, stderr } = await attempt(all.map((line) => withSplit(line, 'train')));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /expected captioned pictures in split val, got none \(splits: train\)\. --split 80\/10\/10 makes/,
    );
    const gone = all.map((line, i) => withSplit(line, i < 20 ? 'train' : 'val').replace('"image":"', '"image":"gone-'));
    assert.match((await attempt(gone)).stderr, /expected captioned pictures in split train, got none of 20 in images/);
    const one = all.slice(0, 1).map((line) => withSplit(line, '').replace(',"split":""', ''));
    assert.match((await attempt(one)).stderr, /split val, got none \(splits: train\)\. Too few pictures to split: 1/);
    const into = ['--text-side', 'all-minilm-l6-v2', '--into', join(models, 'head-compact')];
    const nowhere = await attempt(all, ...into, '--phrases', join(folder, 'nowhere'));
    assert.match(nowhere.stderr, /expected a file with phrases, got .*nowhere \(ENOENT\)/);
    await writeFile(join(folder, 'notes', 'todo.txt'), '');
    for (const [flag, value, expected] of [
      ['--recipe', 'better', /--recipe: expected seed or best, got "better"/],
      ['--split', '80/10', /--split: expected percentages that add up to 100/],
      ['--text-side', 'all-minilm-l6-v2', /expected --into HEAD, such as a copy of .*head-compact, or --replace/],
      [
        '--out',
        join(models, 'head-compact'),
        /--out: expected a new or an empty folder, got .*--replace puts the new one there/,
      ],
      ['--out', join(folder, 'notes'), /--out: expected a new or an empty folder, got .*notes with todo\.txt in it/],
    ] as const) {
      const wrong = await attempt(all, flag, value);
      assert.equal(wrong.code, 2, wrong.stderr);
      assert.match(wrong.stderr, expected);
    }
  });

  it('goes on from the head in use, into a folder of its own, with splits where there are none', async () => {
    const unsplit = join(folder, 'unsplit');
    await cp(data, unsplit, { recursive: true });
    const lines = (await readFile(join(data, 'captions.jsonl'), 'utf8')).trim().split('\n');
    const without = lines.map((line) => JSON.stringify({ ...JSON.parse(line), split: undefined }));
    await writeFile(join(unsplit, 'captions.jsonl'), without.join('\n'));
    const shipped = await readFile('models/head-compact/head.json');
    const args = ['--data', unsplit, '--run', join(folder, 'run-unsplit'), '--epochs', '1'];
    const { code, stdout, stderr } = await call('train', ...args, '--json');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readFile('models/head-compact/head.json'), shipped);
    const { out, training, verdict } = JSON.parse(stdout) as {
      out: string;
      training: { start: string; pairs: object; recipe: { batch: number } };
      verdict: { result: string; pictures: number; recallSum: number; inUse: number };
    };
    assert.ok(out.startsWith(join(folder, 'data', 'heads')), out);
    assert.equal(training.start, JSON.parse(await readFile('models/head-compact/head.json', 'utf8')).space);
    assert.match(stderr, /Only \d+ training pairs: a step takes \d+ of them instead of 256/);
    assert.notEqual(verdict.result, 'worse');
    assert.equal(verdict.pictures, 7);
    const kept = JSON.parse(await readFile(join(out, 'head.json'), 'utf8')) as { training: { verdict: object } };
    assert.deepEqual(kept.training.verdict, { ...verdict, than: training.start });
  });

  it('replaces a head only when told to, keeps it, and starts at random where its shapes are others', async () => {
    const own = join(folder, 'own-models');
    const inUse = join(own, 'head-compact');
    await cp(models, own, { recursive: true });
    await rm(inUse);
    await cp(join(folder, 'head-whole'), inUse, { recursive: true });
    const args = ['--data', data, '--models', own, '--epochs', '1', '--run', join(folder, 'run-replaced')];
    const { stdout, stderr } = await call('train', ...args, '--replace', '--json');
    assert.match(stderr, /head-compact cannot be gone on from; the new head starts at random/);
    assert.match(stderr, /^Checkpoints of \d+ MB are in .*run-replaced and 3 folders of teachers beside it; only/m);
    const { out, space, training: facts } = JSON.parse(stdout) as { out: string; space: string; training: object };
    assert.deepEqual([out, 'start' in facts], [inUse, false]);
    const old = JSON.parse(String(await head('whole', 'head.json'))) as { space: string };
    const kept = join(folder, 'data', 'heads', `compact-${old.space}-replaced`);
    assert.ok(stderr.includes(`is kept in ${kept};`), stderr);
    assert.deepEqual(await readFile(join(kept, 'image.onnx')), await head('whole'));
    const places = { data: join(folder, 'data'), modelDirs: [own] };
    assert.equal((await findModels(old.space as SpaceId, places))?.head, kept);
    assert.equal((await findModels(space as SpaceId, places))?.head, inUse);
  });

  it('says that a head is worse, and reindex refuses it', async () => {
    const photos = ['--data', await writePhotoDataset(join(folder, 'worse'))];
    const args = [...photos, '--recipe', 'seed', '--epochs', '1', '--run', join(folder, 'run-worse')];
    const trained = await call('train', ...args, '--out', join(folder, 'head-worse'));
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stdout, /text to image, recall@1 .*\(.* to .*\) .*\(.* to .*\)/);
    assert.match(trained.stdout, /\non 18 pictures, 54 captions of split val:\n/);
    assert.match(trained.stderr, /warning: fewer than 50 pictures: among 18 even chance is right often/);
    assert.match(trained.stdout, /This head is worse than the one in use: [\d.]+ against [\d.]+; keep it\./);
    assert.match(trained.stdout, /npm run reindex -- --head .*head-worse --anyway/);
    const reindex = ['scripts/sightline.ts', 'reindex', '--head', join(folder, 'head-worse')];
    const env = { SIGHTLINE_DATA: join(folder, 'data') };
    for (const captioned of [[], ['--captioned', photos[1]!]]) {
      const refused = await runScript([...reindex, ...captioned], env);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /worse than the one in use: .* against .*; keep it, or .* --anyway/);
    }
    const asked = await runScript([...reindex, '--anyway'], env);
    assert.match(asked.stderr, /there is no index in /);
    // Words of the validation pictures on other pictures teach nothing that helps.
    const file = join(photos[1]!, 'captions.jsonl');
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    const shown = lines.map((line) => JSON.parse(line) as { split: string; captions: string[] });
    const known = shown.filter(({ split }) => split === 'val');
    const wrong = shown.map((line, i) =>
      line.split === 'val' ? line : { ...line, captions: known[(i + 11) % 18]!.captions },
    );
    const unusable = ['gone.jpg', 'cut.jpg', 'torn.jpg'];
    for (const image of unusable.slice(1)) await writeFile(join(photos[1]!, 'images', image), `no picture: ${image}`);
    const left = unusable.map((image) => ({ image, captions: ['a picture'], split: 'train' }));
    await writeFile(file, [...wrong, ...left].map((line) => JSON.stringify(line)).join('\n'));
    const copied = await call('train', ...photos, ...args.slice(4), '--out', join(folder, 'head-copied'));
    assert.equal(
      copied.stdout,
      `nothing better than the head in use was found; a copy of it is in ${join(folder, 'head-copied')}\n`,
      copied.stderr,
    );
    assert.match(copied.stderr, /^warning: 1 line without its picture, left out \(missing-picture\): gone\.jpg$/m);
    assert.match(
      copied.stderr,
      /^warning: 2 pictures that cannot be decoded, .*\(unreadable-.*\), the first: cut\.jpg$/m,
    );
    assert.doesNotMatch(copied.stderr, / % of the way/);
    assert.match(copied.stderr, /^The checkpoints of an earlier run in .*run-worse are overwritten; --resume/m);
    const inUse = JSON.parse(await readFile('models/head-compact/head.json', 'utf8')) as { space: string };
    assert.equal(JSON.parse(String(await head('copied', 'head.json'))).space, inUse.space);
  });

  it('draws one caption a picture by the seed, in training and in evaluation', async () => {
    const args = [...training('fixed', '--captions', 'fixed', '--epochs', '1', '--json')];
    const { training: facts } = JSON.parse((await call('train', ...args)).stdout) as { training: { pairs: object } };
    assert.deepEqual(facts.pairs, { pictures: 46, captions: 46 });
    const judged = await call('evaluate', '--data', data, '--captions', 'fixed', '--json');
    const { pictures, captions } = JSON.parse(judged.stdout) as { pictures: number; captions: number };
    assert.deepEqual([pictures, captions], [18, 18]);
  });

  it('trains on the validation pictures, too, when told to, and then judges by none of them', async () => {
    const args = training('both', '--with-validation', '--epochs', '2');
    const { code, stdout, stderr } = await call('train', ...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /epoch 2 written to .*\nIt has seen all pictures; judge it on others\./);
    const { training: facts } = JSON.parse(String(await head('both', 'head.json'))) as {
      training: { splits: string[]; pairs: { pictures: number }; verdict?: object };
    };
    assert.deepEqual([facts.splits, facts.pairs.pictures, facts.verdict], [['train', 'val'], 46 + 18, undefined]);
    const goingOn = await call('train', '--data', data, '--with-validation');
    assert.deepEqual([goingOn.code, /--with-validation: expected --from-scratch/.test(goingOn.stderr)], [2, true]);
  });

  it('does not compare a head with one that was trained on the pictures to judge by', async () => {
    const own = join(folder, 'models-both');
    await cp(models, own, { recursive: true });
    await rm(join(own, 'head-compact'));
    await cp(join(folder, 'head-both'), join(own, 'head-compact'), { recursive: true });
    const { code, stdout, stderr } = await call('train', ...training('fair', '--models', own, '--epochs', '1'));
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /\nSum of recalls [\d.]+ on 18 pictures, .*; the head in use was trained on these pictures, too/,
    );
    assert.doesNotMatch(stdout, /worse|no head in use/);
    const { training: facts } = JSON.parse(String(await head('fair', 'head.json'))) as { training: object };
    assert.ok(!('verdict' in facts));
  });

  it('learns a head again for encoders that answer nearly the same', async () => {
    const float = join('models', 'head-compact-float32');
    const args = ['--data', data, '--run', join(folder, 'run-refit'), '--epochs', '1'];
    const out = ['--out', join(folder, 'head-refit')];
    const { code, stdout, stderr } = await call(
      'train',
      ...args,
      ...out,
      '--profile',
      'compact',
      '--refit',
      float,
      '--json',
    );
    assert.equal(code, 0, stderr);
    const { training: facts, image } = JSON.parse(stdout) as {
      training: { start: string; share: number; recipe: { name: string } };
      image: { encoder: string };
    };
    const { space } = JSON.parse(await readFile(join(float, 'head.json'), 'utf8')) as { space: string };
    assert.deepEqual([facts.recipe.name, facts.start, facts.share], ['refit', space, 1]);
    assert.equal(image.encoder, 'efficientnet-lite2-int8');
    const other = await call('train', ...args, '--refit', join(folder, 'head-whole'));
    assert.deepEqual(
      [other.code, /--refit: expected a head for encoders of these outputs/.test(other.stderr)],
      [2, true],
    );
  });

  it('tries recipes, keeps a table of the results, and runs only those that it does not know', async () => {
    const trials = join(folder, 'trials.json');
    const results = join(folder, 'results', 'table.jsonl');
    const tune = async (...changes: object[]) => {
      const named = changes.map((change, i) => ({ name: `trial ${i}`, recipe: 'seed', change }));
      await writeFile(trials, JSON.stringify(named));
      const answer = await call('tune', '--data', data, '--also', data, '--trials', trials, '--results', results);
      assert.equal(answer.code, 0, answer.stderr);
      const table = (await readFile(results, 'utf8')).trim().split('\n');
      return { table, run: answer.stderr.match(/trial \d(?=: epoch 1,)/g) ?? [], stdout: answer.stdout };
    };
    const short = { epochs: 1 };
    const first = await tune(short, { ...short, learningRate: 1e-3 });
    assert.deepEqual([first.table.length, first.run], [2, ['trial 0', 'trial 1']]);
    const again = await tune(short, { ...short, learningRate: 1e-3 }, { ...short, batch: 32 });
    assert.deepEqual(again.table.slice(0, 2), first.table);
    assert.deepEqual([again.table.length, again.run], [3, ['trial 2']]);
    assert.equal(again.stdout.trim().split('\n').length, 3);
  });
});

/** Neighbours among the thousand classes of the encoder share a name: a tenth of the texts is left to encode. */
const CLASSES_A_NAME = 10;

/** Fills `folder` with links to the bundled models, whose image encoder has fewer names for its classes. */
async function linkModels(folder: string): Promise<void> {
  const image = 'efficientnet-lite2-int8';
  await mkdir(join(folder, image), { recursive: true });
  const link = (path: string) => symlink(resolve('models', path), join(folder, path));
  for (const name of await readdir('models')) if (name !== image && name !== 'manifest.json') await link(name);
  const named = JSON.parse(await readFile(join('models', image, 'classes.json'), 'utf8')) as { names: string[] }[];
  const classes = JSON.stringify(named.map((one, i) => ({ ...one, names: named[i - (i % CLASSES_A_NAME)]!.names })));
  await writeFile(join(folder, image, 'classes.json'), classes);
  const manifest = JSON.parse(await readFile(join('models', 'manifest.json'), 'utf8'));
  const [file] = manifest.encoders[image].files.others;
  Object.assign(file, {
    bytes: Buffer.byteLength(classes),
    sha256: createHash('sha256').update(classes).digest('hex'),
  });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  for (const name of await readdir(join('models', image))) if (name !== 'classes.json') await link(join(image, name));
}
