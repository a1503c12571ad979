import type { Embedder } from '../../core/ports.ts';
import type { JointEmbedding } from '../../core/types.ts';

/** The text part of an embedder with a single text side, which handles every text alike. */
export function textsBy(
  vectorOf: (bytes: Uint8Array) => JointEmbedding,
  knows: (text: string) => boolean = () => true,
): Pick<
  Embedder,
  'embedTexts' | 'readTexts' | 'reads' | 'hasWord' | 'wordRanks' | 'captionWords' | 'calibration' | 'seenWords'
> {
  const embed = (text: string) => vectorOf(Buffer.from(text));
  const common = { side: 'one', version: 'one', language: null, speaks: true, otherwise: null };
  return {
    embedTexts: async (texts) => texts.map(embed),
    calibration: async () => null,
    hasWord: async () => false,
    seenWords: (classes) => (classes === null ? [] : [classes]),
    captionWords: async () => [],
    wordRanks: async (words) => words.map(() => null),
    reads: (_language, version) => version === 'one',
    readTexts: async (texts) =>
      texts.map((text) => ({ ...common, vector: embed(text), own: embed(text), known: knows(text) })),
  };
}
