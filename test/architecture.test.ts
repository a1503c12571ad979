import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
/** The introductory page; its tables and lists are checked against the source tree here. */
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

/** Rows of the page's table of folders: name, description, allowed imports. */
const folders = [...page.matchAll(/^\| `([\w/-]+)` \| (.+?) \|(?: (.*?))? ?\|$/gm)].map(([, name, what, imports]) => ({
  name: name!,
  what: what!,
  imports: [...(imports ?? '').matchAll(/`([\w-]+)`/g)].map((match) => match[1]!),
}));

/** Top-level folders whose imports are checked. */
const ARROWS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  folders
    .filter(({ name }) => !name.includes('/') && !['models', 'test', 'docs'].includes(name))
    .map(({ name, imports }) => [name, imports]),
);

const files = globSync(
  Object.keys(ARROWS).map((folder) => `${folder}/**/*.{ts,tsx}`),
  { cwd: root },
).map((file) => file.replaceAll('\\', '/'));

/** The modules a file imports or re-exports, statically or dynamically. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  return [
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /import\(\s*['"]([^'"]+)['"]/g,
    /(?:^|\n)import\s*['"]([^'"]+)['"]/g,
  ].flatMap((form) => [...source.matchAll(form)].map((match) => match[1]!));
}

/** Relative imports as paths from the root. */
function internalImportsOf(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(file), specifier)).replaceAll('\\', '/'));
}

/**
 * Only these files may import a vendor package, so that it can be replaced and its errors are translated in one place.
 */
const homes: Record<string, RegExp> = {
  'onnxruntime-node': /^core\/onnx\/onnx-session\.ts$/,
  sharp: /^core\/picture\/sharp\.ts$/,
  '@huggingface/tokenizers': /^core\/encode\/tokenizer\.ts$/,
  '@qdrant/js-client-rest': /^core\/vectors\/qdrant\//,
  '@aws-sdk/client-s3': /^core\/objects\/s3\//,
  '@aws-sdk/s3-request-presigner': /^core\/objects\/s3\/presign\.ts$/,
  'node:sqlite': /^core\/(files\/(sqlite-file|file-lock)\.ts|vectors\/sqlite\/[\w-]+\.ts|failure-log\/sqlite\.ts)$/,
  eld: /^core\/encode\/detect-language\.ts$/,
  protobufjs: /^core\/onnx\/protobuf\.ts$/,
  '@aws-sdk/client-sqs': /^functions\/events\/sqs-client\.ts$/,
  sst: /^functions\/lambda\/composition-root\.ts$/,
  'cli-progress': /^scripts\/cli\/progress\.ts$/,
  ignore: /^core\/objects\/folder\/ignore-file\.ts$/,
  'csv-parse': /^training\/datasets\/csv\.ts$/,
  'tar-stream': /^training\/datasets\/tar-shard\.ts$/,
  yauzl: /^training\/datasets\/zip-files\.ts$/,
  esbuild: /^(server\/bundle-page|scripts\/.*)\.ts$/,
};

/** Benchmarks compare vendor packages with our code. */
const product = files.filter((file) => !file.startsWith('bench/'));

describe('docs/architecture.md', () => {
  const foldersIn = (folder: string) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => join(folder, entry.name).replaceAll('\\', '/'));

  it('lists the folders at the top, one level below of what serves and trains, and those many scripts use', () => {
    const made = ['node_modules', 'data', 'dist'];
    const top = foldersIn('.').filter((name) => !made.includes(name));
    // The other folders of scripts hold the parts of the command whose name they have.
    const scripts = foldersIn('scripts').filter((name) => !existsSync(join(root, `${name}.ts`)));
    const found = [...top, ...['core', 'training', 'functions', 'server'].flatMap(foldersIn), ...scripts];
    assert.deepEqual(folders.map(({ name }) => name).toSorted(), found.toSorted());
  });

  it('names files and functions that are there', () => {
    const named = [...page.matchAll(/`([\w/.-]+\.ts)(?::(\w+))?`/g)];
    assert.ok(named.length > 20, `found only ${named.length}`);
    for (const [, file, name] of named) {
      const source = readFileSync(join(root, file!), 'utf8');
      if (name === undefined) continue;
      assert.match(source, new RegExp(`export (async )?(function|const|class) ${name}\\b`), `${file}: ${name}`);
    }
  });
});

describe('the arrows of the design', () => {
  it('finds the code it judges', () => {
    assert.ok(files.includes('core/ports.ts') && files.includes('core/search/search.ts'));
    assert.ok(internalImportsOf('core/search/search.ts').includes('core/ports.ts'));
  });

  for (const [folder, allowed] of Object.entries(ARROWS)) {
    it(`${folder} imports ${allowed.join(', ') || 'nothing'} beside itself`, () => {
      for (const file of files.filter((name) => name.startsWith(`${folder}/`))) {
        for (const imported of internalImportsOf(file)) {
          if (imported === 'package.json') continue;
          const target = imported.split('/')[0]!;
          assert.ok(target === folder || allowed.includes(target), `${file} imports ${imported}`);
        }
      }
    });
  }

  it('the indexing and the search of core know ports, not drivers', () => {
    for (const file of ['core/index-image.ts', 'core/search/search.ts']) {
      for (const imported of internalImportsOf(file)) {
        assert.doesNotMatch(
          imported,
          /^core\/(vectors|objects|failure-log|vanished-log|encode)\//,
          `${file} imports ${imported}`,
        );
      }
    }
  });

  it('training goes from data sets over features and metrics to the trainer, and nothing goes back', () => {
    const order = ['datasets', 'features', 'metrics', 'trainer'];
    for (const file of files) {
      const place = order.indexOf(/^training\/(\w+)\//.exec(file)?.[1] ?? '');
      if (place === -1) continue;
      for (const imported of internalImportsOf(file)) {
        const other = order.indexOf(/^training\/(\w+)\//.exec(imported)?.[1] ?? '');
        assert.ok(other <= place, `${file} imports ${imported}`);
      }
    }
  });

  it('what the page takes from core needs neither Node nor a package', () => {
    const taken = files.filter((file) => file.startsWith('web/')).flatMap(internalImportsOf);
    const rules = new Set(taken.filter((file) => file.startsWith('core/')));
    assert.ok(rules.size > 0);
    for (const rule of rules) assert.deepEqual(importsOf(rule), [], rule);
  });

  it('no file imports itself through others, for types neither: each can be read after what it imports', () => {
    const read = new Set<string>();
    const visit = (file: string, path: readonly string[]) => {
      assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(' -> '));
      if (read.has(file)) return;
      for (const imported of internalImportsOf(file)) {
        const found = files.find((name) => name === imported || name === `${imported}.ts`);
        if (found !== undefined) visit(found, [...path, file]);
      }
      read.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it('drivers do not know each other', () => {
    const ports = 'vectors|objects|failure-log|vanished-log|encode';
    for (const file of files) {
      const port = /^core\/(vectors|objects|failure-log|vanished-log)\//.exec(file)?.[1];
      if (port === undefined) continue;
      const driver = /^core\/[\w-]+\/(\w+)\//.exec(file)?.[1];
      for (const imported of internalImportsOf(file)) {
        const other = new RegExp(`^core/(${ports})/(?:(\\w+)/)?`).exec(imported);
        const isOwn = other?.[1] === port && (other[2] === undefined || other[2] === driver || driver === undefined);
        // What all object stores share is no driver: the failures kept in a bucket need it.
        const isShared = other?.[1] === 'objects' && other[2] === undefined;
        assert.ok(other === null || isOwn || isShared, `${file} imports ${imported}`);
      }
    }
  });

  it('the stack imports files that are there: SST alone would say so, and the type check leaves it out', () => {
    for (const file of ['sst.config.ts', ...globSync('infra/*.ts', { cwd: root })]) {
      for (const imported of internalImportsOf(file)) {
        const found = ['', '.ts'].some((ending) => existsSync(join(root, `${imported}${ending}`)));
        assert.ok(found, `${file} imports ${imported}`);
      }
    }
  });

  for (const [name, home] of Object.entries(homes)) {
    it(`${name} is imported where its faults are translated`, () => {
      // Where ONNX Runtime is imported, its telemetry is off, also for benchmarks.
      for (const file of name === 'onnxruntime-node' ? files : product) {
        const vendor = importsOf(file).some((specifier) => specifier === name || specifier.startsWith(`${name}/`));
        if (vendor) assert.match(file, home, `${file} imports ${name}`);
      }
    });
  }

  it('only the composition roots read the environment; a variable of a library is written where it is imported', () => {
    const roots = ['server/environment.ts', 'functions/lambda/composition-root.ts'];
    const reading = /\bprocess\.env\b(?!\.[A-Z_]+ = )/;
    for (const file of product.filter((name) => !roots.includes(name))) {
      assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), reading, `${file} reads process.env`);
    }
  });

  it('has no function over 60 lines of code: Biome counts no comments, and no lines that only close brackets', () => {
    const opens =
      /^(?! *(\} )?(if|for|while|switch|catch|else|do|class)\b)( *).*(\bfunction\b.*|=>.*|\)(: .*)?) ?[{(]+$/;
    for (const file of files.filter((name) => name !== 'web/api.ts')) {
      const lines = readFileSync(join(root, file), 'utf8').split('\n');
      for (const [start, line] of lines.entries()) {
        const indent = opens.exec(line)?.[3];
        if (indent === undefined) continue;
        const end = lines.findIndex((other, at) => at > start && new RegExp(`^${indent}[})]`).test(other));
        const code = lines.slice(start, end + 1).filter((one) => !/^\s*($|\/\/|\/?\*)/.test(one));
        assert.ok(code.length <= 60, `${file}:${start + 1} has ${code.length}`);
      }
    }
  });

  it('has no line over 120 characters, but for rows of tables, and what is generated', () => {
    const code = [...Object.keys(ARROWS), 'test'].map((folder) => `${folder}/**/*.{ts,tsx,css,cjs,html,md}`);
    const others = ['*.{ts,md,yaml}', 'docs/**/*.md', 'models/export/*.py', 'models/README.md', '.ci/run'];
    const long = globSync([...code, ...others], { cwd: root, exclude: ['web/api.ts'] }).flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, i) => (line.length > 120 && !line.trim().startsWith('|') ? [`${file}:${i + 1}`] : [])),
    );
    assert.deepEqual(long, []);
  });

  it('begins docstrings with what it is, and names defaults and errors by tags', () => {
    const prose = /^Of |(^|\. )(Default|Throws)\b|@throws (?!\{)/;
    for (const file of [...files, ...globSync('test/**/*.ts', { cwd: root })]) {
      const docs = readFileSync(join(root, file), 'utf8').matchAll(/\/\*\*([\s\S]*?)\*\//g);
      for (const [, doc] of docs) {
        const text = doc!.replaceAll(/\s*\n\s*\* ?/g, ' ').trim();
        assert.doesNotMatch(text, prose, `${file}: ${text}`);
      }
    }
  });
});
