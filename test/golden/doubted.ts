import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadEmbedder } from '../../core/encode/embedder.ts';
import { ANY_LANGUAGE, type VectorStore } from '../../core/ports.ts';
import type { FoundHit } from '../../core/search/rank-fusion.ts';
import { bestFit, type Fit, fitOfHits } from '../../core/search/result-fit.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { dot } from '../../core/util/vector-arithmetic.ts';
import { image } from '../contract/vectors-data.ts';
import { MODELS } from './golden.ts';

/** Which results of the bundled models are rated poor. */

const BY_LANGUAGE = new URL('../fixtures/queries-by-language.json', import.meta.url);

/** Plain queries: those that some picture of the collection shows, and those that none does. */
interface FitQueries {
  readonly shown: readonly string[];
  readonly absent: readonly string[];
}

/** A query in many languages. */
interface LanguageQuery {
  readonly pictures: readonly string[];
  /** By language. */
  readonly texts: Readonly<Record<string, string>>;
}

/** Names of the pictures found for a text, nearest first. */
interface Answer {
  readonly text: string;
  readonly nearest: readonly string[];
  readonly fit: Fit | undefined;
}

/** What the bundled models rate poor on the JPEGs in a folder. */
export interface Doubts {
  /**
   * The queries in a file of `fixtures` that are.
   * @param lang language the queries are read in; `und` selects the second text side
   */
  of(file: URL, lang?: string): Promise<{ asked: FitQueries; poor: FitQueries }>;
  /**
   * The same plain queries in every language but English, on the sample photos: those with a right photo in the top
   * three, and which of them are rated poor.
   */
  byLanguage(): Promise<Map<string, { right: Answer[]; poor: Answer[] }>>;
  close(): Promise<void>;
}

export async function doubtsOn(pictures: string): Promise<Doubts> {
  const embedder = await loadEmbedder({ modelDirs: [MODELS], profile: 'compact' });
  const vectors = new Map<string, JointEmbedding>();
  const all: FoundHit[] = [];
  for (const id of (await readdir(pictures)).filter((name) => name.endsWith('.jpg'))) {
    const { vector, classes } = await embedder.embedImage(await readFile(join(pictures, id)));
    vectors.set(id, vector);
    all.push({ id, score: 0, why: ['meaning'], payload: image({ classes }) });
  }
  const store = { vectors: async () => vectors, count: async () => all.length } as unknown as VectorStore;

  async function answer(texts: readonly string[], lang: string | null): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const [i, read] of (await embedder.readTexts(texts, { ...ANY_LANGUAGE, lang })).entries()) {
      const calibration = await embedder.calibration(read.side);
      if (calibration === null) throw new Error(`expected a calibration of ${read.side}, got none`);
      const near = ({ id }: FoundHit) => dot(read.vector, vectors.get(id)!);
      const hits = all.toSorted((a, b) => near(b) - near(a));
      const fits = await fitOfHits(store, calibration, { text: read, filter: {}, hits });
      answers.push({ text: texts[i]!, nearest: hits.map(({ id }) => id), fit: bestFit(fits) });
    }
    return answers;
  }

  return {
    async of(file, lang) {
      const asked = JSON.parse(await readFile(file, 'utf8')) as FitQueries;
      const poorOf = async (queries: readonly string[]) =>
        (await answer(queries, lang ?? null)).filter(({ fit }) => fit === 'poor').map(({ text }) => text);
      return { asked, poor: { shown: await poorOf(asked.shown), absent: await poorOf(asked.absent) } };
    },
    async byLanguage() {
      const queries = JSON.parse(await readFile(BY_LANGUAGE, 'utf8')) as LanguageQuery[];
      const found = new Map<string, { right: Answer[]; poor: Answer[] }>();
      for (const lang of Object.keys(queries[0]!.texts).filter((lang) => lang !== 'en')) {
        const texts = queries.map(({ texts }) => texts[lang]!);
        const right = (await answer(texts, lang)).filter(({ nearest }, i) =>
          nearest.slice(0, 3).some((name) => queries[i]!.pictures.includes(name)),
        );
        found.set(lang, { right, poor: right.filter(({ fit }) => fit === 'poor') });
      }
      return found;
    },
    close: () => embedder.close(),
  };
}
