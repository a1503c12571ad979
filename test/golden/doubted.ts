import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadEmbedder } from '../../core/encode/embedder.ts';
import { ANY_LANGUAGE, type VectorStore } from '../../core/ports.ts';
import type { FoundHit } from '../../core/search/rank-fusion.ts';
import { bestFit, fitOfHits } from '../../core/search/result-fit.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { dot } from '../../core/vector-arithmetic.ts';
import { image } from '../contract/vectors-data.ts';
import { MODELS } from './golden.ts';

/** Plain queries, by whether a picture of some collection shows what they ask for. */
interface FitQueries {
  readonly shown: readonly string[];
  readonly absent: readonly string[];
}

/**
 * The queries of a file of `fixtures` that the bundled models call poor, asked of the JPEGs of a folder.
 * @param lang in which they are read: `und` by the second text side
 */
export async function doubted(
  pictures: string,
  file: URL,
  lang: string | null = null,
): Promise<{ asked: FitQueries; poor: FitQueries }> {
  const asked = JSON.parse(await readFile(file, 'utf8')) as FitQueries;
  const embedder = await loadEmbedder({ modelDirs: [MODELS], profile: 'compact' });
  try {
    const vectors = new Map<string, JointEmbedding>();
    const hits: FoundHit[] = [];
    for (const id of (await readdir(pictures)).filter((name) => name.endsWith('.jpg'))) {
      const { vector, classes } = await embedder.embedImage(await readFile(join(pictures, id)));
      vectors.set(id, vector);
      hits.push({ id, score: 0, why: ['meaning'], payload: image({ classes }) });
    }
    const store = { vectors: async () => vectors, count: async () => hits.length } as unknown as VectorStore;
    const poorOf = async (queries: readonly string[]) => {
      const found: string[] = [];
      for (const [i, text] of (await embedder.readTexts(queries, { ...ANY_LANGUAGE, lang })).entries()) {
        const calibration = await embedder.calibration(text.side);
        if (calibration === null) throw new Error(`expected a calibration of ${text.side}, got none`);
        const near = ({ id }: FoundHit) => dot(text.vector, vectors.get(id)!);
        const answer = { text, filter: {}, hits: hits.toSorted((a, b) => near(b) - near(a)) };
        if (bestFit(await fitOfHits(store, calibration, answer)) === 'poor') found.push(queries[i]!);
      }
      return found;
    };
    return { asked, poor: { shown: await poorOf(asked.shown), absent: await poorOf(asked.absent) } };
  } finally {
    await embedder.close();
  }
}
