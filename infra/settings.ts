import { readSettings as read, type Values } from '../core/config.ts';

/**
 * What can be chosen when the stack is deployed: the entries of core/config.ts that the stack reads. Secrets are not among
 * them: they are set with `sst secret set` (infra/secrets.ts).
 */
export type Settings = Values<'stack'> & {
  readonly stage: string;
  /** Models the functions carry. */
  readonly profile: string;
};

/** Parses the settings of one deployment. Throws with every variable that does not fit. */
export function readSettings(stage: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const settings = read('stack', { env });
  return { ...settings, stage, profile: settings.profile ?? 'compact' };
}

/** Stage that keeps its data when the stack is removed. */
export function isProduction(settings: Settings): boolean {
  return settings.stage === 'production';
}
