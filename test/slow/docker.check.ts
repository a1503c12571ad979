import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../support/start-server.ts';

/**
 * `npm run test:docker`: runs the Dockerfile's commands in empty folders that stand for the stages of the image. The
 * image itself is not built, because Docker and the base image may not be available.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The file system of one stage, and its output so far. */
interface Stage {
  readonly folder: string;
  workdir: string;
  user: string;
  readonly env: Record<string, string>;
  readonly volumes: string[];
  entrypoint: string[];
  healthcheck: string;
}

/** Instructions with their arguments; a backslash at the end continues the line. */
function parse(dockerfile: string): [string, string][] {
  const lines = dockerfile.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split(/\s+(.*)/s, 2) as [string, string]);
}

/** The environment of a container: this Node first, and nothing from the npm that runs this. */
function environment(stage: Stage): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|SIGHTLINE_|PORT$|HOST$)/.test(name));
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(ours), PATH, HOME: stage.folder, ...stage.env };
}

async function build(folder: string): Promise<Stage> {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const [instruction, rest] of parse(await readFile(join(root, 'Dockerfile'), 'utf8'))) {
    if (instruction === 'FROM') {
      const [, name = 'last'] = / AS (\w+)$/.exec(rest) ?? [];
      stage = {
        folder: join(folder, name),
        workdir: '/',
        user: 'root',
        env: {},
        volumes: [],
        entrypoint: [],
        healthcheck: '',
      };
      stages.set(name, stage);
      await mkdir(stage.folder);
      continue;
    }
    assert.ok(stage !== undefined, 'expected FROM first');
    await follow(stage, stages, instruction, rest);
  }
  return stage!;
}

async function follow(
  stage: Stage,
  stages: ReadonlyMap<string, Stage>,
  instruction: string,
  rest: string,
): Promise<void> {
  const here = join(stage.folder, stage.workdir);
  if (instruction === 'WORKDIR') {
    stage.workdir = rest;
    await mkdir(join(stage.folder, rest), { recursive: true });
  } else if (instruction === 'RUN') {
    await run('sh', ['-c', rest], { cwd: here, env: environment(stage), maxBuffer: 1e8 });
  } else if (instruction === 'COPY') {
    const [, from, source, target] = /^(?:--from=(\w+) )?(?:--chown=\S+ )?(\S+) (\S+)$/.exec(rest)!;
    if (from === undefined) await copyContext(here);
    else
      await cp(join(stages.get(from)!.folder, source!), join(stage.folder, target!), {
        recursive: true,
        verbatimSymlinks: true,
      });
  } else if (instruction === 'ENV') {
    for (const pair of rest.split(' ')) {
      const [name, value] = pair.split('=', 2) as [string, string];
      stage.env[name] = value.startsWith('/') ? join(stage.folder, value) : value;
    }
  } else if (instruction === 'USER') stage.user = rest;
  else if (instruction === 'VOLUME') stage.volumes.push(rest);
  else if (instruction === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest) as string[];
  else if (instruction === 'HEALTHCHECK') stage.healthcheck = /CMD (.*)$/s.exec(rest)![1]!;
  else assert.equal(instruction, 'EXPOSE', `expected an instruction that this test knows, got ${instruction}`);
}

/** The build context: the repository without the files in .dockerignore. */
async function copyContext(target: string): Promise<void> {
  const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, maxBuffer: 1e8 });
  const ignored = (await readFile(join(root, '.dockerignore'), 'utf8')).trim().split('\n');
  for (const file of stdout.split('\0').filter(Boolean)) {
    assert.ok(!ignored.includes(file.split('/')[0]!), `expected ${file} in the image, .dockerignore leaves it out`);
    await cp(join(root, file), join(target, file));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('the Dockerfile', {
  timeout: 1_200_000,
  skip: process.platform === 'win32' && 'its commands are of a shell',
}, () => {
  const made: string[] = [];
  after(async () => {
    for (const folder of made) await rm(folder, { recursive: true, force: true });
  });

  it('makes what serves pictures, keeps its data in its one volume, and says that it is well', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'sightline-docker-')));
    made.push(folder);
    const stage = await build(folder);
    assert.deepEqual([stage.user, stage.volumes], ['node', ['/data']]);

    const env = { ...environment(stage), PORT: String(await freePort()) };
    const [program, ...args] = stage.entrypoint;
    const child = spawn(join(stage.folder, program!), [...args, join(root, 'examples/photos')], {
      cwd: stage.folder,
      env,
    });
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    child.stderr.on('data', (chunk) => {
      printed += chunk;
    });
    try {
      await eventually('the health check to pass', 120_000, async () => {
        assert.equal(child.exitCode, null, printed);
        return run('sh', ['-c', stage.healthcheck], { env }).then(
          () => true,
          () => null,
        );
      });
      const url = `http://127.0.0.1:${env.PORT}`;
      assert.equal((await fetch(url)).status, 200);
      const refused = await fetch(`${url}/images/any`, { method: 'DELETE' });
      assert.equal(refused.status, 401, 'without API keys nobody may write');
      await readFile(join(stage.folder, 'data/index.sqlite'));
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    assert.equal(child.exitCode, 0, printed);
    await assert.rejects(run('sh', ['-c', stage.healthcheck], { env }), 'and when it is gone, that it is not');
  });
});
