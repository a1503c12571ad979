import type { ObjectInfo, PictureInfo } from '../ports.ts';
import type { ImagePayload } from '../types.ts';
import { allKeywords, METADATA_VERSION } from './embedded.ts';
import type { Sidecar } from './sidecar.ts';
import { takenAsFile } from './taken-at.ts';

/**
 * What is known of a picture as a file: what its bytes say, then what lies beside it, how it is called, and when it was
 * written. So two files of the same bytes can have different dates (`taken-at.ts`).
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
  const ofKind = (kind: Sidecar['kind']) => sidecars.find((sidecar) => sidecar.kind === kind);
  const xmp = ofKind('xmp');
  return {
    ...content,
    ...takenAsFile(info, content, { xmp, takeout: ofKind('takeout') }, known),
    camera: content.camera ?? xmp?.camera ?? null,
    lens: content.lens ?? xmp?.lens ?? null,
    metadataVersion: METADATA_VERSION,
    keywords: allKeywords(xmp?.keywords, content.keywords),
  };
}
