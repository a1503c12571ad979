import { type Reader, SETTINGS, type Setting } from '../../../core/settings.ts';
import serve from '../../serve.ts';

/** The settings as Markdown tables. */

const ALL: readonly Setting<unknown>[] = Object.values(SETTINGS);
const WHERE: Readonly<Record<Reader, string>> = { server: 'server', functions: 'function', stack: 'deploy' };

export function configurationPage(): string {
  const rows = ALL.map((one) => [name(one), defaultOf(one), where(one), about(one)]);
  return `# Configuration

Made from \`core/settings.ts\` by \`npm run docs\`; do not edit.

- A flag overrides its variable. An empty variable counts as unset. An invalid or misspelt variable stops the start with
  a message that names it.
- Sizes are bytes or have a unit (\`50MiB\`, \`50MB\`), \`~\` is the home folder. Lists of folders are separated as in
  \`PATH\`, other lists by commas.
- "Where" says what reads a setting: **server**, the commands on one machine; **deploy**, \`npm run deploy\`, which
  passes it on to the functions where they need it; **function**, the Lambda functions, to know when they run without
  this stack. Secrets of a deployment are set by \`npx sst secret set\` (\`docs/deploy.md\`).

${table(['setting', 'default', 'where', ''], rows)}
`;
}

/** README.md with its table replaced, between two marks: the flags of \`sightline\` itself. */
export function readmeWithTable(readme: string): string {
  const shown = ALL.filter(({ flag }) => flag !== undefined && flag in serve.options);
  const rows = shown.map((one) => [flagOf(one), `\`${one.env}\``, defaultOf(one), one.text]);
  const text = table(['flag', 'environment', 'default', ''], rows);
  return readme.replace(/(<!-- settings -->\n).*?(<!-- \/settings -->)/s, `$1${text}\n$2`);
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [columns, columns.map(() => '---'), ...rows];
  return cells.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

function flagOf({ flag, unit }: Setting<unknown>): string {
  return `\`--${flag}${unit === null ? '' : ` ${unit}`}\``;
}

function name(one: Setting<unknown>): string {
  return one.flag === undefined ? `\`${one.env}\`` : `\`${one.env}\`, ${flagOf(one)}`;
}

function defaultOf({ shown = '', unit }: Setting<unknown>): string {
  return unit === null ? 'off' : shown;
}

function where({ readers }: Setting<unknown>): string {
  return readers.length === 3 ? 'all' : readers.map((reader) => WHERE[reader]).join(', ');
}

/** Its sentence, with bounds or words in brackets; what is only a noun ("a folder") follows from the sentence. */
function about({ text, expects }: Setting<unknown>): string {
  const bounds = expects.replace(/^a (whole number|number|size) (from |of )?/, '');
  return /^(a|an|the|some) /.test(bounds) ? text : `${text} (${bounds})`;
}
