import { SightlineError } from '../../errors.ts';

/** Longest key, in bytes of UTF-8 (Amazon S3 user guide, "Naming Amazon S3 objects"). */
const MAX_KEY_BYTES = 1024;

/**
 * Accepts exactly the keys that S3 does: 1 to 1,024 bytes of well-formed Unicode, in which `..` segments never climb
 * above the bucket (same page: "the cumulative count of relative path segments never exceeds the number of non-relative
 * path elements"). Control characters are fine, because listings are requested in URL encoding.
 * @throws {invalid-key}
 */
export function checkS3Key(key: string): void {
  const refuse = (reason: string) => {
    throw new SightlineError('invalid-key', `expected a key that S3 can hold, got ${JSON.stringify(key)}: ${reason}`);
  };
  if (key === '') refuse('it is empty');
  if (!key.isWellFormed()) refuse('it is not well-formed Unicode');
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) refuse(`it has ${bytes} bytes of UTF-8, at most ${MAX_KEY_BYTES} are possible`);
  let depth = 0;
  for (const segment of key.split('/')) {
    depth += segment === '..' ? -1 : segment === '' || segment === '.' ? 0 : 1;
    if (depth < 0) refuse('its ".." segments lead out of the bucket');
  }
}

/** Whether a key is internal: the trash is there, and is not part of the bucket's objects. */
export function isHidden(key: string): boolean {
  return key.startsWith('.sightline/');
}

/** Whether XML 1.0 cannot hold a key, or may have replaced parts of it; it may even have been left empty. */
export function isDamagedInXml(key: string): boolean {
  return /^$|[\p{Cc}\ufffd-\uffff]/u.test(key);
}

/** Decodes `EncodingType: url`, in which S3 writes a space as `+`. */
export function decodeListedKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/** An entity tag without its quotes and weakness marker. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replace(/^W\//, '').replaceAll('"', '');
}
