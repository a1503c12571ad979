import type { LoadCommand } from '../cli/command.ts';

/** Commands that only work in a clone, by `npm run NAME`: they need sources and development dependencies. */
export const DEVELOPMENT_COMMANDS: Readonly<Record<string, LoadCommand>> = {
  build: () => import('./build-web.ts'),
  'build:client': () => import('./build-client.ts'),
  'build:package': () => import('./build-package.ts'),
  'build:lambda': () => import('./build-lambda.ts'),
  changelog: () => import('./changelog.ts'),
  docs: () => import('./docs.ts'),
  client: () => import('./client-types.ts'),
  screenshots: () => import('./screenshots.ts'),
  lighthouse: () => import('./lighthouse.ts'),
  browser: () => import('./install-browser.ts'),
  'head-sample': () => import('./head-sample.ts'),
};
