import type { ObjectInfo, PictureInfo } from '../ports.ts';
import type { ImagePayload } from '../types.ts';
import type { Exif } from './exif.ts';
import { dateOfName } from './file-name.ts';
import type { Iptc } from './iptc.ts';
import { machineDate } from './parse-date.ts';
import type { PngTexts } from './png.ts';
import type { Sidecar } from './sidecar.ts';
import type { Xmp } from './xmp.ts';

/** When a picture was taken, if several sources say so: the first one with a date wins. */

/** Sources of a date within the picture. */
export type EmbeddedSource = 'exif' | 'xmp' | 'iptc' | 'gps' | 'png' | 'tiff';

/** A date in the form of `parse-date.ts` and its source; both null when unknown. */
export interface TakenAt<Source> {
  readonly takenAt: string | null;
  readonly takenFrom: Source | null;
}

/**
 * From the file's content: exposure before digitising, then GPS time, then the last change. XMP and IPTC come before
 * EXIF's date of digitising, because people use them to date scans (Metadata Working Group, Guidelines 2.0,
 * "Date/Time").
 */
export function takenByItself(
  format: string,
  { exif, xmp, iptc, png }: { exif: Partial<Exif>; xmp: Partial<Xmp>; iptc: Partial<Iptc>; png: Partial<PngTexts> },
): TakenAt<EmbeddedSource> {
  return first([
    ['exif', exif.original],
    ['xmp', xmp.original],
    ['iptc', iptc.original],
    ['exif', exif.digitized],
    ['xmp', xmp.digitized],
    ['iptc', iptc.digitized],
    ['gps', exif.gps],
    ['png', png.created],
    [format === 'tiff' ? 'tiff' : 'exif', exif.changed],
    ['png', png.changed],
  ]);
}

/**
 * From the file and its surroundings: an `.xmp` file comes before the picture's own data, because programs write
 * people's changes there; Takeout's file, the file name and the file time come last.
 * @param known the stored payload of the same object if its bytes are the same, or null
 */
export function takenAsFile(
  info: ObjectInfo,
  { takenAt, takenFrom }: PictureInfo,
  { xmp, takeout }: { readonly xmp?: Sidecar; readonly takeout?: Sidecar },
  known: ImagePayload | null,
): TakenAt<NonNullable<PictureInfo['takenFrom']>> {
  return first([
    ['sidecar', xmp?.takenAt],
    ...(takenFrom === null ? [] : [[takenFrom, takenAt] as const]),
    ['sidecar', takeout?.takenAt],
    ['name', dateOfName(info.key)],
    ['file', timeOfFile(info, known)],
  ]);
}

function first<Source>(dates: readonly (readonly [Source, string | null | undefined])[]): TakenAt<Source> {
  const [takenFrom, takenAt] = dates.find(([, date]) => date != null) ?? [null, null];
  return { takenAt: takenAt ?? null, takenFrom };
}

/** If a file's time is closer than this to its indexing, it may be that of an upload. */
const MAYBE_UPLOADED_MS = 10 * 60_000;

/** The file's own time, never that of an upload: an unchanged file that had none keeps none. */
function timeOfFile({ fileTime }: ObjectInfo, known: ImagePayload | null): string | null {
  if (fileTime === undefined) return null;
  if (known === null) return machineDate(fileTime);
  // The first version did not record uploads.
  const uploaded = Math.abs(Date.parse(known.indexedAt) - fileTime.getTime()) < MAYBE_UPLOADED_MS;
  return (known.metadataVersion === 0 ? uploaded : known.takenFrom === null) ? null : machineDate(fileTime);
}
