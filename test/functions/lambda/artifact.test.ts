import assert from 'node:assert/strict';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { glob, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { imageId } from '../../../core/point-ids.ts';
import { bundleFunction } from '../../../scripts/development/lambda/bundle.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { apiSuite } from './artifact-api.ts';
import { ingestSuite } from './artifact-ingest.ts';
import { qdrantSuite } from './artifact-qdrant.ts';
import { builtFunctions, readPhoto } from './built.ts';
import { placed, runBuild, startFunction } from './function.ts';

/**
 * Runs the output of `npm run build:lambda` as Lambda does: in a separate process and folder, with recorded events,
 * against an S3 server and the embedded store.
 */

const skip = process.platform === 'linux' ? false : 'the functions are built for Linux';

const root = join(import.meta.dirname, '../../..');

describe('the built Lambda functions', { skip }, () => {
  const on = builtFunctions();
  const { request } = on;

  describe('as folders', () => {
    it('are within their budget', () => {
      const { budget, functions } = on.build;
      assert.deepEqual(budget, { api: 150e6, ingest: 85e6 });
      for (const name of ['api', 'ingest'] as const) {
        assert.ok(functions[name].total > 50e6 && functions[name].total <= budget[name], `${functions[name].total}`);
      }
    });

    it('are not made when they are over it, or the call makes no sense', async () => {
      const out = tempFolder();
      const fails = (code: number, stderr: RegExp, ...options: string[]) =>
        assert.rejects(runBuild('--arch', process.arch, '--out', out, ...options), { code, stderr });
      await fails(1, /expected api to have at most 60000000 bytes, got 1\d{8}/, '--budget', '60');
      await fails(2, /--arch: expected arm64 or x64, got "mips"/, '--arch', 'mips');
      await fails(2, /expected a profile of models\/manifest.json/, '--profile', 'none');
      await fails(1, /found none: npm run models -- pull seed-int8 brings it/, '--profile', 'seed-int8');
    });

    it('carry native code for one system only', async () => {
      for (const name of ['api', 'ingest']) {
        const natives: string[] = [];
        for await (const file of glob('**/*.{node,so*,dll,dylib}', { cwd: join(on.build.out, name) }))
          natives.push(file);
        // `api` contains libvips compressed where ONNX Runtime is large.
        const packed = natives.filter((file) => file.startsWith('packed/'));
        assert.equal(packed.length, name === 'api' && process.arch === 'x64' ? 1 : 0, `${natives}`);
        assert.equal(natives.length, 4, `${natives}`);
        for (const file of natives.filter((file) => !packed.includes(file)))
          assert.match(file, new RegExp(`linux[-/]${process.arch}`));
      }
    });

    it('carry the models of one profile, the page where it is served, and no source', async () => {
      for (const name of ['api', 'ingest'] as const) {
        const files: string[] = [];
        for await (const file of glob('**', { cwd: join(on.build.out, name), withFileTypes: true })) {
          assert.ok(!file.isSymbolicLink(), file.name);
          if (file.isFile()) files.push(join(file.parentPath, file.name).slice(join(on.build.out, name).length + 1));
        }
        assert.deepEqual(
          files.filter((file) => /\.(ts|map)$/.test(file)),
          [],
        );
        const models = files.filter((file) => file.startsWith('models/'));
        const graphs = models.filter((file) => file.endsWith('.onnx'));
        assert.equal(graphs.length, name === 'api' ? 6 : 2, `${graphs}`);
        // Not the encoders and the head of `compact-float32`.
        const pictures = ['efficientnet-lite2-int8', 'head-compact'];
        assert.deepEqual(
          [...new Set(graphs.map((file) => file.split('/')[1]))].sort(),
          name === 'api' ? ['all-minilm-l6-v2-int8', ...pictures, 'multilingual-e5-small'] : pictures,
        );
        if (name === 'ingest')
          assert.deepEqual(
            models.filter((file) => /text|token|unigram|calibration|words/.test(file)),
            [],
          );
        else assert.ok(models.includes('models/head-compact/caption-words.json'));
        assert.equal(files.includes('page/index.html'), name === 'api');
        // SST writes sst-env.d.ts beside each, and the next `sst diff` would find the code changed.
        assert.ok(!files.includes('package.json'));
      }
    });

    it('have no code for what they never do, and of @xenova/transformers the tokenizer alone', async () => {
      const [api, ingest] = await Promise.all(
        ['api', 'ingest'].map(async (name) => [...(await bundleFunction(root, tempFolder(), name, { packed: false }))]),
      );
      const texts = /^node_modules\/(eld|@huggingface)\/|^core\/query\/|^functions\/http\/|text-(encoder|sides)/;
      assert.deepEqual(
        ingest!.filter((file) => texts.test(file)),
        [],
      );
      assert.ok(ingest!.includes('core/encode/image-embedder.ts'));
      const apart = [...api!, ...ingest!].filter((file) => /^(training|server|scripts)\//.test(file));
      assert.deepEqual(apart, []);
      assert.ok(api!.some((file) => file.startsWith('node_modules/@huggingface/tokenizers/')));
      const copied = await Array.fromAsync(glob('*/node_modules/{*,@*/*}/', { cwd: on.build.out }));
      assert.ok(copied.some((file) => /onnxruntime-node/.test(file)));
      // It is installed as an alias of its successor.
      assert.deepEqual(
        [...api!, ...copied].filter((file) => /@(xenova|huggingface)\/transformers/.test(file)),
        [],
      );
    });

    it('know nothing of the machine they were built on', async () => {
      for await (const file of glob('*/functions/*.mjs', { cwd: on.build.out })) {
        assert.ok(!(await readFile(join(on.build.out, file), 'utf8')).includes(root), file);
      }
    });
  });

  ingestSuite(on);

  it('write lines that Lambda filters by level, with the id of the run, and at the level of Lambda', async () => {
    await using fn = await on.start('api', { AWS_LAMBDA_LOG_LEVEL: 'DEBUG', LOG_LEVEL: 'error' });
    await request({ url: '/search?q=a+cat' }, fn);
    const all = fn
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const [line] = all.filter(({ message }) => message === 'request');
    assert.deepEqual([line.level, line.awsRequestId, line.service], ['INFO', 'request-1', 'sightline']);
    assert.equal(line.query, '?q=a+cat', 'as it is logged at debug');
    assert.ok(Math.abs(Date.parse(line.timestamp) - Date.now()) < 60_000);
    for (const { level, _aws } of all) assert.ok(_aws !== undefined || level === 'INFO' || level === 'DEBUG', level);
    assert.ok(
      all.every(({ message }) => !/startup failed/.test(message ?? '')),
      fn.log(),
    );
    const metrics = all.filter(({ _aws }) => _aws !== undefined);
    assert.equal(metrics.length, 1, 'one line of metrics a run');
    assert.deepEqual([metrics[0].ColdStart, metrics[0].Requests, metrics[0].RequestTime.length], [1, 1, 1]);
    const [{ Namespace, Dimensions, Metrics }] = metrics[0]._aws.CloudWatchMetrics;
    assert.deepEqual([Namespace, Dimensions], ['Sightline', [['service']]]);
    for (const { Name } of Metrics) assert.ok(metrics[0][Name] !== undefined, Name);
  });

  apiSuite(on);

  it(
    'answer words without the decoder and the model for pictures, with secrets that were encrypted as SST ' + 'does it',
    async () => {
      const place = await placed(join(on.build.out, 'api'));
      const key = randomBytes(32);
      // As written by `Runtime.Build` of SST's CLI: AES-256-GCM with an all-zero nonce and the tag at the end.
      const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
      const apiKeys = { type: 'sst.sst.Secret', value: createHash('sha256').update('another key').digest('hex') };
      const links = cipher.update(JSON.stringify({ ApiKeys: apiKeys }));
      await writeFile(join(place.folder, 'resource.enc'), Buffer.concat([links, cipher.final(), cipher.getAuthTag()]));
      const { SST_RESOURCE_ApiKeys: _, ...env } = on.cloud.env;
      const fn = await startFunction(place.folder, 'functions/api.handler', {
        ...env,
        SST_KEY: key.toString('base64'),
        SST_KEY_FILE: 'resource.enc',
      });
      try {
        // Read once and never requested again.
        await rm(join(place.folder, 'resource.enc'));
        assert.equal((await request({ url: '/ready' }, fn)).statusCode, 200);
        assert.equal((await request({ url: '/search?q=a+cat' }, fn)).statusCode, 200);
        const url = `/images/${imageId('pictures', 'never-there.jpg')}`;
        const remove = (apiKey: string) => request({ method: 'DELETE', url, headers: { 'x-api-key': apiKey } }, fn);
        assert.deepEqual(
          [(await remove(on.cloud.apiKey)).statusCode, (await remove('another key')).statusCode],
          [401, 404],
        );

        // Decoder and image model load concurrently.
        const libraries = () => readFile(`/proc/${fn.pid}/maps`, 'utf8');
        assert.match(await libraries(), /onnxruntime/);
        assert.doesNotMatch(await libraries(), /libvips/);
        const body = Buffer.from(
          JSON.stringify({ terms: [{ image: (await readPhoto('cat.jpg')).toString('base64') }] }),
        );
        const headers = { 'content-type': 'application/json' };
        assert.equal((await request({ method: 'POST', url: '/search', body, headers }, fn)).statusCode, 200);
        assert.match(await libraries(), /libvips/);
      } finally {
        await fn.kill();
        await place.remove();
      }
    },
  );

  qdrantSuite(on);

  it('left nothing at home, as the telemetry of onnxruntime would', async () => {
    assert.deepEqual(await readdir(on.home), []);
  });
});
