import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Chromium without windows: the same engine, and the tests of the page take 0.6 of the processor time with it. */
export const HEADLESS = 'chromium-headless-shell';
const names = [
  HEADLESS,
  'chrome-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
];
const places = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** Path of Chromium or a similar browser on this machine, or null. */
export function findBrowser(): string | null {
  const fixed = places.find((path) => existsSync(path));
  if (fixed !== undefined) return fixed;
  const { stdout } = spawnSync('sh', ['-c', names.map((name) => `command -v ${name}`).join('; ')], {
    encoding: 'utf8',
  });
  return stdout?.split('\n').find((line) => line.startsWith('/')) ?? null;
}
