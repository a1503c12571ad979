import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { packageRoot } from '../core/package-root.ts';
import { type Config, readSettings, type Sources } from '../core/settings.ts';

/** What the environment of a process on one machine says: the only reader of it here. */

/** The folder with package.json, models and samples. */
export const root = packageRoot(import.meta.dirname);

/** Whether the sources run, in a checkout, and not what was built of them for the package. */
export const isCheckout = import.meta.filename.endsWith('.ts');

/**
 * A path as the user typed it: `~` is the home folder also where no shell replaced it, and relative paths count from
 * where npm was called in a checkout, not from the package.
 */
export function userPath(path: string): string {
  const expanded = path.replace(/^~(?=$|[/\\])/, homedir());
  return resolve((isCheckout && process.env.INIT_CWD) || process.cwd(), expanded);
}

/** Where the index, caches and what is made lie, as configured. */
export function dataFolder(): string {
  return readConfig({ logLevel: 'silent' }).data;
}

/**
 * The configuration of this process; what is given, by flags, wins over the environment.
 * @throws {invalid-config}
 */
export function readConfig(
  given: Sources<'server'>['given'] & { readonly modelDirs?: readonly string[] } = {},
): Config {
  // A person at a terminal is told what needs attention; a line for every request would bury it.
  const env = { LOG_LEVEL: process.stderr.isTTY ? 'warn' : undefined, ...withoutEmpty(process.env) };
  const settings = readSettings('server', { env, given, resolvePath: userPath });
  const { data = isCheckout ? join(root, 'data') : systemData(), extraModels } = settings;
  const own = ownModels(data);
  const pulled = own === join(root, 'models') || !existsSync(own) ? [] : [own];
  const modelDirs = given.modelDirs ?? [join(root, 'models'), ...pulled, ...extraModels];
  return Object.freeze({ ...settings, data, modelDirs });
}

/** Where the system keeps the data of programs: what is below node_modules is lost with the next install. */
export function systemData(): string {
  const home = homedir();
  const { XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'sightline');
  if (process.platform === 'win32') return join(LOCALAPPDATA || join(home, 'AppData', 'Local'), 'sightline');
  return join(XDG_DATA_HOME || join(home, '.local', 'share'), 'sightline');
}

/**
 * Where models that are pulled or trained go: into the data folder; in a checkout, for its own data folder, beside the
 * bundled ones.
 */
export function ownModels(data = dataFolder()): string {
  return join(isCheckout && data === join(root, 'data') ? root : data, 'models');
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim() !== ''));
}

/** Where models and data sets are pulled from, and the token for what is not open to all there. */
export function readHubConfig(): { endpoint: string; token: string | undefined } {
  const { hubEndpoint: endpoint, hubToken: token } = readConfig({ logLevel: 'silent' });
  return { endpoint, token };
}

/**
 * How npm was asked to run this program: the script's name, and the flags that npm kept for itself because no `--`
 * stood before them. Null when npm did not start it.
 */
export function npmCall(): { readonly script: string; readonly kept: (flag: string) => string | undefined } | null {
  const { npm_lifecycle_event: script, npm_lifecycle_script: line } = process.env;
  if (script === undefined || !line?.includes('bin/sightline.cjs')) return null;
  // Options that npm has, too, such as --yes, are empty unless they were given.
  return { script, kept: (flag) => process.env[`npm_config_${flag.replaceAll('-', '_')}`] || undefined };
}

export function isStartedByNpm(): boolean {
  return process.env.npm_lifecycle_event !== undefined;
}

/** ISO 639-1 codes of the language of the terminal's user; none when nothing says. */
export function ownLanguages(): string[] {
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  const language = /^[a-z]{2,3}(?=[_.@]|$)/.exec(LC_ALL || LC_MESSAGES || LANG || '')?.[0];
  return language === undefined ? [] : [language];
}
