import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, readSettings, type Sources } from '../core/settings.ts';
import { packageRoot } from '../core/util/package-root.ts';

/** The environment of a process on one machine. No other module of the server reads it. */

/** The folder with package.json, models and samples. */
export const root = packageRoot(import.meta.dirname);

/** Whether the sources run, in a checkout, rather than the built package. */
export const isCheckout = import.meta.filename.endsWith('.ts');

/**
 * Resolves a path as the user typed it: `~` is the home folder even if no shell replaced it, and in a checkout relative
 * paths start where npm was called, not at the package.
 */
export function userPath(path: string): string {
  const expanded = path.replace(/^~(?=$|[/\\])/, homedir());
  return resolve((isCheckout && process.env.INIT_CWD) || process.cwd(), expanded);
}

/** The configured folder for the index, caches and output. */
export function dataFolder(): string {
  return readConfig({ logLevel: 'silent' }).data;
}

/**
 * The configuration of this process; flags win over the environment.
 * @throws {invalid-config}
 */
export function readConfig(
  given: Sources<'server'>['given'] & { readonly modelDirs?: readonly string[] } = {},
): Config {
  // On a terminal, log only what needs attention; a line for every request would bury it.
  const env = { LOG_LEVEL: process.stderr.isTTY ? 'warn' : undefined, ...withoutEmpty(process.env) };
  const settings = readSettings('server', { env, given, resolvePath: userPath });
  const { data = isCheckout ? join(root, 'data') : systemData(), extraModels } = settings;
  const own = ownModels(data);
  const pulled = own === join(root, 'models') || !existsSync(own) ? [] : [own];
  const modelDirs = given.modelDirs ?? [join(root, 'models'), ...pulled, ...extraModels];
  return Object.freeze({ ...settings, data, modelDirs });
}

/** The system's folder for data of programs: anything below node_modules is lost with the next install. */
export function systemData(): string {
  const home = homedir();
  const { XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'sightline');
  if (process.platform === 'win32') return join(LOCALAPPDATA || join(home, 'AppData', 'Local'), 'sightline');
  return join(XDG_DATA_HOME || join(home, '.local', 'share'), 'sightline');
}

/**
 * The folder for downloaded and trained models: in the data folder; for a checkout's own data folder, next to the
 * bundled models.
 */
export function ownModels(data = dataFolder()): string {
  return join(isCheckout && data === join(root, 'data') ? root : data, 'models');
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim() !== ''));
}

/** Where models and data sets are downloaded from, and the token for non-public ones. */
export function readHubConfig(): { endpoint: string; token: string | undefined } {
  const { hubEndpoint: endpoint, hubToken: token } = readConfig({ logLevel: 'silent' });
  return { endpoint, token };
}

/**
 * How npm was called: the script's name, and the flags that npm swallowed because there was no `--` before them. Null
 * when npm did not start this process.
 */
export function npmCall(): { readonly script: string; readonly kept: (flag: string) => string | undefined } | null {
  const { npm_lifecycle_event: script, npm_lifecycle_script: line } = process.env;
  if (script === undefined || !line?.includes('bin/sightline.cjs')) return null;
  // npm's own options, such as --yes, are empty unless given.
  return { script, kept: (flag) => process.env[`npm_config_${flag.replaceAll('-', '_')}`] || undefined };
}

/** As the executable found it; npm may end before this module is loaded. */
const { startedBy = process.ppid } = process as { readonly ppid: number; readonly startedBy?: number };

/** Whether the npm that started this process has ended. */
export function isLeftByNpm(): boolean {
  return process.env.npm_lifecycle_event !== undefined && (process.ppid !== startedBy || isAdopted());
}

/** Whether npm ended before this process ran: its shell was in this process group, and whoever is the parent is not. */
function isAdopted(): boolean {
  try {
    const groupOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[2];
    const own = groupOf(process.pid);
    return own !== String(process.pid) && own !== groupOf(startedBy);
  } catch {
    return startedBy === 1;
  }
}

/** ISO 639-1 code of the terminal user's language; empty when unknown. */
export function ownLanguages(): string[] {
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  const language = /^[a-z]{2,3}(?=[_.@]|$)/.exec(LC_ALL || LC_MESSAGES || LANG || '')?.[0];
  return language === undefined ? [] : [language];
}
