import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { DevTarget } from './evaluate.ts';

/**
 * Stands in for the CLI of `sst dev` 4.17: bundles a function in the same place and in the same way, and runs it with
 * SST's own worker, which polls a runtime API like Lambda's for events and posts its responses there.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const worker = path.join(root, '.sst', 'platform', 'dist', 'nodejs-runtime', 'index.js');
/** Between metadata and body of a streamed response. */
const DELIMITER = Buffer.alloc(8);

/** The banner that SST puts before every bundle. */
const banner = [
  `import { createRequire as topLevelCreateRequire } from 'module';`,
  'const require = topLevelCreateRequire(import.meta.url);',
  `import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url"`,
  'const __filename = topLevelFileUrlToPath(import.meta.url)',
  `const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url))`,
].join('\n');

export interface DevProject {
  /** A copy of the sources that a test may change. */
  readonly folder: string;
  /** Bundles and starts a function. Rejects with the posted error if it cannot start. */
  run(target: DevTarget, env: Readonly<Record<string, string>>, links: DevTarget['links']): Promise<DevFunction>;
  remove(): Promise<void>;
}

export interface Posted {
  readonly body: Buffer;
  readonly contentType: string | undefined;
}

export interface DevFunction {
  log(): string;
  /** The function's response to an event. Rejects with the error that it posts. */
  invoke(event: unknown): Promise<Posted>;
  /** The same for the function URL, which streams its response. */
  request(event: unknown): Promise<{ statusCode: number; headers: Record<string, string>; body: Buffer }>;
  end(): Promise<void>;
}

export async function openDevProject(): Promise<DevProject> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sightline-dev-'));
  for (const part of ['functions', 'core', 'package.json']) {
    await cp(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  for (const part of ['node_modules', 'models']) await symlink(path.join(root, part), path.join(folder, part));
  const functions: DevFunction[] = [];
  return {
    folder,
    async run(target, env, links) {
      const artifact = await bundle(folder, target);
      const fn = await start(artifact, target, { ...env, ...resources(links) });
      functions.push(fn);
      return fn;
    },
    async remove() {
      await Promise.all(functions.map((fn) => fn.end()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function bundle(folder: string, { functionID, handler, properties }: DevTarget): Promise<string> {
  const artifact = path.join(folder, '.sst', 'artifacts', `${functionID}-dev`);
  await rm(artifact, { recursive: true, force: true });
  await mkdir(artifact, { recursive: true });
  await build({
    entryPoints: [path.join(folder, handler.replace(/\.\w+$/, '.ts'))],
    outfile: path.join(artifact, 'bundle.mjs'),
    platform: 'node',
    format: 'esm',
    target: 'es2024',
    bundle: true,
    keepNames: true,
    sourcemap: 'linked',
    mainFields: ['module', 'main'],
    external: ['sharp', 'pg-native', ...(properties.install ?? []), ...(properties.esbuild?.external ?? [])],
    banner: { js: banner },
    logLevel: 'silent',
  });
  await symlink(path.join(folder, 'node_modules'), path.join(artifact, 'node_modules'));
  return artifact;
}

function resources(links: DevTarget['links']): Record<string, string> {
  const app = { App: { name: 'sightline', stage: 'dev' } };
  return Object.fromEntries(
    Object.entries({ ...app, ...links }).map(([name, properties]) => [
      `SST_RESOURCE_${name}`,
      JSON.stringify(properties),
    ]),
  );
}

async function start(artifact: string, target: DevTarget, env: Record<string, string>): Promise<DevFunction> {
  const api = await startRuntimeApi();
  const entry = `${path.join(artifact, 'bundle')}${path.extname(target.handler)}`;
  const child = spawn(process.execPath, ['--enable-source-maps', worker, entry, `${target.functionID}-worker`], {
    cwd: artifact,
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'eu-central-1',
      AWS_LAMBDA_FUNCTION_NAME: `sightline-dev-${target.functionID}`,
      ...env,
      AWS_LAMBDA_RUNTIME_API: api.address,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log += text;
    });
  }
  const closed = once(child, 'close');
  const end = async () => {
    child.kill('SIGKILL');
    await closed;
    api.stop();
  };
  const ended = closed.then(() => Promise.reject(new Error(`the function ended:\n${log}`)));
  ended.catch(() => {});
  try {
    await Promise.race([api.started, ended]);
  } catch (error) {
    await end();
    throw error;
  }
  const invoke = (event: unknown) => Promise.race([api.invoke(event), ended]);
  return {
    log: () => log,
    invoke,
    async request(event) {
      const { body } = await invoke(event);
      const at = body.indexOf(DELIMITER);
      return { ...JSON.parse(body.toString('utf8', 0, at)), body: body.subarray(at + DELIMITER.length) };
    },
    end,
  };
}

interface Invocation {
  readonly event: unknown;
  resolve(posted: Posted): void;
  reject(error: Error): void;
}

/** Lambda's runtime API (Lambda developer guide, "Using the Lambda runtime API") for one function. */
async function startRuntimeApi() {
  const waiting: Invocation[] = [];
  const running = new Map<string, Invocation>();
  const { promise: started, resolve: isStarted, reject: isBroken } = Promise.withResolvers<void>();
  let wake = Promise.withResolvers<void>();
  let count = 0;

  const answer = async (request: IncomingMessage) => {
    const [, id, what] = /\/invocation\/([^/]+)\/(response|error)$/.exec(request.url!) ?? [];
    const body = await buffer(request);
    if (id === undefined) return isBroken(new Error(`the function did not start: ${body}`));
    const { resolve, reject } = running.get(id)!;
    running.delete(id);
    if (what === 'error') reject(new Error(`the function failed: ${body}`));
    else resolve({ body, contentType: request.headers['content-type'] });
  };
  const server = createServer(async (request, response) => {
    if (!request.url!.endsWith('/next')) {
      await answer(request);
      response.writeHead(202).end('{}');
      return;
    }
    isStarted();
    while (waiting.length === 0) await wake.promise;
    const id = `request-${++count}`;
    const next = waiting.shift()!;
    running.set(id, next);
    response.setHeader('lambda-runtime-aws-request-id', id);
    response.setHeader('lambda-runtime-deadline-ms', String(Date.now() + 60_000));
    response.setHeader('lambda-runtime-invoked-function-arn', 'arn:aws:lambda:eu-central-1:123456789012:function:dev');
    response.end(JSON.stringify(next.event));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.catch(() => {});
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    started,
    invoke: (event: unknown) =>
      new Promise<Posted>((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        wake.resolve();
        wake = Promise.withResolvers<void>();
      }),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
