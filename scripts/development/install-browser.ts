import { spawnSync } from 'node:child_process';
import { command, EXIT } from '../cli/command.ts';
import { findBrowser, HEADLESS } from './find-browser.ts';

/** Seconds; a machine without a network should not wait for one. */
const patience = ['-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20', '-o', 'Acquire::Retries=1'];

export default command({
  about: `
Installs Chromium for the browser tests if this user may (root on a system with apt), its build without windows where
there is one; otherwise says what to do. Never fails: without Chromium, npm test skips these tests with a message.`,
  options: {},
  run: async () => {
    const found = findBrowser();
    if (found?.endsWith('headless-shell')) return EXIT.done;
    const mayInstall = process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
    if (!mayInstall) {
      const message =
        'No Chromium found: the tests of the page will be skipped. Install Chromium or Chrome to run them.';
      if (found === null) console.error(message);
      return EXIT.done;
    }
    console.error('Installing chromium for the tests of the page');
    apt('update');
    const install = (name: string) => apt('install', '-y', '--no-install-recommends', name);
    if (!install(HEADLESS) && found === null) install('chromium');
    if (findBrowser() === null)
      console.error('Chromium could not be installed: the tests of the page will be skipped, or fail in CI.');
    return EXIT.done;
  },
});

function apt(...args: string[]): boolean {
  // apt prints to stderr like this script; stdout is for results.
  const { status } = spawnSync('apt-get', ['-q', ...patience, ...args], { stdio: ['ignore', 2, 2] });
  return status === 0;
}
