import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SightlineError } from '../../errors.ts';
import { checkS3Key } from './keys.ts';
import type { S3Session } from './session.ts';

/** A request that anybody may send, once or more, until it expires. */
export interface PresignedRequest {
  readonly method: 'GET' | 'PUT';
  readonly url: string;
  /** To be sent exactly as given: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** A multipart/form-data POST: all fields first, in any order, then the file as `file`. */
export interface PresignedPost {
  readonly method: 'POST';
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** Longest life of a signature, seconds (Amazon S3 API reference, "Authenticating requests: using query parameters"). */
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;
/** Largest body of one PUT or POST (Amazon S3 user guide, "Uploading objects"). */
const MAX_BODY_BYTES = 5 * 1024 ** 3;

export async function presignGet(
  s3: S3Session,
  key: string,
  options: { expiresInSeconds: number; contentType?: string },
): Promise<PresignedRequest> {
  checkSignable(key, options.expiresInSeconds);
  const command = new GetObjectCommand({ Bucket: s3.bucket, Key: key, ResponseContentType: options.contentType });
  const url = await sign(s3, key, () => getSignedUrl(s3.signer, command, { expiresIn: options.expiresInSeconds }));
  return { method: 'GET', url, headers: {}, expiresAt: expiry(options.expiresInSeconds) };
}

export async function presignPut(
  s3: S3Session,
  key: string,
  options: { expiresInSeconds: number; contentType: string; bytes: number; onlyIfNew?: boolean },
): Promise<PresignedRequest> {
  const { expiresInSeconds, contentType, bytes, onlyIfNew = false } = options;
  checkSignable(key, expiresInSeconds);
  checkBytes('bytes', bytes, bytes);
  const command = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    ContentType: contentType,
    ContentLength: bytes,
    IfNoneMatch: onlyIfNew ? '*' : undefined,
  });
  // Named here, they are signed as headers; the presigner would leave the type unsigned and move the rest into the query.
  const signed = new Set(['content-type', 'content-length', 'if-none-match']);
  const url = await sign(s3, key, () =>
    getSignedUrl(s3.signer, command, {
      expiresIn: expiresInSeconds,
      signableHeaders: new Set([...signed, 'host']),
      unhoistableHeaders: signed,
    }),
  );
  const headers = {
    'content-type': contentType,
    'content-length': String(bytes),
    ...(onlyIfNew && { 'if-none-match': '*' }),
  };
  return { method: 'PUT', url, headers, expiresAt: expiry(expiresInSeconds) };
}

export async function presignPost(
  s3: S3Session,
  key: string,
  options: { expiresInSeconds: number; contentType: string; minBytes?: number; maxBytes: number },
): Promise<PresignedPost> {
  const { expiresInSeconds, contentType, minBytes = 1, maxBytes } = options;
  checkSignable(key, expiresInSeconds);
  checkBytes('minBytes and maxBytes', minBytes, maxBytes);
  if (key.includes(`\${filename}`)) {
    throw new SightlineError('invalid-key', `expected a key without \${filename}, which S3 would replace, got ${key}`);
  }
  const post = await sign(s3, key, () =>
    createPresignedPost(s3.signer, {
      Bucket: s3.bucket,
      Key: key,
      Expires: expiresInSeconds,
      Fields: { 'Content-Type': contentType },
      Conditions: [
        ['content-length-range', minBytes, maxBytes],
        ['eq', '$Content-Type', contentType],
      ],
    }),
  );
  return { method: 'POST', url: post.url, fields: post.fields, expiresAt: expiry(expiresInSeconds) };
}

function sign<T>(s3: S3Session, key: string, run: () => Promise<T>): Promise<T> {
  return s3.call({ action: 'signing a request', key }, run);
}

function expiry(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

function checkSignable(key: string, expiresInSeconds: number): void {
  checkS3Key(key);
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new SightlineError(
      'invalid-key',
      `expected a key without "." and ".." segments, which browsers drop, got ${key}`,
    );
  }
  if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > MAX_EXPIRY_SECONDS) {
    throw new SightlineError(
      'invalid-input',
      `expected a signature to live for 1 to ${MAX_EXPIRY_SECONDS} seconds, got ${expiresInSeconds}`,
    );
  }
}

function checkBytes(what: string, min: number, max: number): void {
  if (![min, max].every(Number.isSafeInteger) || min < 0 || max < min || max > MAX_BODY_BYTES) {
    throw new SightlineError(
      'invalid-input',
      `expected ${what} between 0 and ${MAX_BODY_BYTES}, in order, got ${min} and ${max}`,
    );
  }
}
