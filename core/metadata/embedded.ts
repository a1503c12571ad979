import { EXPOSURE_FIELDS, type Exif, type Exposure, readExif } from './exif.ts';
import { type Iptc, readIptc } from './iptc.ts';
import { type PngTexts, readPng } from './png.ts';
import { takenByItself } from './taken-at.ts';
import { readXmp, type Xmp } from './xmp.ts';

/** Counts up whenever more is read of files than before, so that pictures that were indexed earlier are read again. */
export const METADATA_VERSION = 4;

/** Where a date can be from that lies in the picture itself. */
export type EmbeddedSource = 'exif' | 'xmp' | 'iptc' | 'gps' | 'png' | 'tiff';

/** What a picture says of itself. */
export interface EmbeddedMetadata extends Exposure {
  /** As `date.ts` writes it. */
  readonly takenAt: string | null;
  readonly takenFrom: EmbeddedSource | null;
  readonly camera: string | null;
  readonly lens: string | null;
  readonly keywords: readonly string[];
}

/** The blocks that a decoder found in a file, as they are. */
export interface MetadataBlocks {
  /** The EXIF block; of a TIFF the whole file. */
  readonly exif?: Uint8Array;
  /** Its EXIF directory, where that is a block of its own. */
  readonly photo?: Uint8Array;
  readonly xmp?: Uint8Array;
  readonly iptc?: Uint8Array;
}

const MAX_KEYWORDS = 100;

/**
 * Reads dates, camera and keywords, in time that is linear in the size of the blocks. What is broken counts as absent.
 * Which of several dates is believed: `taken-at.ts`.
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

/** How and where the first of these says that a picture was taken, each field for itself; null where none does. */
export function exposureOf(...sources: readonly Partial<Exposure>[]): Exposure {
  const first = (name: keyof Exposure) => sources.find((source) => source[name] != null)?.[name] ?? null;
  return Object.fromEntries(EXPOSURE_FIELDS.map((name) => [name, first(name)])) as unknown as Exposure;
}

/** Keywords of several sources, each once. */
export function allKeywords(...lists: readonly (readonly string[] | undefined)[]): string[] {
  return [...new Set(lists.flatMap((list) => list ?? []))].slice(0, MAX_KEYWORDS);
}
