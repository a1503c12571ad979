import { type Reader, SETTINGS, type Setting } from '../../core/settings.ts';

/** The settings as Markdown, from their one declaration. */

const SECTIONS: readonly [Reader, string, string][] = [
  [
    'server',
    'On one machine',
    'Flags are those of `sightline` and of the commands that list them in `--help`; a flag wins over the variable.',
  ],
  [
    'stack',
    'When the stack is deployed',
    'Set for `npm run deploy`. Secrets are set with `npx sst secret set` (docs/deploy.md).',
  ],
  ['functions', 'In the functions', 'Set by the stack; to be known when the functions run elsewhere.'],
];

/** The whole page docs/configuration.md. */
export function configurationPage(): string {
  const parts = SECTIONS.map(([reader, title, about]) => `## ${title}\n\n${about}\n\n${table(reader)}`);
  return `# Configuration

Made from \`core/settings.ts\` by \`npm run docs\`; do not edit. A variable that is set to nothing is not set. Sizes are
numbers of bytes or have a unit (\`50MiB\`, \`50MB\`), \`~\` is the home folder, lists of folders are parted as in
\`PATH\` and other lists by commas. What does not fit ends the start with a sentence that names the variable,
also when its name is nearly right.

${parts.join('\n\n')}
`;
}

/** README.md with its table of settings made anew, between two marks. */
export function readmeWithTable(readme: string): string {
  return readme.replace(/(<!-- settings -->\n).*?(<!-- \/settings -->)/s, `$1${table('server', 'short')}\n$2`);
}

/** README's table has the settings with a flag, without what a value may be; the page has all. */
function table(reader: Reader, how: 'short' | 'whole' = 'whole'): string {
  const columns = [
    ...(reader === 'server' ? ['flag'] : []),
    ...(how === 'whole' ? ['environment', 'value', 'default', ''] : ['environment', 'default', '']),
  ];
  const all: readonly Setting<unknown>[] = Object.values(SETTINGS);
  const shown = all.filter(({ readers, flag }) => readers.includes(reader) && (how === 'whole' || flag !== undefined));
  const rows = shown.map((one) => row(one, reader === 'server', how));
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function row(one: Setting<unknown>, withFlag: boolean, how: 'short' | 'whole'): string[] {
  const { env, flag, unit, shown = '', text, expects, many } = one;
  const value = many ? `any number of: ${expects}` : expects;
  const name = flag === undefined ? '' : `\`--${flag}${unit === null ? '' : ` ${unit}`}\``;
  return [
    ...(withFlag ? [name] : []),
    `\`${env}\``,
    ...(how === 'whole' ? [value] : []),
    shown,
    text.replaceAll('|', '\\|'),
  ];
}
