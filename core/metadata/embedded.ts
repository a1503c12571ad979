import { EXPOSURE_FIELDS, type Exif, type Exposure, readExif } from './exif.ts';
import { type Iptc, readIptc } from './iptc.ts';
import { type PngTexts, readPng } from './png.ts';
import { type EmbeddedSource, takenByItself } from './taken-at.ts';
import { readXmp, type Xmp } from './xmp.ts';

/** Increase it whenever more is read from files, so that pictures indexed earlier are read again. */
export const METADATA_VERSION = 4;

/** Metadata in the picture itself. */
export interface EmbeddedMetadata extends Exposure {
  /** In the form of `parse-date.ts`. */
  readonly takenAt: string | null;
  readonly takenFrom: EmbeddedSource | null;
  readonly camera: string | null;
  readonly lens: string | null;
  readonly keywords: readonly string[];
}

/** Raw metadata blocks that a decoder found in a file. */
export interface MetadataBlocks {
  /** The EXIF block; for a TIFF the whole file. */
  readonly exif?: Uint8Array;
  /** Its EXIF directory, if that is a separate block. */
  readonly photo?: Uint8Array;
  readonly xmp?: Uint8Array;
  readonly iptc?: Uint8Array;
}

const MAX_KEYWORDS = 100;

/**
 * Reads dates, camera and keywords, in time linear in the size of the blocks. Broken data counts as absent.
 * `taken-at.ts` chooses between several dates.
 *
 * @param bytes the whole file
 */
export function readEmbedded(bytes: Uint8Array, format: string, blocks: MetadataBlocks): EmbeddedMetadata {
  const { exif: block, xmp: packet, iptc: records } = blocks;
  const exif: Partial<Exif> = block === undefined ? {} : readExif(block, blocks.photo);
  const xmp: Partial<Xmp> = packet === undefined ? {} : readXmp(packet);
  const iptc: Partial<Iptc> = records === undefined ? {} : readIptc(records);
  const png: Partial<PngTexts> = format === 'png' ? readPng(bytes) : {};
  return {
    ...takenByItself(format, { exif, xmp, iptc, png }),
    camera: exif.camera ?? xmp.camera ?? null,
    lens: exif.lens ?? xmp.lens ?? null,
    ...exposureOf(exif),
    keywords: allKeywords(iptc.keywords, xmp.keywords),
  };
}

/** For each field, the value of the first source that has one; null when none has. */
export function exposureOf(...sources: readonly Partial<Exposure>[]): Exposure {
  const first = (name: keyof Exposure) => sources.find((source) => source[name] != null)?.[name] ?? null;
  return Object.fromEntries(EXPOSURE_FIELDS.map((name) => [name, first(name)])) as unknown as Exposure;
}

/** Keywords of several sources, without duplicates. */
export function allKeywords(...lists: readonly (readonly string[] | undefined)[]): string[] {
  return [...new Set(lists.flatMap((list) => list ?? []))].slice(0, MAX_KEYWORDS);
}
