import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { glob, mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Budget, FunctionName, Sizes } from '../../scripts/development/lambda/sizes.ts';

/**
 * Checks the functions as deployed. Run with the stack's checks, not in `npm test`, because the arm64 libraries come
 * from the npm registry the first time. test/functions/lambda tests their behaviour on this machine's architecture.
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

const script = join(import.meta.dirname, '../../scripts/sightline.ts');
interface Report {
  readonly budget: Budget;
  readonly arch: string;
  readonly functions: Record<FunctionName, Sizes>;
}

/** Exit code and output. */
async function build(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const all = ['--disable-warning=ExperimentalWarning', script, 'build:lambda', ...args, '--json'];
  const { code, stdout, stderr } = await promisify(execFile)(process.execPath, all, { env: { ...process.env, ...env } })
    .then((printed) => ({ code: 0, ...printed }))
    .catch((error: { code: number; stdout: string; stderr: string }) => error);
  assert.ok(stdout !== '', stderr);
  return { code, stderr, report: JSON.parse(stdout) as Report };
}

describe('npm run build:lambda', () => {
  let out: string;
  let report: Report;
  before(
    async () => {
      out = await mkdtemp(join(tmpdir(), 'sightline-arm64-'));
      report = (await build(['--out', out])).report;
    },
    { timeout: 300_000 },
  );
  after(() => rm(out, { recursive: true, force: true }));

  it('is for arm64 when nothing else is asked for, and within its budget', () => {
    assert.equal(report.arch, 'arm64');
    assert.deepEqual(report.budget, { api: 150e6, ingest: 85e6 });
    const { api, ingest } = report.functions;
    assert.ok(api.total > 100e6 && api.total <= 140e6, `${api.total}`);
    assert.ok(ingest.total > 50e6 && ingest.total <= 60e6, `${ingest.total}`);
  });

  it('leaves room for x64, too, whose ONNX Runtime is 21 MB larger', { timeout: 300_000 }, async () => {
    const { report } = await build(['--arch', 'x64', '--out', join(out, 'x64')]);
    const { api, ingest } = report.functions;
    assert.ok(api.total > 130e6 && api.total <= 148.5e6, `${api.total}`);
    assert.ok(ingest.total > 70e6 && ingest.total <= 80e6, `${ingest.total}`);
    assert.ok(ingest.parts.code! <= 1.8e6 && api.parts.code! <= 2.8e6, `${ingest.parts.code}, ${api.parts.code}`);
  });

  for (const name of ['api', 'ingest']) {
    it(`puts nothing into ${name} that Amazon Linux 2023, under Node 24, cannot load`, async () => {
      // Its glibc is 2.34, and its GCC 11 has GLIBCXX up to 3.4.29 (Amazon Linux 2023 release notes).
      for await (const file of glob('**/*.{node,so*}', { cwd: join(out, name) })) {
        const text = await readFile(join(out, name, file), 'latin1');
        for (const [, library, version] of text.matchAll(/\0(GLIBC|GLIBCXX)_(\d+(?:\.\d+)+)(?=\0)/g)) {
          const [most, got] = [library === 'GLIBC' ? '2.34' : '3.4.29', version!];
          assert.ok(got.localeCompare(most, 'en', { numeric: true }) <= 0, `${file} wants ${library}_${got}`);
        }
      }
    });

    it(`puts native code for arm64 into ${name}, and for nothing else`, async () => {
      const machines: number[] = [];
      for await (const file of glob('**/*.{node,so*,dll,dylib}', { cwd: join(out, name) })) {
        machines.push(await machineOf(join(out, name, file)));
      }
      assert.deepEqual(machines, [AARCH64, AARCH64, AARCH64, AARCH64]);
    });
  }
});

/**
 * Number of parameters of BERT-base without its pooler (Devlin et al. 2018): embeddings, the matrices of 12 layers, and
 * the rest.
 */
const EMBEDDINGS = (30_522 + 512 + 2) * 768;
const MATRICES = 12 * (4 * 768 ** 2 + 2 * 768 * 3072);
const REST = 12 * (4 * 768 + 3072 + 768 + 4 * 768) + 2 * 768;
/** Allowance for nodes and names of the graph, and the int8 scales: how much larger the export is than its numbers. */
const GRAPH_BYTES = 700_000;

/** Approximate size of a head's graph. */
const GRAPH = { bytes: 2_500_000, sha256: createHash('sha256').update(Buffer.alloc(2_500_000)).digest('hex') };

const headFile = (encoder: string) => ({
  format: 2,
  name: 'head',
  profile: 'seed',
  recipe: 'seed',
  dimension: 64,
  image: { encoder: 'mobilenet_v2_1.0_224-logits', inputs: ['logits'], onnx: { path: 'image.onnx', ...GRAPH } },
  texts: [{ encoder, dimension: 768, languages: [], onnx: { path: 'text.onnx', ...GRAPH } }],
  space: '0'.repeat(16),
  training: {},
});

describe('npm run build:lambda -- --profile', () => {
  let models: string;
  const put = async (folder: string, files: Record<string, number>) => {
    await mkdir(join(models, folder));
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(models, folder, name), '');
      await truncate(join(models, folder, name), bytes);
    }
  };
  before(async () => {
    models = await mkdtemp(join(tmpdir(), 'sightline-published-'));
    const tokenizer = { 'tokenizer.json': 711_649, 'tokenizer_config.json': 1_500, 'config.json': 1_000 };
    const [float32, int8] = [(EMBEDDINGS + MATRICES + REST) * 4, EMBEDDINGS + MATRICES + REST * 4];
    await put('snowflake-arctic-embed-m', { 'model.onnx': float32 + GRAPH_BYTES, ...tokenizer });
    await put('snowflake-arctic-embed-m-int8', { 'model.onnx': int8 + GRAPH_BYTES, ...tokenizer });
    const mobilenet = { 'model.onnx': 14_167_791, 'preprocessor_config.json': 350, 'config.json': 70_000 };
    await put('mobilenet_v2_1.0_224-logits', mobilenet);
    for (const [head, encoder] of [
      ['head-seed', 'snowflake-arctic-embed-m'],
      ['head-seed-int8', 'snowflake-arctic-embed-m-int8'],
    ] as const) {
      await put(head, { 'image.onnx': GRAPH.bytes, 'text.onnx': GRAPH.bytes });
      await writeFile(join(models, head, 'head.json'), JSON.stringify(headFile(encoder)));
    }
  });
  after(() => rm(models, { recursive: true, force: true }));

  it('makes the published pair fit with its int8 text encoder, and says so of float32', {
    timeout: 300_000,
  }, async () => {
    const env = { SIGHTLINE_EXTRA_MODELS: models };
    const int8 = await build(['--profile', 'seed-int8', '--out', join(models, 'out')], env);
    assert.equal(int8.code, 0, int8.stderr);
    assert.deepEqual(int8.report.budget, { api: 200e6, ingest: 200e6 });
    const { api, ingest } = int8.report.functions;
    assert.ok(api.total > 170e6 && api.total <= 185e6, `${api.total}`);
    assert.ok(ingest.total > 50e6 && ingest.total <= 70e6, `${ingest.total}`);

    await truncate(join(models, 'head-seed-int8', 'image.onnx'), GRAPH.bytes - 1);
    const cut = build(['--profile', 'seed-int8', '--out', join(models, 'out')], env);
    await assert.rejects(cut, /image\.onnx: expected 2500000 bytes, got 2499999/);

    const float32 = await build(['--profile', 'seed', '--out', join(models, 'out')], env);
    assert.equal(float32.code, 1);
    assert.match(float32.stderr, /expected api to have at most 200000000 bytes, got 50\d{7}/);
    assert.match(float32.stderr, /npm run models -- pull seed-int8/);
  });
});
