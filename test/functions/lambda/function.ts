import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { glob, link, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { tempFolder } from '../../support/temp-folder.ts';
import type { Answer } from './host.ts';
import type { Streamed } from './response-stream.ts';

/** Builds the functions for this machine and runs each as Lambda would: in a separate process and folder. */

const root = join(import.meta.dirname, '../../..');
/**
 * Lambda's stand-in as JavaScript, like the real runtime: compiling TypeScript takes Node about 80 ms, which are not
 * part of a function's start.
 */
const host = (async () => {
  const file = join(tmpdir(), `sightline-lambda-host-${process.pid}.mjs`);
  const source = join(import.meta.dirname, 'host.ts');
  await build({ entryPoints: [source], outfile: file, bundle: true, platform: 'node', format: 'esm' });
  process.on('exit', () => rmSync(file, { force: true }));
  return file;
})();

export interface BuildReport {
  readonly out: string;
  readonly budget: Readonly<Record<'api' | 'ingest', number>>;
  readonly functions: Readonly<Record<'api' | 'ingest', { total: number; parts: Record<string, number> }>>;
}

/** The output of `npm run build:lambda`; throws if it fails. */
export async function runBuild(...options: string[]): Promise<string> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    join(root, 'scripts/sightline.ts'),
    'build:lambda',
    ...options,
  ];
  return (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout;
}

/** Runs `npm run build:lambda --arch x64` into a folder outside the repository; returns the folder and the output. */
export async function buildFunctions(): Promise<BuildReport & { remove(): Promise<void> }> {
  const out = tempFolder();
  const stdout = await runBuild('--arch', process.arch, '--out', out, '--json');
  return { ...JSON.parse(stdout), remove: () => rm(out, { recursive: true, force: true }) };
}

export interface LambdaFunction extends AsyncDisposable {
  readonly pid: number;
  /** Milliseconds from process start until it can take an event. */
  readonly startMs: number;
  /** Its log output so far. */
  log(): string;
  invoke<T>(event: unknown, options?: { timeMs?: number }): Promise<{ result: T; ms: number; rss: number }>;
  /** Kills the process immediately, like a crash. */
  kill(): Promise<void>;
}

/** Starts a function from a build folder with only this environment. */
export async function startFunction(
  folder: string,
  handler: string,
  env: Readonly<Record<string, string>>,
  options: {
    /** Pins the process to this core: a function of 1,769 MB has one. Linux only. */
    readonly core?: number;
  } = {},
): Promise<LambdaFunction> {
  const script = await host;
  const begin = performance.now();
  const nodeArgs = ['--disable-warning=ExperimentalWarning'];
  const pinned = options.core === undefined ? null : ['-c', String(options.core), process.execPath];
  const child = fork(script, [handler], {
    cwd: folder,
    env: {
      AWS_LAMBDA_FUNCTION_NAME: 'sightline',
      AWS_REGION: 'eu-central-1',
      LAMBDA_TASK_ROOT: folder,
      ...env,
    },
    execPath: pinned === null ? process.execPath : 'taskset',
    execArgv: [...(pinned ?? []), ...nodeArgs],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let log = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log += text;
    });
  }
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  const started = new Promise<void>((resolve, reject) => {
    child.on('message', (answer: Answer) => {
      if (answer.type === 'started') resolve();
      else waiting.get(answer.id)?.resolve(answer);
    });
    child.on('exit', (code, signal) => {
      const error = new Error(`the function ended (${signal ?? code}):\n${log.slice(-4000)}`);
      reject(error);
      for (const { reject: rejectCall } of waiting.values()) rejectCall(error);
    });
  });
  await started;
  let calls = 0;
  return {
    pid: child.pid!,
    startMs: performance.now() - begin,
    log: () => log,
    async invoke<T>(event: unknown, { timeMs = 60_000 } = {}) {
      const id = ++calls;
      const answer = await new Promise<Answer>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, event, timeMs });
      }).finally(() => waiting.delete(id));
      if (answer.type !== 'result') throw new Error(answer.type === 'error' ? answer.message : 'expected a result');
      return { result: answer.result as T, ms: answer.ms, rss: answer.rss };
    },
    kill: () => killed(child),
    [Symbol.asyncDispose]: () => killed(child),
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Copies an artifact into an otherwise empty folder. Files are hard links: they take 100 MB. */
export async function placed(folder: string): Promise<{ folder: string; remove(): Promise<void> }> {
  const place = tempFolder();
  for await (const entry of glob('**', { cwd: folder, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (entry.isDirectory()) await mkdir(join(place, path), { recursive: true });
    else await link(join(folder, path), join(place, path));
  }
  return { folder: place, remove: () => rm(place, { recursive: true, force: true }) };
}

export function bodyOf(answer: Streamed): Buffer {
  return Buffer.from(answer.body, 'base64');
}

export function jsonOf<T>(answer: Streamed): T {
  const body = bodyOf(answer);
  return JSON.parse(body.toString('utf8')) as T;
}
