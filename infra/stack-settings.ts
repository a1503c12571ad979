import { readSettings as read, type Values } from '../core/settings.ts';

/**
 * What can be chosen when the stack is deployed: the entries of core/settings.ts that the stack reads. Secrets are not
 * among them: they are set with `sst secret set` (infra/secrets.ts).
 */
export type Settings = Values<'stack'> & {
  readonly stage: string;
  /** Models the functions carry. */
  readonly profile: string;
};

/** What a deployment cannot have together. */
const RULES: readonly [(settings: Settings) => boolean, string][] = [
  [
    ({ urlAuth, domain }) => urlAuth === 'iam' && domain !== undefined,
    'SIGHTLINE_URL_AUTH: expected none with a domain, got iam: CloudFront does not sign requests, and closes ' +
      'the URL itself',
  ],
  [
    ({ firewallRate, domain }) => firewallRate !== undefined && domain === undefined,
    'SIGHTLINE_FIREWALL_RATE: expected SIGHTLINE_DOMAIN with it, got none: the firewall is that of CloudFront',
  ],
  [
    ({ monthlyBudget, alarmEmail }) => monthlyBudget !== undefined && alarmEmail === undefined,
    'SIGHTLINE_MONTHLY_BUDGET: expected SIGHTLINE_ALARM_EMAIL with it, got none: somebody must be told',
  ],
];

/** Parses the settings of one deployment. Throws with every variable that does not fit. */
export function readSettings(stage: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const values = read('stack', { env });
  const settings = { ...values, stage, profile: values.profile ?? 'compact' };
  const problems = RULES.flatMap(([isBroken, problem]) => (isBroken(settings) ? [problem] : []));
  if (problems.length > 0) throw new Error(problems.join('; '));
  return settings;
}

/** Stage that keeps its data when the stack is removed. */
export function isProduction(settings: Settings): boolean {
  return settings.stage === 'production';
}
