import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../../core/encode/head-file.ts';
import { MODELS, writeHead } from '../../core/encode/fixtures.ts';
import { type HubTestServer, startHub } from '../../support/hub-server.ts';
import { randomRepos } from '../../support/random-models.ts';
import { eventually, type RunningServer, runScript, startServer as start } from '../../support/start-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** A server changes to other models by itself and keeps answering meanwhile. */

const samples = fileURLToPath(new URL('../../../examples/photos', import.meta.url));
const DEADLINE = 120_000;
const PHOTOS = ['cat.jpg', 'coffee.jpg', 'moon.jpg'];

interface Status {
  readonly space: string;
  readonly pictures: number;
  readonly change: { profile: string; done: number; total: number; partial: boolean; problem: string | null } | null;
}

/** Stops the server even if a test fails. */
const started: RunningServer[] = [];
async function startServer(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RunningServer> {
  const server = await start(args, env);
  started.push(server);
  return server;
}

const hasPrinted = (server: RunningServer, what: RegExp) =>
  eventually(`${what} in ${server.output()}`, DEADLINE, async () => (what.test(server.output()) ? true : null));

const statusOf = (server: RunningServer) => server.get<Status>('/status');

/** Waits until the server's status meets the condition. */
function when(server: RunningServer, what: string, holds: (status: Status) => boolean): Promise<Status> {
  return eventually(`${what}; it printed ${server.output()}`, DEADLINE, async () => {
    const status = await statusOf(server);
    return holds(status) ? status : null;
  });
}

const hasAll = (status: Status) => status.pictures === PHOTOS.length;

interface Found {
  readonly space: string;
  readonly items: { id: string; key: string; tags: string[]; takenAt: string | null; score: number }[];
}
const search = (server: RunningServer) => server.get<Found>('/search?q=a+dog&limit=10');

/** Tags a picture and stores a caption; both must survive every change of models. */
async function addUserData(server: RunningServer): Promise<void> {
  const { items } = await server.get<Found>('/images?limit=10');
  const { id } = items.find(({ key }) => key === 'cat.jpg')!;
  assert.equal((await server.send('PATCH', `/images/${id}`, { tags: ['mine'] })).status, 200);
  assert.equal((await server.send('POST', '/captions', { text: 'the caption' })).status, 201);
}

/** Data from users and files, independent of the models. */
async function userData(server: RunningServer): Promise<unknown> {
  const { items } = await server.get<Found>('/images?limit=10');
  const captions = await server.get<{ items: { caption: string }[] }>('/search?kind=caption&q=caption');
  const pictures = items.map(({ id, key, tags, takenAt }) => ({ id, key, tags, takenAt }));
  return [pictures.sort((a, b) => a.key.localeCompare(b.key)), captions.items.map(({ caption }) => caption)];
}

const dir = tempFolder();
let photos: string;
let hub: HubTestServer;
before(async () => {
  photos = join(dir, 'photos');
  for (const name of PHOTOS) cpSync(join(samples, name), join(photos, name));
  hub = await startHub(randomRepos());
});
after(async () => {
  for (const server of started) await server.stop('SIGKILL');
  await hub.stop();
});

const downloads = () => hub.requests.filter(({ url }) => !url.startsWith('/api/'));

describe('another profile by one flag', () => {
  let data: string;
  let was: Status;
  let known: unknown;
  before(async () => {
    data = join(dir, 'clip');
    const server = await startServer([photos, '--data', data]);
    was = await when(server, 'the pictures', hasAll);
    await addUserData(server);
    known = await userData(server);
    await server.stop();
  });

  it('says what it would download and from where, and does not where nobody says yes', async () => {
    const call = (profile: string) =>
      runScript(['scripts/sightline.ts', '--profile', profile, photos, '--data', data, '--port', '0'], {
        HF_ENDPOINT: hub.endpoint,
      });
    const clip = await call('clip');
    assert.equal(clip.code, 2, clip.stderr);
    assert.match(
      clip.stderr,
      /clip-vit-base-patch32-text: \d+\.\d MB, licence MIT, from http:\S+\/Xenova\/clip-vit-base-patch32\n/,
    );
    assert.match(clip.stderr, /\d+\.\d MB in all, into \S+clip\/models\.\nerror: expected --yes/);
    const mobile = await call('mobileclip');
    assert.match(mobile.stderr, /mobileclip-s0-image: .*for research only, not for products/);
    const seed = await call('seed');
    assert.equal(seed.code, 1);
    assert.match(seed.stderr, /needs a head .* nothing is downloaded: .*models -- pull seed .*train -- --profile seed/);
    assert.deepEqual(downloads(), []);
  });

  it('asks once at a terminal, and downloads what it is told to', { skip: process.platform !== 'linux' }, async () => {
    // What util-linux gives a command is a terminal; it echoes the answer and ends with the code of the command.
    const answered = async (answer: string) => {
      const call = `--profile clip ${photos} --data ${join(dir, 'asked')} --port 0`;
      const command = `${process.execPath} --disable-warning=ExperimentalWarning scripts/sightline.ts ${call}`;
      const env = { ...process.env, HF_ENDPOINT: hub.endpoint };
      const script = promisify(execFile)('script', ['--quiet', '--return', '--command', command, '/dev/null'], { env });
      script.child.stdin!.write(`${answer}\n`);
      return script.catch((error: { code: number; stdout: string }) => error) as Promise<{
        code: number;
        stdout: string;
      }>;
    };
    // Neither answer starts a server.
    hub.inject({ at: 'cdn', times: 1, does: { status: 404 } });
    const no = await answered('n');
    assert.match(no.stdout, /MB in all, into .*Download them\? \[y\/N\] .*Nothing was downloaded\./s);
    assert.deepEqual([no.code, downloads()], [1, []]);
    const yes = await answered('y');
    assert.doesNotMatch(yes.stdout, /Nothing was downloaded/);
    assert.deepEqual([yes.code, downloads().length > 0], [1, true], yes.stdout);
    hub.requests.length = 0;
  });

  it('downloads nothing without the flag', async () => {
    const env = { HF_ENDPOINT: hub.endpoint, SIGHTLINE_PROFILE: 'clip' };
    await assert.rejects(startServer([photos, '--data', data], env), /models -- pull clip brings it/);
    assert.deepEqual(downloads(), []);
  });

  it('downloads, changes over while it answers, keeps what people said, and stays', async () => {
    const args = ['--profile', 'clip', '--yes', photos, '--data', data];
    const server = await startServer(args, { HF_ENDPOINT: hub.endpoint });
    assert.ok(downloads().length > 0);
    await hasPrinted(server, /Profile clip is being built in the background; compact answers until it is done/);
    const spaces = new Set<string>();
    const now = await eventually('the new space', DEADLINE, async () => {
      const { space, items } = await search(server);
      assert.equal(items.length, PHOTOS.length);
      spaces.add(space);
      const status = await statusOf(server);
      return status.change === null && status.space !== was.space ? status : null;
    });
    assert.ok([...spaces].every((space) => space === was.space || space === now.space));
    assert.deepEqual(await userData(server), known);
    await hasPrinted(server, new RegExp(`spaces -- use ${was.space} goes back`));
    await server.stop();

    const count = hub.requests.length;
    const again = await startServer(['--data', data], { HF_ENDPOINT: hub.endpoint });
    const stays = await statusOf(again);
    assert.deepEqual([stays.space, stays.change], [now.space, null]);
    await again.stop();
    assert.equal(hub.requests.length, count);
  });
});

describe('models that replace others', () => {
  let models: string;
  let beside: string;
  const space = { before: '', after: '' };
  const env = () => ({ SIGHTLINE_EXTRA_MODELS: models });
  const isThere = (there: boolean) => renameSync(there ? `${beside}-away` : beside, there ? beside : `${beside}-away`);

  before(async () => {
    models = join(dir, 'models');
    beside = join(dir, 'beside');
    mkdirSync(beside);
    renameSync(join(photos, 'moon.jpg'), join(beside, 'moon.jpg'));
    const encoders = await loadEncoders({ modelDirs: [MODELS], profile: 'compact' });
    const { text, image } = encoders.profile;
    for (const [name, input] of [
      ['before', 'features'],
      ['after', 'logits'],
    ] as const) {
      const head = writeHead(join(models, `head-${name}`), encoders, { inputs: [input], changes: { profile: name } });
      space[name] = (await loadHeadFile(head)).space;
    }
    await encoders.close();
    const profile = { text: text.name, image: image.name };
    const profiles = {
      before: { ...profile, head: 'head-before' },
      after: { ...profile, head: 'head-after', replaces: [space.before] },
    };
    writeFileSync(join(models, 'manifest.json'), JSON.stringify({ profiles, encoders: {} }));
    const server = await startServer([photos, beside, '--data', join(dir, 'library')], {
      ...env(),
      SIGHTLINE_PROFILE: 'before',
    });
    const { space: made } = await when(server, 'the pictures', hasAll);
    assert.equal(made, space.before);
    await addUserData(server);
    await server.stop();
    cpSync(join(dir, 'library'), join(dir, 'lost'), { recursive: true });
  });

  it('take over by themselves, when all is there; whoever goes back stays', async () => {
    const args = ['--data', join(dir, 'library')];
    isThere(false);
    // Half a picture is one only while it is drawn: it is listed then, and holds nothing up.
    const half = readFileSync(join(samples, 'rocket.jpg'));
    writeFileSync(join(photos, 'half.jpg'), half.subarray(0, half.length / 2));
    const draw = { ...env(), SIGHTLINE_DAMAGED: 'draw' };
    const drawn = await runScript(['scripts/sightline.ts', 'index', photos, ...args], draw);
    assert.equal(drawn.code, 0, drawn.stderr);
    const server = await startServer(args, env());
    const { items: stored } = await server.get<Found>('/images?limit=10');
    const { id } = stored.find(({ key }) => key === 'half.jpg')!;
    assert.equal((await server.send('PATCH', `/images/${id}`, { tags: ['half'] })).status, 200);
    const known = await userData(server);
    const waiting = await when(server, 'what it waits for', ({ change }) => change?.problem != null);
    assert.equal(waiting.space, space.before);
    assert.match(waiting.change!.problem!, /1 are not \(not-connected\), such as moon\.jpg/);
    assert.deepEqual([waiting.change!.profile, waiting.change!.total, waiting.change!.partial], ['after', 5, false]);
    assert.equal((await search(server)).space, space.before);
    isThere(true);
    await when(server, 'the change', (status) => status.change === null && status.space === space.after);
    assert.deepEqual((await search(server)).items.map(({ key }) => key).sort(), [...PHOTOS].sort());
    assert.notDeepEqual(await userData(server), known);
    assert.match(JSON.stringify(await userData(server)), /"tags":\["mine"\].*the caption/);
    const { items: failed } = await server.get<{ items: { key: string; reason: string }[] }>('/failures');
    assert.deepEqual(
      failed.map(({ key, reason }) => [key, reason]),
      [['half.jpg', 'truncated']],
    );
    writeFileSync(join(photos, 'half.jpg'), half);
    await when(server, 'the whole picture', ({ pictures }) => pictures === PHOTOS.length + 1);
    assert.match(JSON.stringify(await userData(server)), /"tags":\["half"\]/);
    rmSync(join(photos, 'half.jpg'));
    await when(server, 'no more of it', hasAll);

    const back = await runScript(['scripts/sightline.ts', 'spaces', 'use', space.before, ...args], env());
    assert.equal(back.code, 0, back.stderr);
    await when(server, 'the way back', (status) => status.space === space.before);
    await server.stop();
    const again = await startServer(args, env());
    const stays = await statusOf(again);
    assert.deepEqual([stays.space, stays.change], [space.before, null]);
    await again.stop();
  });

  it('answer from what they have when those of before are lost', async () => {
    rmSync(join(models, 'head-before'), { recursive: true });
    isThere(false);
    const server = await startServer(['--data', join(dir, 'lost')], env());
    await hasPrinted(server, new RegExp(`space ${space.before}\\) are missing`));
    const waiting = await when(server, 'what it waits for', ({ change }) => change?.problem != null);
    assert.deepEqual([waiting.space, waiting.change!.partial], [space.after, true]);
    const { space: answering, items } = await search(server);
    assert.deepEqual([answering, items.map(({ key }) => key).sort()], [space.after, ['cat.jpg', 'coffee.jpg']]);
    assert.match(JSON.stringify(await userData(server)), /"tags":\["mine"\].*the caption/);
    isThere(true);
    await when(server, 'the change', (status) => status.change === null);
    assert.deepEqual((await search(server)).items.map(({ key }) => key).sort(), [...PHOTOS].sort());
    await server.stop();
  });
});
