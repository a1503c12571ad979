import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { withFileLock } from '../../core/files/file-lock.ts';

/**
 * Evaluates the real sst.config.ts with SST's real components, without an account: bundled as by the CLI and run under
 * Pulumi mocks (mocks.ts), next to a stand-in for the CLI's own server.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const platform = path.join(root, '.sst', 'platform');
const run = promisify(execFile);

export interface Resource {
  readonly type: string;
  readonly name: string;
  // Inputs are whatever the providers accept; the assertions say what they expect.
  readonly inputs: Record<string, unknown>;
}

export interface Stack {
  readonly app: { name: string; removal: string; protect: boolean };
  readonly resources: readonly Resource[];
  readonly outputs: Record<string, unknown>;
  /** Properties of everything that functions can be linked to, by name. */
  readonly links: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** In `sst dev`: what the CLI should bundle and run locally. */
  readonly targets: readonly DevTarget[];
}

export interface DevTarget {
  readonly functionID: string;
  readonly handler: string;
  /** Values of the linked resources, by name. */
  readonly links: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly properties: { readonly esbuild?: { readonly external?: string[] }; readonly install?: string[] };
}

export interface Options {
  readonly stage: string;
  readonly dev?: boolean;
  /** Architecture of the built functions. @default 'arm64' */
  readonly arch?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * Installs SST's component library into .sst/, once: from npm only, about 40 s and 320 MB. Checks that run in parallel
 * wait for one of them.
 */
export function installPlatform(): Promise<void> {
  return withFileLock(path.join(root, 'node_modules', '.cache', 'sightline', 'sst.lock'), unpackPlatform);
}

async function unpackPlatform(): Promise<void> {
  const version = JSON.parse(await readFile(path.join(root, 'node_modules', 'sst', 'package.json'), 'utf8')).version;
  const installed = existsSync(path.join(platform, 'version'))
    ? (await readFile(path.join(platform, 'version'), 'utf8')).trim()
    : null;
  if (installed === version && existsSync(path.join(platform, 'node_modules', '@pulumi', 'aws'))) return;
  await run(path.join(root, 'node_modules', '.bin', 'sst'), ['install', '--stage', 'ci'], {
    cwd: root,
    env: { ...process.env, SST_SKIP_DEPENDENCY_CHECK: '1', SST_TELEMETRY_DISABLED: '1', SST_NO_BUN: '1' },
  });
}

/** Type-checks sst.config.ts and infra/ against SST's and Pulumi's types; returns the compiler's errors, or ''. */
export async function typeCheck(): Promise<string> {
  const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
  return run(tsc, ['-p', path.join(root, 'infra')], { cwd: root }).then(
    () => '',
    (error: { stdout?: string; message: string }) => error.stdout || error.message,
  );
}

/**
 * The resources of a deployment.
 * @throws {Error} with the program's output if it fails
 */
export async function evaluate(options: Options): Promise<Stack> {
  const work = await mkdtemp(path.join(platform, 'check-'));
  const targets: DevTarget[] = [];
  const server = await startCliServer(work, targets);
  try {
    const app = await readApp(options.stage, work);
    const program = await bundleProgram(app, options, work);
    const result = path.join(work, 'result.json');
    const artifacts = await writeArtifacts(work, options.arch ?? 'arm64');
    await runProgram(program, {
      ...process.env,
      SIGHTLINE_ARTIFACTS: artifacts,
      ...options.env,
      ...Object.fromEntries(Object.entries(options.secrets ?? {}).map(([key, value]) => [`SST_SECRET_${key}`, value])),
      SST_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      MOCK_RESULT: result,
      MOCK_PROJECT: app.name,
      MOCK_STAGE: options.stage,
      NODE_OPTIONS: '--enable-source-maps --no-deprecation --no-warnings',
    });
    return { app, targets, ...JSON.parse(await readFile(result, 'utf8')) };
  } finally {
    server.close();
    await rm(work, { recursive: true, force: true });
  }
}

/** Minimal folders that the stack accepts as built functions; test/functions/lambda checks the real content. */
async function writeArtifacts(work: string, arch: string): Promise<string> {
  const artifacts = path.join(work, 'lambda');
  for (const name of ['api', 'ingest']) {
    await mkdir(path.join(artifacts, name, 'functions'), { recursive: true });
    await writeFile(path.join(artifacts, name, 'build.json'), JSON.stringify({ profile: 'compact', arch }));
    await writeFile(path.join(artifacts, name, 'functions', `${name}.mjs`), 'export const handler = async () => {};\n');
  }
  return artifacts;
}

const banner = `import { createRequire as topLevelCreateRequire } from 'module';
const require = topLevelCreateRequire(import.meta.url);
import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from 'url';
const __filename = topLevelFileUrlToPath(import.meta.url);
const __dirname = topLevelFileUrlToPath(new topLevelURL('.', import.meta.url));`;

const common: BuildOptions = {
  banner: { js: banner },
  mainFields: ['module', 'main'],
  format: 'esm',
  platform: 'node',
  bundle: true,
  sourcemap: 'inline',
  logLevel: 'silent',
  nodePaths: [path.join(platform, 'node_modules')],
  external: [
    '@pulumi/*',
    '@pulumiverse/*',
    '@sst-provider/*',
    '@aws-sdk/*',
    'undici',
    'esbuild',
    'archiver',
    'glob',
    'vite',
  ],
};

/** The `app()` part alone, which the CLI evaluates before it knows the providers. */
async function readApp(stage: string, work: string) {
  const outfile = path.join(work, 'app.mjs');
  await build({
    ...common,
    outfile,
    stdin: {
      resolveDir: root,
      loader: 'ts',
      contents: `globalThis.$config = (config) => config;
        const { default: config } = await import('./sst.config.ts');
        export default config.app({ stage: ${JSON.stringify(stage)} });`,
    },
    external: [...common.external!, './infra/*'],
  });
  const declared = await (await import(outfile)).default;
  return { protect: false, removal: 'retain', providers: {}, ...declared, stage };
}

async function bundleProgram(app: object, { dev = false }: Options, work: string): Promise<string> {
  const lock: { alias: string; package: string }[] = JSON.parse(
    await readFile(path.join(root, '.sst', 'provider-lock.json'), 'utf8'),
  );
  const globals = [
    ...lock.map((provider) => `import * as ${provider.alias} from ${JSON.stringify(provider.package)};`),
    `import * as sst from ${JSON.stringify(path.join(platform, 'src', 'components'))};`,
  ].join('\n');
  const cli = {
    command: dev ? 'dev' : 'deploy',
    dev,
    paths: { home: tmpdir(), root, work: path.join(work, 'work'), platform },
    state: { version: {} },
  };
  const mocks = JSON.stringify(path.join(root, 'test', 'infra', 'mocks.ts'));
  const outfile = path.join(work, 'program.mjs');
  await build({
    ...common,
    outfile,
    define: { $app: JSON.stringify(app), $cli: JSON.stringify(cli), $dev: String(dev) },
    inject: [path.join(platform, 'src', 'shim', 'run.js')],
    stdin: {
      resolveDir: root,
      loader: 'ts',
      contents: `import { record } from ${mocks};
        import { run } from ${JSON.stringify(path.join(platform, 'src', 'auto', 'run.ts'))};
        import config from './sst.config.ts';
        await record(() => run(config.run));`,
    },
    plugins: [
      {
        // The CLI puts the providers and `sst` in scope of the user's own files only.
        name: 'globals',
        setup(bundler) {
          bundler.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
            const own = file === path.join(root, 'sst.config.ts') || file.startsWith(path.join(root, 'infra'));
            return own ? { contents: `${globals}\n${await readFile(file, 'utf8')}`, loader: 'ts' } : undefined;
          });
        },
      },
    ],
  });
  return outfile;
}

/** Responds to calls from components to the CLI, as `sst deploy` 4.17 does for a function with a bundle. */
async function startCliServer(work: string, targets: DevTarget[]): Promise<Server> {
  const answers: Record<string, (params: DevTarget & { bundle?: string }) => unknown> = {
    'Provider.Aws.Bootstrap': () => ({
      asset: 'sst-asset-mock',
      state: 'sst-state-mock',
      assetEcrRegistryId: '123456789012',
      assetEcrUrl: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/sst-asset',
      appsyncHttp: 'https://http.mock',
      appsyncRealtime: 'wss://realtime.mock',
    }),
    'Provider.Aws.Appsync': () => ({ http: 'http.mock', realtime: 'realtime.mock' }),
    'Runtime.AddTarget': (target) => {
      targets.push(target);
      return true;
    },
    'Runtime.Build': ({ handler, bundle, functionID }) => {
      // SST would build these by its own rules; nothing in this stack may leave that choice to it.
      if (bundle === undefined) throw new Error(`expected function ${functionID} to name its bundle`);
      return { handler, out: bundle, errors: [], sourcemaps: [] };
    },
  };
  await mkdir(path.join(work, 'work'), { recursive: true });
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, params } = JSON.parse(body);
    try {
      const answer = answers[method];
      if (answer === undefined) throw new Error(`expected a call the CLI knows, got ${method}`);
      response.end(JSON.stringify({ result: answer(params[0]) }));
    } catch (error) {
      response.end(JSON.stringify({ error: (error as Error).message }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function runProgram(program: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [program], { env, cwd: root });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the stack could not be evaluated (exit code ${code}):\n${output}`);
}
