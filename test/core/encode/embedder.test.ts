import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import { type Encoders, loadEncoders } from '../../../core/encode/encoder-pair.ts';
import { loadHead } from '../../../core/encode/head.ts';
import { HEAD_FILE, IMAGE_SIDE_MODEL, loadHeadFile, textSideModel } from '../../../core/encode/head-file.ts';
import { type EmbedderOptions, loadImageEmbedder } from '../../../core/encode/image-embedder.ts';
import { fingerprintKey, pairSpaceId, spaceId } from '../../../core/encode/space-id.ts';
import { isSightlineError, type SightlineError } from '../../../core/errors.ts';
import { METADATA_VERSION } from '../../../core/metadata/embedded.ts';
import { NOTHING_KNOWN } from '../../../core/picture-fields.ts';
import type { Embedder } from '../../../core/ports.ts';
import { canonicalJson } from '../../../core/util/canonical-json.ts';
import { dot, norm } from '../../../core/util/vector-arithmetic.ts';
import { writeTextSide } from '../../../training/trainer/write-head.ts';
import { MODEL_DIRS, maxDifference, missingModel, readGolden } from '../../golden/golden.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { copyModels, MODELS, noise, randomSide, writeHead, writeOldHead } from './fixtures.ts';

const photo = readGolden('mobilenet_v2', 'images', '1000268201_693b08cb0e.jpg');
const folder = tempFolder();
let encoders: Encoders;
let head: string;

before(async () => {
  encoders = await loadEncoders({ modelDirs: [MODELS], profile: 'compact' });
  head = writeHead(join(folder, 'head'), encoders);
});
after(() => encoders.close());

const load = (options: Partial<EmbedderOptions> = {}) =>
  loadEmbedder({ modelDirs: [MODELS], profile: 'compact', head, ...options });

const mismatch =
  (...parts: (string | RegExp)[]) =>
  (error: SightlineError) => {
    assert.ok(isSightlineError(error, 'model-mismatch'), String(error));
    for (const part of parts) assert.match(error.message, typeof part === 'string' ? new RegExp(part) : part);
    return true;
  };

describe('the embedder', () => {
  let embedder: Embedder;
  before(async () => {
    embedder = await load();
  });
  after(() => embedder.close());

  it('makes unit vectors of texts, each on its own, in order', async () => {
    assert.equal(embedder.dimension, 64);
    const texts = ['a dog', 'two children in the snow', 'a dog', ''];
    const together = await embedder.embedTexts(texts);
    const fresh = await load();
    for (const [i, text] of texts.entries()) {
      assert.ok(Math.abs(norm(together[i]!) - 1) < 1e-5);
      assert.ok(maxDifference(together[i]!, (await fresh.embedTexts([text]))[0]!) < 1e-5, text);
    }
    assert.deepEqual(await embedder.embedTexts([]), []);
    await fresh.close();
  });

  it('gives every caller a vector of its own, also of a remembered text', async () => {
    const [first] = await embedder.embedTexts(['a remembered cat']);
    const copy = first!.slice();
    first!.fill(0);
    const [second, third] = await embedder.embedTexts(['a remembered cat', 'a remembered cat']);
    assert.deepEqual(second!.slice(), copy);
    second!.fill(0);
    assert.deepEqual(third!.slice(), copy);
  });

  it('makes of a picture what the parts make of it', async () => {
    const { vector, classes, picture } = await embedder.embedImage(photo);
    assert.match(classes!, /^\d+:\d+/);
    assert.match(picture.perceptualHash!, /^[0-9a-f]{32}$/);
    assert.deepEqual(picture, {
      contentType: 'image/jpeg',
      width: 375,
      height: 500,
      ...NOTHING_KNOWN,
      perceptualHash: picture.perceptualHash,
      colours: picture.colours,
      metadataVersion: METADATA_VERSION,
    });
    assert.deepEqual(await embedder.describeImage(photo), picture);
    const { outputs } = await encoders.image.encode(photo);
    const matrix = noise(1000 * 64, 2);
    const expected = Float32Array.from({ length: 64 }, (_, d) =>
      outputs.logits!.reduce((sum, logit, i) => sum + logit * matrix[i * 64 + d]!, 0),
    );
    assert.ok(Math.abs(norm(vector) - 1) < 1e-5);
    assert.ok(dot(vector, expected) / norm(expected) > 0.99999);
  });

  it('refuses bytes that are no picture, and goes on', async () => {
    await assert.rejects(embedder.embedImage(Buffer.from('hello')), {
      code: 'unreadable-image',
      details: { reason: 'not-an-image' },
    });
    const small = await load({ limits: { maxBytes: 100, maxPixels: 1e6 } });
    await assert.rejects(small.embedImage(photo), { code: 'too-large' });
    await small.close();
    assert.equal((await embedder.embedImage(photo)).vector.length, 64);
  });

  it('takes several pictures at once', async () => {
    const [one] = await Promise.all([embedder.embedImage(photo), embedder.embedImage(photo)]);
    const many = await Promise.all(Array.from({ length: 6 }, () => embedder.embedImage(photo)));
    for (const { vector } of many) assert.ok(maxDifference(vector, one.vector) < 1e-6);
  });
});

describe('a process with a model', () => {
  it('leaves nothing at home, as the telemetry of onnxruntime would', async () => {
    const { CI: _ci, ORT_DISABLE_TELEMETRY: _off, ...env } = process.env;
    const home = tempFolder();
    const loader = new URL('../../../core/onnx/onnx-session.ts', import.meta.url);
    const script = `const { loadOnnx } = await import('${loader}'); await (await loadOnnx(process.argv[1])).release()`;
    const model = join(MODELS, 'head-compact', IMAGE_SIDE_MODEL);
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, model], {
      env: { ...env, HOME: home },
    });
    assert.deepEqual(readdirSync(home), []);
  });
});

describe('the image model', () => {
  it('is neither needed nor loaded for texts, but its file is checked', async () => {
    const program = `
      import { loadEmbedder } from ${JSON.stringify(new URL('../../../core/encode/embedder.ts', import.meta.url).href)};
      const embedder = await loadEmbedder(${JSON.stringify({ modelDirs: [MODELS], profile: 'compact', head })});
      await embedder.embedTexts(['a dog']);
      const sharp = () => process.report.getReport().sharedObjects.some((path) => /sharp|vips/.test(path));
      const before = sharp();
      await embedder.embedImage(Buffer.from('x')).catch(() => {});
      console.log(JSON.stringify([before, sharp()]));`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      program,
    ]);
    assert.deepEqual(JSON.parse(stdout), [false, true]);
  });

  it('that fails to load is tried again, and loads once for all who wait', async () => {
    const dir = copyModels(tempFolder(), ['efficientnet-lite2-int8', 'all-minilm-l6-v2-int8']);
    const embedder = await load({ modelDirs: [dir] });
    const path = join(dir, 'efficientnet-lite2-int8', 'model.onnx');
    renameSync(path, `${path}.away`);
    const failures = await Promise.allSettled([embedder.embedImage(photo), embedder.embedImage(photo)]);
    for (const failure of failures)
      assert.ok(failure.status === 'rejected' && isSightlineError(failure.reason, 'model-mismatch'));
    // Both waited for the same load, so they share its error.
    assert.equal((failures[0] as PromiseRejectedResult).reason, (failures[1] as PromiseRejectedResult).reason);
    renameSync(`${path}.away`, path);
    assert.equal((await embedder.embedImage(photo)).vector.length, 64);
    await embedder.close();
  });
});

describe('a text encoder that is to come later', () => {
  it('is not loaded for pictures, and makes the same vectors in the same space', async () => {
    const dir = copyModels(tempFolder(), ['efficientnet-lite2-int8', 'all-minilm-l6-v2-int8']);
    const [now, later] = [await load({ modelDirs: [dir] }), await load({ modelDirs: [dir], texts: 'later' })];
    assert.equal(later.space, now.space);
    const path = join(dir, 'all-minilm-l6-v2-int8', 'tokenizer.json');
    renameSync(path, `${path}.away`);
    assert.deepEqual((await later.embedImage(photo)).vector, (await now.embedImage(photo)).vector);
    await assert.rejects(later.embedTexts(['a dog']), mismatch('tokenizer.json'));
    renameSync(`${path}.away`, path);
    assert.deepEqual(await later.embedTexts(['a dog']), await now.embedTexts(['a dog']));
    await Promise.all([now.close(), later.close()]);
  });

  it('has its files checked all the same', async () => {
    const dir = copyModels(tempFolder(), ['efficientnet-lite2-int8', 'all-minilm-l6-v2-int8']);
    appendFileSync(join(dir, 'all-minilm-l6-v2-int8', 'tokenizer.json'), ' ');
    await assert.rejects(load({ modelDirs: [dir], texts: 'later' }), mismatch('tokenizer.json'));
  });
});

describe('the image side alone', () => {
  it('makes the same of a picture as the whole, in the same space, without a file of a text encoder', async () => {
    const modelDirs = [copyModels(tempFolder(), ['efficientnet-lite2-int8', 'head-compact'])];
    rmSync(join(modelDirs[0]!, 'head-compact', textSideModel('all-minilm-l6-v2-int8')));
    const alone = await loadImageEmbedder({ modelDirs });
    const whole = await loadEmbedder({ modelDirs: [MODELS] });
    assert.deepEqual([alone.space, alone.sameAs, alone.dimension], [whole.space, whole.sameAs, whole.dimension]);
    assert.deepEqual(await alone.embedImage(photo), await whole.embedImage(photo));
    assert.deepEqual(await alone.describeImage(photo), await whole.describeImage(photo));
    await Promise.all([alone.close(), whole.close()]);
  });

  it('knows a space that is named by its text encoder, too, if the files of that are there', async () => {
    const old = writeOldHead(join(tempFolder(), 'head'), encoders);
    const options = { modelDirs: [MODELS], profile: 'compact', head: old };
    const [alone, whole] = [await loadImageEmbedder(options), await loadEmbedder(options)];
    assert.equal(alone.space, whole.space);
    await Promise.all([alone.close(), whole.close()]);
    const without = [copyModels(tempFolder(), ['efficientnet-lite2-int8'])];
    await assert.rejects(loadImageEmbedder({ ...options, modelDirs: without }), mismatch('all-minilm-l6-v2-int8'));
  });

  it('is refused under a head for another image encoder, or for another space', async () => {
    const { image: own } = await loadHeadFile(head);
    const changed = (changes: Record<string, unknown>) => ({
      modelDirs: [MODELS],
      head: writeHead(join(tempFolder(), 'head'), encoders, { changes }),
    });
    const image = { ...own, inputs: ['pooled'] };
    await assert.rejects(loadImageEmbedder(changed({ image })), mismatch('pooled', 'features, logits'));
    const space = '0123456789abcdef';
    await assert.rejects(loadImageEmbedder(changed({ space })), mismatch(space));
  });
});

describe('a head', () => {
  const changedHead = (changes: Parameters<typeof writeHead>[2]) =>
    writeHead(join(tempFolder(), 'head'), encoders, changes);

  it('may take several outputs of the image encoder', async () => {
    const both = await load({ head: changedHead({ inputs: ['features', 'logits'] }) });
    assert.ok(Math.abs(norm((await both.embedImage(photo)).vector) - 1) < 1e-5);
    assert.ok(Math.abs(norm((await both.embedTexts(['a dog']))[0]!) - 1) < 1e-5);
    await both.close();
  });

  it('embeds no picture by another head that was put in its place while it was in use', async () => {
    const place = changedHead({});
    const loaded = await load({ head: place });
    const other = readFileSync(join(place, IMAGE_SIDE_MODEL));
    other[other.length >> 1]! ^= 1;
    writeFileSync(join(place, IMAGE_SIDE_MODEL), other);
    await assert.rejects(loaded.embedImage(photo), mismatch(IMAGE_SIDE_MODEL));
    await loaded.close();
  });

  it('projects many rows as it projects one', async () => {
    const loaded = await loadHead(head, encoders);
    const vectors = [1, 2, 3].map((seed) => noise(encoders.text.dimension, seed));
    const together = await loaded.projectTexts(vectors);
    for (const [i, vector] of vectors.entries()) {
      assert.ok(maxDifference(together[i]!, (await loaded.projectTexts([vector]))[0]!) < 1e-6);
    }
    assert.deepEqual(await loaded.projectImages([]), []);
    await loaded.close();
  });

  it('is looked up under the profile when none is named', async () => {
    const dir = tempFolder();
    cpSync(head, join(dir, 'head-compact'), { recursive: true });
    const found = await load({ head: undefined, modelDirs: [dir, MODELS] });
    const named = await load();
    assert.equal(found.space, named.space);
    await Promise.all([found.close(), named.close()]);
    const missing = tempFolder();
    copyModels(missing, ['all-minilm-l6-v2-int8', 'efficientnet-lite2-int8']);
    await assert.rejects(load({ head: undefined, modelDirs: [missing] }), mismatch('head-compact'));
  });

  it('of the old form loads, and gets a text side without a bit of a picture changing', async () => {
    const old = writeOldHead(join(tempFolder(), 'head'), encoders, { inputs: ['features', 'logits'] });
    const before = await load({ head: old });
    const [picture, [dog]] = [await before.embedImage(photo), await before.embedTexts(['a dog'])];
    await before.close();
    const graph = randomSide('text', { text: 384 });
    const side = { encoder: 'other', dimension: 384, encoderKey: '0123456789abcdef', languages: ['de'] };
    const written = await writeTextSide(old, { ...side, training: {}, graph }, encoders.image.fingerprint);
    assert.deepEqual(written.sameAs, [before.space]);
    assert.deepEqual(
      written.texts.map(({ encoder, onnx }) => [encoder, onnx.path]),
      [
        ['all-minilm-l6-v2-int8', 'head.onnx'],
        ['other', 'text-other.onnx'],
      ],
    );
    const after = await load({ head: old });
    assert.equal(after.space, written.space);
    assert.notEqual(after.space, before.space);
    assert.deepEqual((await after.embedImage(photo)).vector, picture.vector);
    assert.deepEqual((await after.embedTexts(['a dog']))[0], dog);
    await after.close();
    const again = await writeTextSide(
      old,
      { ...side, languages: ['fr'], training: {}, graph },
      encoders.image.fingerprint,
    );
    assert.deepEqual(
      [again.space, again.sameAs, again.texts.map(({ languages }) => languages)],
      [written.space, [before.space], [['en'], ['fr']]],
    );
  });

  it('is refused when it is for other encoders', async () => {
    const { texts, image: own } = await loadHeadFile(head);
    const change = (side: object) => ({ changes: { texts: [{ ...texts[0]!, ...side }] } });
    await assert.rejects(
      load({ head: changedHead(change({ encoder: 'snowflake-arctic-embed-m', dimension: 768 })) }),
      mismatch('snowflake-arctic-embed-m', 'all-minilm-l6-v2-int8'),
    );
    await assert.rejects(
      load({ head: changedHead(change({ encoderKey: '0123456789abcdef' })) }),
      mismatch('0123456789abcdef', encoders.text.key),
    );
    const image = { ...own, inputs: ['pooled'] };
    await assert.rejects(
      load({ head: changedHead({ changes: { image } }) }),
      mismatch('pooled', 'features, logits, stage6_corners'),
    );
  });

  it('is refused when it was made for another space', async () => {
    const space = '0123456789abcdef';
    await assert.rejects(load({ head: changedHead({ changes: { space } }) }), mismatch(space));
    const dir = tempFolder();
    copyModels(dir, ['all-minilm-l6-v2-int8', 'efficientnet-lite2-int8']);
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
    manifest.encoders['efficientnet-lite2-int8'].preprocessing.resize.mode = 'shortest-edge';
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
    await assert.rejects(load({ modelDirs: [dir] }), mismatch('space'));
  });

  it('is refused when a file is missing, altered or does not say what it holds', async () => {
    const other = changedHead({});
    const text = textSideModel('all-minilm-l6-v2-int8');
    for (const [path, graph] of [
      [text, randomSide('text', { text: encoders.text.dimension }, 32)],
      [IMAGE_SIDE_MODEL, randomSide('image', { logits: 1000 }, 32)],
    ] as const) {
      writeFileSync(join(other, path), graph);
      await assert.rejects(load({ head: other }), mismatch(path, 'bytes'));
      rmSync(join(other, path));
      await assert.rejects(load({ head: other }), mismatch(path, 'ENOENT'));
    }
    rmSync(join(other, HEAD_FILE));
    await assert.rejects(load({ head: other }), mismatch(`cannot read ${join(other, HEAD_FILE)}: it does not exist`));
    writeFileSync(join(other, HEAD_FILE), '{"format": 3}');
    await assert.rejects(load({ head: other }), mismatch(HEAD_FILE, 'format', 'dimension'));
    await assert.rejects(load({ head: changedHead({ changes: { dimension: 128 } }) }), mismatch('128', '64'));
  });
});

describe('the space id', () => {
  const parts = () => ({
    image: encoders.image.fingerprint,
    head: { sha256: 'a'.repeat(64), dimension: 64 },
  });

  it('changes with everything that changes the vector of a picture', () => {
    const base = spaceId(parts());
    assert.match(base, /^[0-9a-f]{16}$/);
    const { image, head: weights } = parts();
    const others = [
      ...Object.keys(image).map((field) => spaceId({ ...parts(), image: { ...image, [field]: 'changed' } })),
      spaceId({ ...parts(), head: { ...weights, sha256: 'b'.repeat(64) } }),
      spaceId({ ...parts(), head: { ...weights, dimension: 32 } }),
    ];
    assert.equal(new Set([base, ...others]).size, others.length + 1);
    assert.deepEqual(
      ['model', 'preprocessing'].filter((field) => !(field in image)),
      [],
    );
  });

  it('of a pair changes with everything that changes a vector', () => {
    const pair = { ...parts(), text: encoders.text.fingerprint };
    const others = Object.keys(pair.text).map((field) =>
      pairSpaceId({ ...pair, text: { ...pair.text, [field]: 'changed' } }),
    );
    assert.equal(new Set([pairSpaceId(pair), spaceId(pair), ...others]).size, others.length + 2);
    const named = ['maxTokens', 'model', 'normalise', 'pooling', 'prefix', 'tokenizer'];
    assert.deepEqual(
      named.filter((field) => !(field in pair.text)),
      [],
    );
  });

  it('does not depend on the order in which facts are written down', () => {
    assert.equal(canonicalJson({ b: [1, { d: 2, c: null }], a: 'x' }), '{"a":"x","b":[1,{"c":null,"d":2}]}');
    assert.equal(fingerprintKey({ a: 1, b: { c: 2, d: 3 } }), fingerprintKey({ b: { d: 3, c: 2 }, a: 1 }));
    assert.notEqual(fingerprintKey({ a: [1, 2] }), fingerprintKey({ a: [2, 1] }));
  });
});

describe('another pair of encoders', { skip: missingModel('mobilenet_v2_1.0_224') }, () => {
  it('runs through the same code', async () => {
    const dir = tempFolder();
    const manifest = JSON.parse(readFileSync(join(MODELS, 'manifest.json'), 'utf8'));
    manifest.profiles.mixed = { text: 'all-minilm-l6-v2-int8', image: 'mobilenet_v2_1.0_224', head: 'head-mixed' };
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
    const mixed = await loadEncoders({ modelDirs: [dir, ...MODEL_DIRS], profile: 'mixed' });
    const embedder = await loadEmbedder({
      modelDirs: [dir, ...MODEL_DIRS],
      profile: 'mixed',
      head: writeHead(join(dir, 'head-mixed'), mixed),
    });
    assert.ok(Math.abs(norm((await embedder.embedImage(photo)).vector) - 1) < 1e-5);
    assert.notEqual(mixed.image.key, encoders.image.key);
    assert.equal(mixed.text.key, encoders.text.key);
    await Promise.all([mixed.close(), embedder.close()]);
  });
});
