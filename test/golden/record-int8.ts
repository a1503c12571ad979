// npx node test/golden/record-int8.ts
// Records the outputs of the bundled int8 encoders on this machine. Run it when their files change
// (models/export/int8.py).
import { writeFileSync } from 'node:fs';
import { loadImageModel, preprocessingOf } from '../../core/encode/image-model.ts';
import { loadManifest, profileOf } from '../../core/encode/manifest.ts';
import { loadTextEncoder } from '../../core/encode/text-encoder.ts';
import { cosine } from '../support/cosine.ts';
import { goldenPath, MODELS, readJson, readRows } from './golden.ts';
import { naivePreprocess } from './naive-resize.ts';
import { uprightPixels } from './photos.ts';

const profile = profileOf(await loadManifest([MODELS]), 'compact');

function write(folder: string, file: string, rows: readonly Float32Array[], originals?: readonly Float32Array[]): void {
  writeFileSync(goldenPath(folder, file), Buffer.concat(rows.map((row) => new Uint8Array(row.buffer))));
  if (originals === undefined) return;
  const cosines = rows.map((row, i) => cosine(row, originals[i]!)).filter(Number.isFinite);
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  console.log(`${folder}/${file}: cosine to float32 ${mean.toFixed(4)}, at worst ${Math.min(...cosines).toFixed(4)}`);
}

const { items: pictures } = readJson<{ items: { image: string }[] }>('efficientnet_lite2', 'index.json');
const preprocessing = await preprocessingOf([MODELS], { ...profile.image, preprocessing: undefined });
const image = await loadImageModel([MODELS], profile.image);
const outputs: Record<string, Float32Array>[] = [];
for (const { image: name } of pictures) {
  // CMYK is not pixels yet: nothing is recorded for that picture.
  const pixels = name === 'cmyk.jpg' ? null : naivePreprocess(await uprightPixels(name), preprocessing);
  outputs.push(pixels === null ? {} : structuredClone(await image.encode(pixels)));
}
await image.close();
for (const [output, { length: size }] of Object.entries(outputs[0]!)) {
  const rows = outputs.map((all) => all[output] ?? new Float32Array(size));
  const originals = output === 'features' ? readRows(size, 'efficientnet_lite2', 'features-fp32.f32') : undefined;
  write('efficientnet_lite2', `${output}-int8.f32`, rows, originals);
}

const { items: texts } = readJson<{ items: { text: string }[] }>('text', 'index.json');
const text = await loadTextEncoder([MODELS], profile.text);
const vectors: Float32Array[] = [];
for (const { text: one } of texts) vectors.push((await text.encode([one]))[0]!.slice(0, profile.text.dimension));
await text.close();
write('text', 'embeddings-int8.f32', vectors, readRows(384, 'text', 'embeddings-fp32.f32'));
