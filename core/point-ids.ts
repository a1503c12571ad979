import { v5 as uuidv5 } from 'uuid';

/** Namespaces of the version 5 UUIDs below (RFC 9562, 5.5): never change them, every id depends on them. */
const IMAGE_NAMESPACE = '8a0b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11';
const CAPTION_NAMESPACE = '0c7f4a52-4f0a-5b8e-8f6d-5be0c1a9e2d4';

/** The point id of an object: the same object indexed again is the same point. */
export function imageId(bucket: string, key: string): string {
  return uuidv5(`${bucket}/${key}`, IMAGE_NAMESPACE);
}

/** The point id of a caption: the same text is the same point. */
export function captionId(caption: string): string {
  return uuidv5(caption, CAPTION_NAMESPACE);
}
