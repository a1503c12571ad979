import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = globSync(['core/**/*.ts', 'functions/**/*.ts', 'scripts/**/*.ts', 'web/**/*.{ts,tsx}'], {
  cwd: root,
}).map((file) => file.replaceAll('\\', '/'));

/** The modules a file imports or re-exports, statically or not. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const found = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]|(?:^|\n)import\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3]!);
}

/** Relative imports as paths from the root. */
function internalImportsOf(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(file), specifier)).replaceAll('\\', '/'));
}

/** A vendor package may be imported by exactly these files, so that it can be replaced and its faults translated there. */
const homes: Record<string, RegExp> = {
  'onnxruntime-node': /^core\/onnx\.ts$/,
  sharp: /^core\/encode\/decode\.ts$/,
  '@huggingface/tokenizers': /^core\/encode\/tokenizer\.ts$/,
  '@qdrant/js-client-rest': /^core\/vectors\/qdrant[\w-]*\.ts$/,
  '@aws-sdk/client-s3': /^core\/objects\/s3[\w-]*\.ts$/,
  '@aws-sdk/s3-presigned-post': /^core\/objects\/s3-presign\.ts$/,
  '@aws-sdk/s3-request-presigner': /^core\/objects\/s3-presign\.ts$/,
  'node:sqlite': /^core\/(sqlite\.ts|file-lock\.ts|vectors\/embedded[\w-]*\.ts|failures\/sqlite\.ts)$/,
  protobufjs: /^core\/onnx-proto\.ts$/,
  '@aws-sdk/client-sqs': /^functions\/events\/message-queue\.ts$/,
  '@aws-lambda-powertools/batch': /^functions\/lambda\/sqs-batch\.ts$/,
  '@aws-lambda-powertools/logger': /^functions\/lambda\/telemetry\.ts$/,
  '@aws-lambda-powertools/metrics': /^functions\/lambda\/telemetry\.ts$/,
  '@aws-lambda-powertools/tracer': /^functions\/lambda\/telemetry\.ts$/,
  sst: /^functions\/lambda-runtime\.ts$/,
  'cli-progress': /^core\/progress\.ts$/,
  'csv-parse': /^core\/datasets\/csv\.ts$/,
  'tar-stream': /^core\/datasets\/tar-shard\.ts$/,
  yauzl: /^core\/datasets\/zip-files\.ts$/,
};

describe('the arrows of the design', () => {
  it('finds the code it judges', () => {
    assert.ok(files.includes('core/ports.ts') && files.includes('core/search.ts'));
    assert.ok(internalImportsOf('core/search.ts').includes('core/ports.ts'));
  });

  it('core imports nothing outside core', () => {
    for (const file of files.filter((name) => name.startsWith('core/'))) {
      for (const imported of internalImportsOf(file)) {
        assert.match(imported, /^core\//, `${file} imports ${imported}`);
      }
    }
  });

  it('the walks of core know ports, not drivers', () => {
    for (const file of ['core/index-image.ts', 'core/search.ts']) {
      for (const imported of internalImportsOf(file)) {
        assert.doesNotMatch(
          imported,
          /^core\/(vectors|objects|failures|encode|train)\//,
          `${file} imports ${imported}`,
        );
      }
    }
  });

  it('drivers do not know each other', () => {
    for (const file of files) {
      const port = /^core\/(vectors|objects|failures)\//.exec(file)?.[1];
      if (port === undefined) continue;
      for (const imported of internalImportsOf(file)) {
        const other = /^core\/(vectors|objects|failures|encode|train)\//.exec(imported)?.[1];
        assert.ok(other === undefined || other === port, `${file} imports ${imported}`);
      }
    }
  });

  it('functions do not import scripts, and the page imports neither', () => {
    for (const file of files) {
      for (const imported of internalImportsOf(file)) {
        if (file.startsWith('functions/')) assert.doesNotMatch(imported, /^scripts\//, `${file} imports ${imported}`);
        if (file.startsWith('web/')) assert.match(imported, /^web\//, `${file} imports ${imported}`);
      }
    }
  });

  for (const [name, home] of Object.entries(homes)) {
    it(`${name} is imported in one place`, () => {
      for (const file of files) {
        const vendor = importsOf(file).some((specifier) => specifier === name || specifier.startsWith(`${name}/`));
        if (vendor) assert.match(file, home, `${file} imports ${name}`);
      }
    });
  }

  it('only the composition roots read the environment', () => {
    const roots = ['functions/runtime.ts', 'functions/lambda-runtime.ts'];
    for (const file of files.filter((name) => !roots.includes(name))) {
      assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), /\bprocess\.env\b/, `${file} reads process.env`);
    }
  });
});
