import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fingerprintImageEncoder, fingerprintTextEncoder } from '../../../core/encode/encoder-fingerprints.ts';
import { loadHeadFile } from '../../../core/encode/head-file.ts';
import { loadImageModel } from '../../../core/encode/image-model.ts';
import { loadManifest, type Manifest, parseManifest, profileOf } from '../../../core/encode/manifest.ts';
import type { ModelFile, TextEncoderEntry } from '../../../core/encode/manifest-encoder.ts';
import { findFolder, verifyFile } from '../../../core/encode/model-files.ts';
import { loadTextEncoder } from '../../../core/encode/text-encoder.ts';
import { isSightlineError, type SightlineError } from '../../../core/errors.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { weightsInside } from '../../support/weights-inside.ts';
import { copyModels, MODELS } from './fixtures.ts';

const manifest = await loadManifest([MODELS]);

/** Matches a `model-mismatch` whose message contains all of these. */
const mismatch =
  (...parts: string[]) =>
  (error: SightlineError) => {
    assert.ok(isSightlineError(error, 'model-mismatch'), String(error));
    for (const part of parts) assert.ok(error.message.includes(part), `${part} is not in: ${error.message}`);
    return true;
  };

/** A manifest without types, so that any value can be put anywhere. */
interface LooseManifest extends Omit<Manifest, 'encoders'> {
  encoders: Record<
    string,
    { folder: string; bundled: boolean; files: { model: ModelFile }; dimension?: number; pooling?: string }
  >;
}

/** The repository's manifest, modified in a way that parsing must detect. */
function changed(change: (copy: LooseManifest) => void): Manifest {
  const copy = structuredClone(manifest) as LooseManifest;
  change(copy);
  return copy as Manifest;
}

describe('the manifest', () => {
  it('describes its profiles fully', () => {
    const compact = profileOf(manifest, 'compact');
    assert.equal(manifest.defaultProfile, 'compact');
    assert.deepEqual([compact.text.name, compact.image.name], ['all-minilm-l6-v2-int8', 'efficientnet-lite2-int8']);
    assert.deepEqual([compact.text.dimension, compact.text.pooling, compact.text.maxTokens], [384, 'mean', 256]);
    const seed = profileOf(manifest, 'seed');
    assert.deepEqual([seed.text.dimension, seed.text.pooling, seed.text.maxTokens], [768, 'cls', 512]);
    assert.equal(seed.image.outputs.logits, 1001);
    assert.equal(seed.text.prefix[seed.text.prefix.used], '');
    assert.equal(seed.text.prefix.query, 'Represent this sentence for searching relevant passages: ');
  });

  it('lets the default models take over the indexes of the ones before', async () => {
    const before = await loadHeadFile(join(MODELS, profileOf(manifest, 'compact-float32').head!));
    const { replaces } = manifest.profiles.compact!;
    for (const space of [before.space, ...before.sameAs]) assert.ok(replaces.includes(space), space);
  });

  it('keeps the second text encoder within 50 MB', () => {
    const { model, weights, tokenizer } = (manifest.encoders['multilingual-e5-small'] as TextEncoderEntry).files;
    const bytes = [model, weights!, tokenizer].reduce((sum, file) => sum + file.bytes!, 0);
    assert.ok(bytes > 40e6 && bytes <= 50e6, `${bytes}`);
  });

  it('agrees with every file of the bundled encoders', async () => {
    let files = 0;
    for (const encoder of Object.values(manifest.encoders).filter(({ bundled }) => bundled)) {
      const { others, ...named } = encoder.files;
      for (const file of [...Object.values(named), ...others]) {
        assert.equal(await verifyFile(join(MODELS, encoder.folder), file), file.sha256);
        files++;
      }
    }
    assert.equal(files, 19);
  });

  it('agrees with what the bundled models are made of, which is not looked at when they are served', async () => {
    const { text, image } = profileOf(manifest, 'compact');
    const multilingual = manifest.encoders['multilingual-e5-small'] as TextEncoderEntry;
    for (const entry of [text, { ...multilingual, name: 'multilingual-e5-small' }]) {
      await (await loadTextEncoder([MODELS], { ...entry, bundled: false }, { threads: 1 })).close();
    }
    await (await loadImageModel([MODELS], { ...image, bundled: false }, { threads: 1 })).close();
    const other = loadTextEncoder([MODELS], { ...text, bundled: false, opset: 16 });
    await assert.rejects(other, mismatch('model.onnx: expected opset 16, as the manifest says, got 18'));
  });

  it('knows models with weights beside them by the one file that has the same bytes', () => {
    const beside = Object.values(manifest.encoders).filter((one) => one.kind === 'text' && one.files.weights);
    assert.equal(beside.length, 2);
    for (const encoder of beside as TextEncoderEntry[]) {
      const whole = weightsInside(join(MODELS, encoder.folder), encoder);
      assert.equal(createHash('sha256').update(whole).digest('hex'), encoder.files.model.sameAs);
    }
  });

  const faults: [string, Manifest, string][] = [
    [
      'a folder that leads out',
      changed((m) => (m.encoders['efficientnet-lite2-int8']!.folder = '../elsewhere')),
      'folder',
    ],
    [
      'a file that leads out',
      changed((m) => (m.encoders['efficientnet-lite2-int8']!.files.model.path = 'a/../../b')),
      'path',
    ],
    [
      'a bundled file without a hash',
      changed((m) => (m.encoders['all-minilm-l6-v2-int8']!.files.model.sha256 = null)),
      'model.onnx',
    ],
    [
      'weights beside a model that is not bundled',
      changed((m) => (m.encoders['all-minilm-l6-v2-int8']!.bundled = false)),
      'expected weights inside the model',
    ],
    ['a profile of an unknown encoder', changed((m) => (m.profiles.compact!.text = 'nobody')), 'nobody'],
    [
      'a profile with its encoders swapped',
      changed((m) => (m.profiles.compact!.text = 'efficientnet-lite2-int8')),
      'text encoder',
    ],
    ['an unknown default', changed((m) => (m.defaultProfile = 'large')), 'large'],
    ['an unknown field', { ...manifest, colour: 'red' } as Manifest, 'colour'],
    [
      'a profile without a head whose encoders share no space',
      changed((m) => (m.profiles.bge!.head = null)),
      'profile bge without a head: expected two encoders of one sharedSpace, got none and none',
    ],
    [
      'a profile without a head of two different spaces',
      changed((m) => (m.profiles.clip!.image = 'mobileclip-s0-image')),
      'got openai/clip-vit-base-patch32 and apple/MobileCLIP-S0',
    ],
    [
      'a profile without a head whose encoders have different dimensions',
      changed((m) => (m.encoders['clip-vit-base-patch32-text']!.dimension = 384)),
      'texts and pictures of one dimension, got 384 and 512',
    ],
    [
      'a mean over padding',
      changed((m) => (m.encoders['mobileclip-s0-text']!.pooling = 'mean')),
      'padding to a fixed length, got mean',
    ],
  ];
  for (const [what, broken, part] of faults) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseManifest(broken), mismatch(part));
    });
  }

  it('names the profiles there are when asked for another', () => {
    assert.throws(() => profileOf(manifest, 'large'), /compact, compact-float32, mobilenet, seed.*siglip.*large/);
    assert.throws(() => profileOf(manifest, 'constructor'), /constructor/);
  });

  it('says so when it is missing or no JSON', async () => {
    const folder = tempFolder();
    await assert.rejects(loadManifest([folder]), mismatch('manifest.json', folder));
    writeFileSync(join(folder, 'manifest.json'), '{ "format": 1');
    await assert.rejects(loadManifest([folder, MODELS]), mismatch('expected JSON'));
  });

  it('is looked up in the folders in order, as the encoders are', async () => {
    const folder = tempFolder();
    assert.deepEqual(await loadManifest([folder, MODELS]), manifest);
    assert.equal(
      await findFolder([folder, MODELS], 'efficientnet-lite2-int8'),
      join(MODELS, 'efficientnet-lite2-int8'),
    );
    await assert.rejects(findFolder([folder], 'efficientnet-lite2-int8'), mismatch('efficientnet-lite2-int8', folder));
  });
});

describe('model files', () => {
  const image = profileOf(manifest, 'compact').image;

  it('are refused when missing, truncated or altered', async () => {
    const dir = copyModels(tempFolder(), ['efficientnet-lite2-int8']);
    const path = join(dir, 'efficientnet-lite2-int8', 'model.onnx');
    const { bytes, sha256 } = image.files.model;
    await fingerprintImageEncoder([dir], image);

    const file = await open(path, 'r+');
    await file.write(Buffer.from([0x55]), 0, 1, 6_000_000);
    await file.close();
    await assert.rejects(fingerprintImageEncoder([dir], image), mismatch(path, sha256!));

    truncateSync(path, 1_000_000);
    await assert.rejects(fingerprintImageEncoder([dir], image), mismatch(path, String(bytes), '1000000'));

    rmSync(path);
    await assert.rejects(fingerprintImageEncoder([dir], image), mismatch(path, 'ENOENT'));
  });

  it('are refused when they are no models, or models of other tensors', async () => {
    const dir = copyModels(tempFolder(), ['efficientnet-lite2-int8']);
    const path = join(dir, 'efficientnet-lite2-int8', 'model.onnx');
    const fewer = { ...image, outputs: { logits: 1001 } };
    await assert.rejects(loadImageModel([dir], fewer), mismatch(path, '[any, 1001]', '1000'));
    const other = { ...image, outputs: { pooled: 1280 } };
    await assert.rejects(loadImageModel([dir], other), mismatch(path, 'pooled', 'features, logits'));
    const renamed = { ...image, tensors: { ...image.tensors, pixels: 'pixels' } };
    await assert.rejects(loadImageModel([dir], renamed), mismatch(path, 'inputs pixels', 'pixel_values'));
    const smaller = { ...image, preprocessing: { crop: 224 } };
    await assert.rejects(loadImageModel([dir], smaller), mismatch(path, '224', '260'));
    writeFileSync(path, 'not a model');
    await assert.rejects(loadImageModel([dir], image), mismatch(path, 'ONNX model'));
  });

  it('with weights beside them are known by the file that had both, and refused when these are altered', async () => {
    const { text } = profileOf(manifest, 'compact');
    const { model, weights } = text.files;
    const dir = copyModels(tempFolder(), ['all-minilm-l6-v2-int8']);
    assert.equal((await fingerprintTextEncoder([dir], text)).model, model.sameAs);
    const { sameAs: _, ...own } = model;
    const unnamed = await fingerprintTextEncoder([dir], { ...text, files: { ...text.files, model: own } });
    assert.equal(unnamed.model, `${model.sha256} ${weights!.sha256}`);

    const path = join(dir, 'all-minilm-l6-v2-int8', weights!.path);
    const file = await open(path, 'r+');
    await file.write(Buffer.from([0x55]), 0, 1, 6_000_000);
    await file.close();
    await assert.rejects(fingerprintTextEncoder([dir], text), mismatch(path, weights!.sha256!));
  });

  it('may be unpinned when they are not bundled, and then their real hash counts', async () => {
    const { files, ...entry } = profileOf(manifest, 'compact-float32').text;
    const unpinned = {
      ...entry,
      bundled: false,
      files: { ...files, model: { path: 'model.onnx', bytes: null, sha256: null } },
    };
    const loose = await loadTextEncoder([MODELS], unpinned);
    const pinned = await loadTextEncoder([MODELS], { ...entry, files });
    assert.deepEqual(loose.fingerprint, pinned.fingerprint);
    assert.equal(loose.fingerprint.model, files.model.sha256);
    await Promise.all([loose.close(), pinned.close()]);
  });

  it('of a text encoder are checked like those of an image encoder', async () => {
    const { text } = profileOf(manifest, 'compact-float32');
    await assert.rejects(loadTextEncoder([MODELS], { ...text, dimension: 768 }), mismatch('[any, any, 768]', '384'));
    const noTypes = { ...text, tensors: { ...text.tensors, tokenTypeIds: null } };
    await assert.rejects(loadTextEncoder([MODELS], noTypes), mismatch('attention_mask, input_ids, got'));
  });
});
