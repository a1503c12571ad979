import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { film } from '../core/picture/odd-pictures.ts';
import { runScript, startScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '../..');
const sample = (name: string) => join(root, 'examples', 'photos', name);

/** Pictures enough that indexing is still in progress when something happens to it. */
const MANY = 24;

interface Summary {
  readonly found: number;
  readonly handled: number;
  readonly unchanged: number;
  readonly removed: number;
  readonly pictures: number;
  readonly leftOut: object;
  readonly failed: { readonly key: string; readonly reason: string; readonly message: string }[];
  readonly interrupted: boolean;
}

describe('npm run index, npm run search', { timeout: 600_000 }, () => {
  const dir = tempFolder();
  let photos: string;
  before(async () => {
    photos = join(dir, 'photos');
    await mkdir(join(photos, 'sub'), { recursive: true });
    await copyFile(sample('cat.jpg'), join(photos, 'cat.jpg'));
    await copyFile(sample('moon.jpg'), join(photos, 'sub', 'the moon.jpg'));
    // A live photo and a motion photo: the film of the one lies beside it, that of the other behind its still.
    await copyFile(join(root, 'test/fixtures/heic/photo.heic'), join(photos, 'sub', 'IMG_1.HEIC'));
    await writeFile(join(photos, 'sub', 'IMG_1.MOV'), film());
    const still = await readFile(sample('rocket.jpg'));
    await writeFile(join(photos, 'sub', 'MVIMG_20190705_120000.jpg'), Buffer.concat([still, film()]));
    await writeFile(join(photos, 'notes.txt'), 'just words');
    await writeFile(join(photos, 'drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  });

  const data = () => join(dir, 'data');
  const index = (...args: string[]) => runScript(['scripts/sightline.ts', 'index', photos, '--data', data(), ...args]);
  const summaryOf = async (): Promise<Summary & { code: number | null }> => {
    const { code, stdout, stderr } = await index('--json');
    return { ...(JSON.parse(stdout || `{"stderr": ${JSON.stringify(stderr)}}`) as Summary), code };
  };

  it('indexes a folder once, says what was skipped and what failed and why', async () => {
    await copyFile(sample('clock.jpg'), join(photos, 'private.jpg'));
    const first = await index('--ignore', 'private*');
    await rm(join(photos, 'private.jpg'));
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /4 pictures of .*photos can be searched/);
    // Remaining work is printed while there is any.
    assert.match(first.stderr, /5\/5 pictures, [\d.]+\/s\n/);
    assert.match(first.stdout, /5 handled in [\d.]+ s, 0 skipped as unchanged, 0 removed/);
    assert.match(first.stdout, /Left out as no pictures: 1 ignored, 1 video, 1 other\./);
    assert.doesNotMatch(first.stdout, /notes\.txt/);
    assert.match(first.stdout, /drawing\.svg: unsupported-format, .*SVG/);

    await appendFile(join(photos, 'cat.jpg'), ' ');
    await rm(join(photos, 'sub'), { recursive: true });
    const { found, unchanged, removed, pictures, failed, leftOut, code } = await summaryOf();
    assert.deepEqual({ found, removed, pictures, code }, { found: 1, removed: 3, pictures: 1, code: 0 });
    assert.equal(unchanged, 0);
    assert.deepEqual(failed.map(({ key }) => key).sort(), ['drawing.svg']);
    assert.deepEqual(leftOut, { other: 1 });

    assert.match((await index()).stdout, /^1 picture of .*photos can be searched/);
    const again = await summaryOf();
    assert.deepEqual([again.found, again.handled, again.unchanged, again.pictures], [0, 0, 1, 1]);
  });

  it('ends at once, with the reason, where the index cannot be written any more', {
    skip: !existsSync('/bin/bash'),
  }, async () => {
    const many = join(dir, 'many');
    await mkdir(many);
    for (let i = 0; i < MANY; i++) {
      await copyFile(sample('cat.jpg'), join(many, `${i}.jpg`));
      await appendFile(join(many, `${i}.jpg`), `${i}`);
    }
    const full = join(dir, 'full');
    const words = [process.execPath, '--disable-warning=ExperimentalWarning', 'scripts/sightline.ts', 'index', many];
    // Limits the file size in kB, like a full disk.
    const limited = ['-c', 'ulimit -f 200; exec "$@"', 'bash', ...words, '--data', full];
    const child = spawn('/bin/bash', limited, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 1, said);
    assert.match(said, /error: cannot use the database .*index\.sqlite/);
    const { pictures } = JSON.parse((await runScript([...words.slice(2), '--data', full, '--json'])).stdout) as Summary;
    assert.equal(pictures, MANY, 'the next call goes on');
  });

  it('ends at once, with the reason, when the folder goes away meanwhile', async () => {
    const usb = join(dir, 'usb');
    await mkdir(usb);
    for (let i = 0; i < MANY; i++) {
      await copyFile(sample('cat.jpg'), join(usb, `${i}.jpg`));
      await appendFile(join(usb, `${i}.jpg`), `away ${i}`);
    }
    const words = ['scripts/sightline.ts', 'index', usb, '--data', data()];
    const { child, ended } = startScript(words);
    // The first progress line: indexing has started.
    await once(child.stderr, 'data');
    await rename(usb, `${usb}.away`);
    const { code, stderr } = await ended;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /error: cannot .*usb.*mounted\?/);
    await rename(`${usb}.away`, usb);
    const { stdout } = await runScript([...words, '--json']);
    assert.equal((JSON.parse(stdout) as Summary).pictures, MANY);
  });

  it('goes on where Ctrl-C stopped it', async () => {
    for (let i = 0; i < MANY; i++) {
      await copyFile(sample('cat.jpg'), join(photos, `${i}.jpg`));
      await appendFile(join(photos, `${i}.jpg`), `${i}`);
    }
    const { child, ended } = startScript(['scripts/sightline.ts', 'index', photos, '--data', data(), '--json']);
    // The first progress line: indexing has started.
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    assert.equal(code, 1);
    const stopped = JSON.parse(stdout) as Summary;
    assert.equal(stopped.interrupted, true);
    const rest = await summaryOf();
    assert.equal(rest.pictures, MANY + 1);
    assert.equal(rest.unchanged, stopped.pictures, 'nothing twice');
    assert.equal(rest.found, MANY + 1 - stopped.pictures);
  });

  it('searches by words and by a picture', async () => {
    const words = ['search', 'a cat without dogs', '--limit', '2', '--data', data()];
    const { code, stdout, stderr } = await runScript(['scripts/sightline.ts', ...words]);
    assert.equal(code, 0);
    assert.match(stderr, /understood: without "dogs"; --literal takes the words as they are/);
    assert.match(stdout, /^0\.\d{3} {2}.*photos\/cat\.jpg {2}\(by name\)\n0\.\d{3} {2}.*\.jpg\n$/);
    assert.doesNotMatch(stderr, /read as|nothing fits/);
    const ask = (...words: string[]) =>
      runScript(['scripts/sightline.ts', 'search', ...words, '--limit', '1', '--data', data()]);
    const french = await ask('un chat qui regarde');
    assert.match(french.stderr, /^read as French; --lang says otherwise$/m);
    assert.match(french.stdout, /^0\.\d{3} {2}.*\.jpg\n$/);
    assert.doesNotMatch((await ask('un chat qui regarde', '--lang', 'fr-CA')).stderr, /read as/);
    assert.match((await ask('an accordion')).stderr, /^nothing fits well; these are the nearest$/m);
    const found = JSON.parse((await ask('a cat', '--json')).stdout) as { fit: string; items: { fit: string }[] };
    assert.deepEqual([found.fit, found.items[0]!.fit], ['good', 'good']);
    const by = ['--image', sample('cat.jpg'), '--limit', '1', '--json', '--data', data()];
    const [item] = (
      JSON.parse((await runScript(['scripts/sightline.ts', 'search', ...by])).stdout) as { items: { score: number }[] }
    ).items;
    assert.ok(item!.score > 0.999);
  });

  it('are told what is wrong with a call, with exit code 2, and with a folder, with 1', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    for (const [args, code, says] of [
      [['scripts/sightline.ts', 'index'], 2, /expected 1 argument, got 0[\s\S]*Usage/],
      [['scripts/sightline.ts', 'index', photos, '--concurrency', 'many'], 2, /concurrency.*got "many"/],
      [
        ['scripts/sightline.ts', 'index', join(dir, 'none'), '--data', data()],
        1,
        /cannot open the folder .*none.*ENOENT/,
      ],
      [
        ['scripts/sightline.ts', 'index', photos, '--data', join(file, 'x')],
        1,
        /cannot make the folder .*file\/x: .*\(ENOTDIR\)/,
      ],
      [['scripts/sightline.ts', 'search'], 2, /expected words, --image FILE or --minus WORDS, got none of them/],
      [
        ['scripts/sightline.ts', 'search', 'x', '--limit', '0'],
        2,
        /--limit: expected a whole number from 1 to 1000, got "0"/,
      ],
      [
        ['scripts/sightline.ts', 'search', '--image', join(dir, 'none'), '--data', data()],
        1,
        /--image: cannot read .*none/,
      ],
      [['scripts/sightline.ts', 'search', '--image', file, '--data', data()], 1, /expected a picture, got 0 bytes/],
    ] as const) {
      const result = await runScript(args);
      assert.equal(result.code, code, args.join(' '));
      assert.match(result.stderr, says);
      assert.doesNotMatch(result.stderr, /\n {4}at /, 'a stack is for bugs');
    }
  });
});
