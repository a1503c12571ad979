import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { captionPoint, readCaptionsAgain } from '../../core/captions.ts';
import { captionId } from '../../core/point-ids.ts';
import type { Embedder, ReadText, VectorStore } from '../../core/ports.ts';
import { search } from '../../core/search/search.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { image } from '../contract/vectors-data.ts';
import { hashEmbedder } from '../support/embedder.ts';
import { tempFolder } from '../support/temp-folder.ts';

const DIMENSION = 4;
const folder = tempFolder();
let vectors: VectorStore;
before(async () => {
  vectors = await openEmbeddedStore({ file: `${folder}/index.sqlite`, space: 'one', dimension: DIMENSION });
});
after(() => vectors.close());

/** A unit vector at cosine `cosine` to the first axis, rotated towards another one. */
function towards(cosine: number, axis = 1): JointEmbedding {
  const vector = new Float32Array(DIMENSION) as JointEmbedding;
  vector[0] = cosine;
  vector[axis] = Math.sqrt(1 - cosine ** 2);
  return vector;
}

const common = { own: new Float32Array(), version: 'one-1', speaks: true, known: true, otherwise: null };

/** Reads every text as English, at cosine 0.3 to the only picture, or as German, at cosine `german`. */
function twoSides({ german, isLoaded }: { german: number; isLoaded: boolean }) {
  const isAsLikely = false;
  let loads = 0;
  const other: ReadText = { ...common, vector: towards(german), language: 'de', side: 'second' };
  const read: ReadText = { ...common, vector: towards(0.3), language: 'en', side: 'first' };
  const readOther = async () => {
    loads++;
    return other;
  };
  const embedder: Embedder = {
    ...hashEmbedder(),
    dimension: DIMENSION,
    readTexts: async (texts) => texts.map(() => ({ ...read, otherwise: { isLoaded, isAsLikely, read: readOther } })),
  };
  return { embedder, loads: () => loads };
}

describe('words that may be of two languages', () => {
  before(async () => {
    const id = '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
    await vectors.upsert([{ id, vector: towards(1), payload: image() }], 'newer');
  });
  const terms = [{ text: 'Strand', weight: 1 }];

  it('are answered by the side that fits better, and say so', async () => {
    for (const [german, language] of [
      [0.6, 'de'],
      [0.1, 'en'],
    ] as const) {
      const { embedder } = twoSides({ german, isLoaded: true });
      const found = await search({ embedder, vectors }, { terms, filter: {}, limit: 1 });
      assert.deepEqual([found.read?.language, found.isAmbiguous], [language, true]);
      assert.ok(Math.abs(found.items[0]!.score - Math.max(german, 0.3)) < 1e-5);
    }
  });

  it('are not said to be of a language that nobody speaks, but words of one language are', async () => {
    const { embedder } = twoSides({ german: 0.1, isLoaded: true });
    const latvian = { ...common, vector: towards(0.3), language: 'lv', side: 'first', speaks: false };
    const [read] = await embedder.readTexts(['Strand'], { lang: null, preferred: [], settled: null });
    for (const otherwise of [read!.otherwise, null]) {
      const readTexts: Embedder['readTexts'] = async (texts) => texts.map(() => ({ ...latvian, otherwise }));
      const found = await search({ embedder: { ...embedder, readTexts }, vectors }, { terms, filter: {}, limit: 1 });
      assert.deepEqual(found.foreignTexts, otherwise === null ? [{ text: 'Strand', language: 'lv' }] : []);
    }
  });

  it('do not load a side that may not be needed', async () => {
    const { embedder, loads } = twoSides({ german: 0.6, isLoaded: false });
    const found = await search({ embedder, vectors }, { terms, filter: {}, limit: 1 });
    assert.deepEqual([found.read?.language, loads()], ['en', 0]);
  });
});

describe('captions that are stored', () => {
  it('are read again when they would be read in another way now, and only then', async () => {
    const texts = ['ein Hund', 'a dog', 'un chien'];
    const payload = { tags: [], indexedAt: '2026-01-01T00:00:00.000Z', sequencer: '' };
    const side = (language: string, version: string, vector: JointEmbedding): ReadText => ({
      ...common,
      side: 'any',
      language,
      version,
      vector,
    });
    const [german, english, french] = texts.map(captionId);
    await vectors.upsert(
      [
        captionPoint(german!, side('de', 'old', towards(0.1)), { ...payload, caption: 'ein Hund', tags: ['pet'] }),
        captionPoint(english!, side('en', 'new', towards(0.2)), { ...payload, caption: 'a dog' }),
        // Stored before languages were recorded.
        {
          id: french!,
          vector: towards(0.3),
          payload: { ...payload, kind: 'caption', caption: 'un chien', readBy: null },
        },
      ],
      'newer',
    );
    const asked: (string | null)[] = [];
    const embedder: Pick<Embedder, 'readTexts' | 'reads'> = {
      reads: (_language, version) => version === 'new',
      readTexts: async ([text], { lang }) => {
        asked.push(`${text} ${lang}`);
        return [side(lang ?? 'fr', 'new', towards(0.9, 2))];
      },
    };
    assert.equal(await readCaptionsAgain({ embedder, vectors }), 2);
    assert.deepEqual(asked.toSorted(), ['ein Hund de', 'un chien null']);
    const stored = await vectors.vectors([german!, english!, french!]);
    assert.deepEqual(
      [german, english, french].map((id) => Math.round(10 * stored.get(id!)![0]!)),
      [9, 2, 9],
    );
    const point = (await vectors.get([german!])).get(german!)!;
    assert.ok(!point.deleted && point.payload.kind === 'caption');
    assert.deepEqual([point.payload.readBy, point.payload.tags], ['de new', ['pet']]);
    assert.equal(await readCaptionsAgain({ embedder, vectors }), 0);
  });
});
