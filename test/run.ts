import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const MEMORY = '/dev/shm';
/**
 * Files run at the same time. Half of what many do is waiting, for watched folders, retries and pages: with three on
 * two cores, nearly a third of the cores' time was unused. Each may have a server and a browser, hence the limit. Their
 * order is the alphabet's, which Node gives them; it ends with short ones.
 */
const AT_ONCE = Math.min(8, 2 * availableParallelism());

/**
 * `npm test` runs all tests, `npm run test:unit` those that it names. Flags of Node's test runner and files can follow
 * `--`, such as `npm test -- --test-name-pattern "a cat" test/core/index-image.test.ts`. The runner accepts flags only
 * before files, but npm appends its arguments, hence this script.
 */
const { files = ['test/**/*.test.ts'], options = [] } = Object.groupBy(process.argv.slice(2), (one) =>
  /\.(test|check)\.ts$/.test(one) ? 'files' : 'options',
);
/** A test that waits for ever fails, and the run goes on; the longest takes half a minute on a busy machine. */
const TIMEOUT_MS = 300_000;
const flags = ['--disable-warning=ExperimentalWarning', '--import', './test/compile-cache.ts'];
const { status } = spawnSync(
  process.execPath,
  [...flags, '--test', `--test-concurrency=${AT_ONCE}`, `--test-timeout=${TIMEOUT_MS}`, ...options, ...files],
  {
    stdio: 'inherit',
    env: { ...process.env, TMPDIR: process.env.TMPDIR ?? roomInMemory() },
  },
);
process.exitCode = status ?? 1;

/** A folder in memory for temporary files: on a disk, tests wait half of their time for it to confirm their writes. */
function roomInMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    // Native code must be allowed to run from there, as from the folders of the Lambda functions.
    const isFit = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .some((mount) => mount.includes(` ${MEMORY} tmpfs `) && !/\bnoexec\b/.test(mount));
    // Several times what the tests fill.
    return isFit && bavail * bsize > 6 * 1024 ** 3 ? MEMORY : undefined;
  } catch {
    return undefined;
  }
}
