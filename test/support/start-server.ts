import assert from 'node:assert/strict';
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The command behind `npm start`, including Node's flags. */
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  scripts: { start: string };
};
const START = scripts.start.split(' ').slice(1);

/** Generous, for busy machines. */
const DEADLINE_MS = 180_000;

/** `npm start` as a user runs it, in its own process and on its own port. */
export interface RunningServer {
  readonly url: string;
  readonly process: ChildProcess;
  /** Its output so far. */
  output(): string;
  /** The JSON at a path; fails if it is answered with an error. */
  get<T>(path: string): Promise<T>;
  /** Sends a request, with a JSON body if one is given. */
  send(method: string, path: string, body?: unknown): Promise<Response>;
  /** Sends the signal and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts the server and resolves once it has printed its URL. Rejects with its output if it exits first. Like `stop`,
 * kills it if it takes too long.
 * @param user who it runs as, if not the same user
 */
export async function startServer(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  user: { readonly uid?: number; readonly gid?: number } = {},
): Promise<RunningServer> {
  const child = spawn(process.execPath, [...START, '--port', '0', ...args], {
    ...user,
    cwd: root,
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const up = new Promise<string>((resolve, reject) => {
    const collect = (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /Sightline is at (http:\/\/[\w.:[\]]+:\d+)/.exec(printed)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    ended.then((code) => reject(new Error(`the server ended with code ${code} before it was up:\n${printed}`)));
  });
  const output = () => printed;
  const url = await inTime('the server to be up', up, child, output);
  const stop = async (signal: NodeJS.Signals = 'SIGINT') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return inTime('the server to end', ended, child, output);
  };
  return {
    url,
    process: child,
    output,
    async get<T>(path: string) {
      const answer = await fetch(`${url}${path}`);
      assert.ok(answer.ok, `${path}: ${answer.status} ${answer.ok || (await answer.text())}\n${printed}`);
      return (await answer.json()) as T;
    },
    send: (method, path, body) =>
      fetch(`${url}${path}`, {
        method,
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      }),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a command. If it takes too long, it is killed, and `ended` rejects with its output. */
export function startScript(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { readonly child: ChildProcessByStdio<null, Readable, Readable>; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const closed = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended: inTime(`${args.join(' ')} to end`, closed, child, () => stdout + stderr) };
}

/** Runs a command to completion. */
export function runScript(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startScript(args, env).ended;
}

/**
 * Starts a command and sends it a signal as soon as its output meets the condition. Resolves to its complete output and
 * the exit code, which is null if the signal killed it.
 */
export async function killWhen(
  what: string,
  holds: (printed: string) => boolean | Promise<boolean>,
  args: readonly string[],
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<{ code: number | null; printed: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd: root });
  const exited = once(child, 'exit');
  let printed = '';
  const hear = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  await eventually(what, DEADLINE_MS, async () => (child.exitCode !== null || (await holds(printed)) ? true : null));
  assert.ok(child.kill(signal), `expected it to run until then, it ended:\n${printed}`);
  const [code] = await inTime(`it to end by ${signal}`, exited, child, () => printed);
  return { code, printed };
}

/** Result of `work`; if it takes too long, kills the process and rejects with its output. */
async function inTime<T>(what: string, work: Promise<T>, child: ChildProcess, output: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`waited ${DEADLINE_MS} ms for ${what}; it was killed and had printed:\n${output()}`));
  }, DEADLINE_MS);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until `check` returns something other than null; fails after `timeoutMs` and says what it waited for. */
export async function eventually<T>(what: string, timeoutMs: number, check: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
