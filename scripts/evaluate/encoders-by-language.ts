import { type Encoders, loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { type Dataset, readDataset } from '../../training/datasets/dataset.ts';
import type { Features } from '../../training/features/extract.ts';
import { type EncodingOptions, encodePictures } from '../cli/encode-pictures.ts';
import type { Location } from '../cli/location.ts';

/** Helpers for evaluating by language. */

export interface TextSides {
  /**
   * Encoders of the profile, or without one of the head's, with the text encoder of the side for a language: the first
   * that lists it, otherwise the last, as for queries. The same ones for equal profiles and text encoders.
   * @param wanted text encoder of another side to use instead
   */
  encodersFor(head: string, lang: string, wanted: string | undefined): Promise<Encoders>;
  close(): Promise<void>;
}

export function textSides(modelDirs: readonly string[], profile?: string): TextSides {
  const loaded = new Map<string, Promise<Encoders>>();
  return {
    async encodersFor(folder, lang, wanted) {
      // A profile without a head has no sides.
      const head = await loadHeadFile(folder).catch(() => null);
      const side = head?.texts.find(({ languages }) => languages.includes(lang)) ?? head?.texts.at(-1);
      const text = wanted ?? side?.encoder;
      const name = `${profile ?? head?.profile} ${text}`;
      const encoders = loaded.get(name) ?? loadEncoders({ modelDirs, profile: profile ?? head?.profile, text });
      loaded.set(name, encoders);
      return encoders;
    },
    async close() {
      for (const encoders of loaded.values()) await (await encoders).close();
    },
  };
}

/** All pictures of the split without captions, if some have none in the language of `dataset`; otherwise null. */
export async function encodeOthers(
  location: Location,
  dataset: Dataset,
  split: string,
  encoding: EncodingOptions,
): Promise<Features | null> {
  const all = await readDataset(location, { splits: [split] }).catch(() => null);
  if (all === null || all.pictures.length <= dataset.pictures.length) return null;
  const pictures = all.pictures.map((picture) => ({ ...picture, captions: [] }));
  return encodePictures(location, { ...all, pictures }, encoding);
}
