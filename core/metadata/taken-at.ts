import type { ObjectInfo, PictureInfo } from '../ports.ts';
import type { ImagePayload } from '../types.ts';
import { machineDate } from './date.ts';
import type { EmbeddedSource } from './embedded.ts';
import type { Exif } from './exif.ts';
import { dateOfName } from './file-name.ts';
import type { Iptc } from './iptc.ts';
import type { PngTexts } from './png.ts';
import type { Sidecar } from './sidecar.ts';
import type { Xmp } from './xmp.ts';

/** When a picture was taken, where several sources say it: the first that says anything is believed. */

/** A date as `date.ts` writes it, and what it is from; both null when nothing says it. */
export interface TakenAt<Source> {
  readonly takenAt: string | null;
  readonly takenFrom: Source | null;
}

/**
 * By what is in the file: the exposure goes before digitising, then the satellite's time, then the last change. XMP and
 * IPTC are believed before the date of digitising in EXIF because they are how people date what they scanned (Metadata
 * Working Group, Guidelines 2.0, "Date/Time").
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
 * By the file as it lies there: an `.xmp` file goes before what is in the picture, because it is where programs write
 * what people changed; Takeout's file, the name and the time of the file come after it.
 * @param known what is stored of the same object while it has the same bytes, or null
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

/** A file whose time is nearer than this to that of its indexing may have been uploaded. */
const MAYBE_UPLOADED_MS = 10 * 60_000;

/** The file's own time, never that of an upload: what had none when it came keeps none as long as it is the same. */
function timeOfFile({ fileTime }: ObjectInfo, known: ImagePayload | null): string | null {
  if (fileTime === undefined) return null;
  if (known === null) return machineDate(fileTime);
  // The first version kept no word of uploads.
  const uploaded = Math.abs(Date.parse(known.indexedAt) - fileTime.getTime()) < MAYBE_UPLOADED_MS;
  return (known.metadataVersion === 0 ? uploaded : known.takenFrom === null) ? null : machineDate(fileTime);
}
