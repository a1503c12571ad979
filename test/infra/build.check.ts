import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { glob, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * The functions as they are deployed. Beside the stack, not in `npm test`, because the libraries for arm64 come from the
 * npm registry the first time. What they do is tested for this machine's architecture in test/lambda.
 */

/** ELF's e_machine (System V ABI, AArch64 supplement). */
const AARCH64 = 183;

async function machineOf(file: string): Promise<number> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    assert.equal(buffer.toString('latin1', 1, 4), 'ELF', file);
    return buffer.readUInt16LE(18);
  } finally {
    await handle.close();
  }
}

describe('npm run build:lambda', () => {
  let out: string;
  let report: { budget: number; arch: string; functions: Record<string, { total: number }> };
  before(
    async () => {
      out = await mkdtemp(join(tmpdir(), 'sightline-arm64-'));
      const script = fileURLToPath(new URL('../../scripts/build-lambda.ts', import.meta.url));
      const args = ['--disable-warning=ExperimentalWarning', script, '--out', out, '--json'];
      report = JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
    },
    { timeout: 300_000 },
  );
  after(() => rm(out, { recursive: true, force: true }));

  it('is for arm64 when nothing else is asked for, and within its budget', () => {
    assert.equal(report.arch, 'arm64');
    assert.equal(report.budget, 120e6);
    for (const { total } of Object.values(report.functions)) assert.ok(total > 50e6 && total <= 120e6, `${total}`);
  });

  for (const name of ['api', 'ingest']) {
    it(`puts native code for arm64 into ${name}, and for nothing else`, async () => {
      const machines: number[] = [];
      for await (const file of glob('**/*.{node,so*,dll,dylib}', { cwd: join(out, name) })) {
        machines.push(await machineOf(join(out, name, file)));
      }
      assert.deepEqual(machines, [AARCH64, AARCH64, AARCH64, AARCH64]);
    });
  }
});
