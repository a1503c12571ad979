import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { PreparationSummary } from '../../training/datasets/problems-found.ts';
import { jpeg, tar, zip } from '../support/archives.ts';
import { startHub } from '../support/hub-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const command = join(import.meta.dirname, '../../scripts/sightline.ts');
const folder = tempFolder();

function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const all = ['--disable-warning=ExperimentalWarning', command, 'dataset', ...args, '--data', join(folder, 'data')];
  return spawn(process.execPath, all, { env: { ...process.env, INIT_CWD: folder, ...env }, stdio: 'pipe' });
}

async function run(args: readonly string[], input?: Uint8Array, env: Record<string, string> = {}) {
  const child = start(args, env);
  child.stdin!.on('error', () => {}).end(input ?? '');
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
  return { code: child.exitCode, stdout, stderr };
}

describe('npm run dataset', () => {
  it('prepares a tar that comes on standard input, relative to where npm was called', async () => {
    const shard = await tar({ 'a.jpg': await jpeg(1), 'a.txt': 'a thing' });
    const { code, stdout } = await run(['prepare', '--from', '-', '--to', 'from-stdin', '--json'], shard);
    assert.equal(code, 0);
    assert.deepEqual((JSON.parse(stdout) as { pictures: number }).pictures, 1);
    assert.match(await readFile(join(folder, 'from-stdin/captions.jsonl'), 'utf8'), /"captions":\["a thing"\]/);
    const { code: broken, stderr } = await run(['prepare', '--from', '-', '--to', 'never'], shard.subarray(0, 700));
    assert.equal(broken, 1);
    assert.match(stderr, /error: standard input: expected a whole tar archive/);
  });

  it('downloads Flickr30k in its layout from the hub, at one commit, over a connection that breaks', async () => {
    const csv = 'raw,sentids,split,filename,img_id\n"[""a thing""]",[0],test,a.jpg,0\n';
    const padding = { 'padding.bin': randomBytes(200_000) };
    const pictures = await zip({ 'flickr30k-images/a.jpg': await jpeg(1), ...padding });
    const files = {
      'flickr_annotations_30k.csv': Buffer.from(csv),
      'flickr30k-images.zip': pictures,
      'README.md': pictures,
    };
    await using hub = await startHub({ 'datasets/nlphuji/flickr30k': { files } });
    hub.inject({ at: 'cdn', times: 1, does: { cutAfter: 90_000 } });
    const env = { HF_ENDPOINT: hub.endpoint };
    const args = ['prepare', '--from', 'hf:nlphuji/flickr30k@main', '--to', 'from-hub', '--json'];
    const report = JSON.parse((await run(args, undefined, env)).stdout) as PreparationSummary;
    assert.deepEqual(
      [report.form, report.splits, report.commit],
      ['flickr30k', { test: { pictures: 1, captions: 1 } }, hub.commit],
    );
    const before = hub.requests.filter(({ at }) => at === 'cdn').length;
    assert.equal((JSON.parse((await run(args, undefined, env)).stdout) as PreparationSummary).kept, 1);
    assert.equal(hub.requests.filter(({ at }) => at === 'cdn').length, before, 'nothing is downloaded twice');
  });

  it('says what it was called wrongly with', async () => {
    await mkdir(join(folder, 'here'));
    await writeFile(join(folder, 'here/x'), '');
    const wrong: [string[], RegExp][] = [
      [['prepare', '--from', 'here'], /expected --from SOURCE and --to LOCATION/],
      [['prepare', '--from', 'nowhere', '--to', 'x'], /expected a folder or an archive, but there is no .*nowhere/],
      [['prepare', '--from', 'here', '--to', 'here/inside'], /expected --from and --to apart/],
      [['prepare', '--from', 'here', '--to', 's3://B!'], /expected s3:\/\/BUCKET/],
      [['prepare', '--from', 'here', '--to', 'x', '--val', '60', '--test', '50'], /at most 100 together/],
      [['tidy', '--from', 'here', '--to', 'x'], /expected the command "prepare"/],
    ];
    const answers = await Promise.all(wrong.map(([args]) => run(args)));
    for (const [i, { code, stderr }] of answers.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, wrong[i]![1]);
    }
    const nothing = await run(['prepare', '--from', 'here', '--to', 'x']);
    assert.deepEqual([nothing.code, /expected pictures and a captions file/.test(nothing.stderr)], [1, true]);
  });

  it('goes on after kill -9, and ends with the same data set', async () => {
    const names = Array.from({ length: 150 }, (_, n) => `${n}`.padStart(3, '0'));
    const pictures = await Promise.all(names.map(async (name, n) => [`photos/${name}.jpg`, await jpeg(n)]));
    const captions = `image,caption\n${names.map((name) => `${name}.jpg,number ${name}\n`).join('')}`;
    await writeFile(join(folder, 'all.zip'), await zip({ ...Object.fromEntries(pictures), 'captions.txt': captions }));
    const args = ['prepare', '--from', 'all.zip', '--to', 'killed', '--parallel', '2', '--json'];
    const child = start(args);
    const images = join(folder, 'killed/images');
    const count = () =>
      readdir(images).then(
        ({ length }) => length,
        () => 0,
      );
    while (child.exitCode === null && (await count()) < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok((await count()) < names.length, 'expected to be quicker than the command');
    await assert.rejects(readFile(join(folder, 'killed/captions.jsonl')), { code: 'ENOENT' });
    const { code, stdout } = await run(args);
    const report = JSON.parse(stdout) as { pictures: number; kept: number; written: number };
    assert.deepEqual([code, report.pictures, report.kept + report.written], [0, 150, 150]);
    // A picture without a complete journal entry is written again.
    assert.ok(report.kept >= 15, `${report.kept}`);
    const lines = (await readFile(join(folder, 'killed/captions.jsonl'), 'utf8')).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { image: string }).image),
      names.map((name) => `${name}.jpg`),
    );
  });
});
