import { SightlineError } from '../../../core/errors.ts';

/** CHANGELOG.md in the format of "Keep a Changelog": one second-level heading per version, newest first. */

const UNRELEASED = '## Unreleased\n';

/**
 * The section of one version, without its heading.
 * @throws {not-found}
 */
export function notesOf(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => /^\[?([^\s\]]+)/.exec(text)?.[1] === version);
  if (section === undefined)
    throw new SightlineError('not-found', `expected a section ## ${version} in CHANGELOG.md, found none`);
  return section.slice(section.indexOf('\n') + 1).trim();
}

/**
 * Turns the section "Unreleased" into that of `version`.
 * @throws {invalid-input} when there is nothing
 */
export function cutVersion(changelog: string, version: string, date: string): string {
  if (!changelog.includes(UNRELEASED) || notesOf(changelog, 'Unreleased') === '') {
    throw new SightlineError('invalid-input', 'expected something under ## Unreleased in CHANGELOG.md, found nothing');
  }
  return changelog.replace(UNRELEASED, `${UNRELEASED}\n## ${version} - ${date}\n`);
}
