import type { ObjectInfo, PictureInfo } from '../ports.ts';
import type { ImagePayload } from '../types.ts';
import { machineDate } from './date.ts';
import { allKeywords, METADATA_VERSION } from './embedded.ts';
import { dateOfName } from './file-name.ts';
import type { Sidecar } from './sidecar.ts';

/** A file whose time is nearer than this to that of its indexing may have been uploaded. */
const MAYBE_UPLOADED_MS = 10 * 60_000;

/**
 * What is known of a picture as a file: what its bytes say, then what lies beside it, how it is called, and when it was
 * written. So two files of the same bytes can have different dates. An `.xmp` file goes before what is in the picture,
 * because it is where programs write what people changed; everything else comes after.
 *
 * @param content what the bytes say, whatever they are called
 * @param known what is stored of the same object while it has the same bytes, or null
 */
export function describeFile(
  info: ObjectInfo,
  content: PictureInfo,
  sidecars: readonly Sidecar[],
  known: ImagePayload | null,
): PictureInfo {
  const beside = (kind: 'xmp' | 'takeout') => sidecars.find((sidecar) => sidecar.kind === kind);
  const dates: readonly (readonly [PictureInfo['takenFrom'], string | null | undefined])[] = [
    ['sidecar', beside('xmp')?.takenAt],
    [content.takenFrom, content.takenAt],
    ['sidecar', beside('takeout')?.takenAt],
    ['name', dateOfName(info.key)],
    ['file', timeOfFile(info, known)],
  ];
  const [takenFrom, takenAt] = dates.find(([, date]) => date != null) ?? [null, null];
  return {
    ...content,
    takenAt: takenAt ?? null,
    takenFrom,
    camera: content.camera ?? beside('xmp')?.camera ?? null,
    lens: content.lens ?? beside('xmp')?.lens ?? null,
    metadataVersion: METADATA_VERSION,
    keywords: allKeywords(beside('xmp')?.keywords, content.keywords),
  };
}

/** The file's own time, never that of an upload: what had none when it came keeps none as long as it is the same. */
function timeOfFile({ fileTime }: ObjectInfo, known: ImagePayload | null): string | null {
  if (fileTime === undefined) return null;
  if (known === null) return machineDate(fileTime);
  // The first version kept no word of uploads.
  const uploaded = Math.abs(Date.parse(known.indexedAt) - fileTime.getTime()) < MAYBE_UPLOADED_MS;
  return (known.metadataVersion === 0 ? uploaded : known.takenFrom === null) ? null : machineDate(fileTime);
}
