import { sniff } from './format.ts';

/** Extensions of pictures, supported or not: common formats, then camera raw. */
const PICTURE_NAME = new RegExp(
  `\\.(${(
    'jpg jpeg jpe jfif jif pjpeg pjp png apng webp gif avif avifs heic heics heif heifs hif tif tiff mpo ' +
      'bmp dib ico svg svgz jxl jp2 j2k jpc jpf jpx jpm hdr exr qoi pnm pbm pgm ppm tga pcx ' +
      'cr2 cr3 crw nef nrw arw srf sr2 dng raf orf rw2 rwl raw pef srw x3f mrw 3fr fff iiq erf mef mos kdc dcr gpr'
  ).replaceAll(' ', '|')})$`,
  'i',
);

/** Documents, which are detected like pictures but are not pictures. */
const DOCUMENTS: ReadonlySet<string> = new Set(['PDF', 'PSD', 'SVG']);

/** Whether the message of a refusal (`... got PDF`) is about a document. */
export function isOfDocument(message: string): boolean {
  return DOCUMENTS.has(message.slice(message.lastIndexOf(' ') + 1));
}

/** Whether a name looks like that of a picture. */
export function hasPictureName(key: string): boolean {
  return PICTURE_NAME.test(key);
}

/** Whether a file is counted as a picture before it is read: not with the name of another kind of file. */
export function mayBePicture(key: string): boolean {
  return hasPictureName(key) || !/\.[^./]{1,5}$/.test(key);
}

/**
 * Whether a file that cannot be indexed should have been a picture, by its name or its first bytes. Other files (notes,
 * letters, archives) are common in picture folders and are not failures.
 */
export function shouldBePicture(key: string, bytes: Uint8Array): boolean {
  if (hasPictureName(key)) return true;
  const sniffed = sniff(bytes);
  return sniffed.kind === 'unsupported' ? !DOCUMENTS.has(sniffed.name) : sniffed.kind !== 'unknown';
}
