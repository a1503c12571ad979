import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadEmbedder } from '../../core/encode/embedder.ts';
import { bestFit, fitOfHits, loadCalibration } from '../../core/fit.ts';
import type { FoundHit } from '../../core/fusion.ts';
import { ANY_LANGUAGE, type VectorStore } from '../../core/ports.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { image } from '../contract/vectors-data.ts';
import { MODELS } from './golden.ts';

/**
 * Whether an answer admits that nothing fits: on 100 plain queries that a sample photo shows, and 100 that none does.
 */

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const QUERIES = fileURLToPath(new URL('../fixtures/fit-queries.json', import.meta.url));
/** Of 100; the head there now has 7. */
const MOST_DOUBTED = 10;
/** Of 100; the head there now has 70. */
const LEAST_DOUBTED = 66;

describe('how well answers fit', () => {
  it('is poor for few queries that a photo shows, and for many that none shows', async (t) => {
    const { shown, absent } = JSON.parse(await readFile(QUERIES, 'utf8')) as Record<string, string[]>;
    assert.deepEqual([shown?.length, absent?.length], [100, 100]);
    const embedder = await loadEmbedder({ modelDirs: [MODELS], profile: 'compact' });
    try {
      const folder = join(MODELS, 'head-compact');
      const calibration = await loadCalibration(folder, 'all-minilm-l6-v2-int8', embedder.dimension);
      assert.ok(calibration !== null);
      const vectors = new Map<string, JointEmbedding>();
      const hits: FoundHit[] = [];
      for (const id of (await readdir(PHOTOS)).filter((name) => name.endsWith('.jpg'))) {
        const { vector, classes } = await embedder.embedImage(await readFile(join(PHOTOS, id)));
        vectors.set(id, vector);
        hits.push({ id, score: 0, why: ['meaning'], payload: image({ classes }) });
      }
      const store = { vectors: async () => vectors, count: async () => hits.length } as unknown as VectorStore;
      const doubted = async (queries: readonly string[]) => {
        const found: string[] = [];
        for (const [i, text] of (await embedder.readTexts(queries, ANY_LANGUAGE)).entries()) {
          const near = ({ id }: FoundHit) => dot(text.vector, vectors.get(id)!);
          const answer = { text, filter: {}, hits: hits.toSorted((a, b) => near(b) - near(a)) };
          if (bestFit(await fitOfHits(store, calibration, answer)) === 'poor') found.push(queries[i]!);
        }
        return found;
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
