import { readSettings as read, type Values } from '../core/settings.ts';

/**
 * Settings of a deployment: the entries of core/settings.ts that the stack reads. Secrets are set with `sst secret set`
 * instead (infra/secrets.ts).
 */
export type Settings = Values<'stack'> & {
  readonly stage: string;
  /** Models in the functions. */
  readonly profile: string;
};

/** Settings that cannot be combined, each with the message for it. */
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

/**
 * Reads the settings of a deployment.
 * @throws {Error} that names every invalid variable
 */
export function readSettings(stage: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const values = read('stack', { env });
  const settings = { ...values, stage, profile: values.profile ?? 'compact' };
  const problems = RULES.flatMap(([isBroken, problem]) => (isBroken(settings) ? [problem] : []));
  if (problems.length > 0) throw new Error(problems.join('; '));
  return settings;
}

/** The stage whose data survives removal. */
export function isProduction(settings: Settings): boolean {
  return settings.stage === 'production';
}
