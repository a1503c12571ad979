import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadEmbedder } from '../../core/encode/embedder.ts';
import { evidence, fitOf, loadCalibration } from '../../core/fit.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { MODELS } from './golden.ts';

/**
 * Whether an answer admits that nothing fits: on 100 plain queries that a sample photo shows, and 100 that none does.
 */

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const QUERIES = fileURLToPath(new URL('../fixtures/fit-queries.json', import.meta.url));
/** Of 100; the head there now has 7. */
const MOST_DOUBTED = 10;
/** Of 100; the head there now has 46. */
const LEAST_DOUBTED = 40;

describe('how well answers fit', () => {
  it('is poor for few queries that a photo shows, and for many that none shows', async (t) => {
    const { shown, absent } = JSON.parse(await readFile(QUERIES, 'utf8')) as Record<string, string[]>;
    assert.deepEqual([shown?.length, absent?.length], [100, 100]);
    const embedder = await loadEmbedder({ modelDirs: [MODELS], profile: 'compact' });
    try {
      const folder = join(MODELS, 'head-compact');
      const calibration = await loadCalibration(folder, 'all-minilm-l6-v2', embedder.dimension);
      assert.ok(calibration !== null);
      const names = (await readdir(PHOTOS)).filter((name) => name.endsWith('.jpg'));
      const photos = await Promise.all(
        names.map(async (name) => (await embedder.embedImage(await readFile(join(PHOTOS, name)))).vector),
      );
      const doubted = async (queries: readonly string[]) => {
        const vectors = await embedder.embedTexts(queries);
        return queries.filter((_, i) => {
          const scored = photos.map((photo) => ({ photo, cosine: dot(vectors[i]!, photo) }));
          const best = scored.reduce((a, b) => (b.cosine > a.cosine ? b : a));
          return fitOf(calibration, evidence(calibration, best.cosine, best.photo), photos.length) === 'poor';
        });
      };
      const [wrongly, rightly] = [await doubted(shown!), await doubted(absent!)];
      t.diagnostic(`doubted: ${wrongly.length} of what is shown, ${rightly.length} of what is not`);
      assert.ok(wrongly.length <= MOST_DOUBTED, wrongly.join(', '));
      assert.ok(rightly.length >= LEAST_DOUBTED, rightly.join(', '));
    } finally {
      await embedder.close();
    }
  });
});
