import type { ObjectInfo, PictureInfo } from '../ports.ts';
import type { ImagePayload } from '../types.ts';
import { allKeywords, METADATA_VERSION } from './embedded.ts';
import type { Sidecar } from './sidecar.ts';
import { takenAsFile } from './taken-at.ts';

/**
 * Combines what is known about a picture's file: its content, then its sidecars, name, and time. So two files with the
 * same bytes can have different dates (`taken-at.ts`).
 *
 * @param content metadata from the bytes
 * @param known the stored payload of the same object if its bytes are the same, or null
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
