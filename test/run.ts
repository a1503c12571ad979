import { spawnSync } from 'node:child_process';

/**
 * `npm test`: runs all tests. Flags of Node's test runner and files can follow `--`, such as `npm test --
 * --test-name-pattern "a cat" test/core/search.test.ts`. The runner accepts flags only before files, but npm appends
 * its arguments, hence this script.
 */
const given = process.argv.slice(2);
const files = given.some((one) => one.endsWith('.ts')) ? [] : ['test/**/*.test.ts'];
const flags = ['--disable-warning=ExperimentalWarning', '--import', './test/compile-cache.ts'];
const { status } = spawnSync(process.execPath, [...flags, '--test', '--test-concurrency=3', ...given, ...files], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
