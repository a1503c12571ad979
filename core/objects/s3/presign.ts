import { PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SightlineError } from '../../errors.ts';
import type { S3Session } from './client.ts';
import { checkS3Key } from './keys.ts';

/** A request that anybody may send, repeatedly, until it expires. */
export interface PresignedRequest {
  readonly method: 'PUT';
  readonly url: string;
  /** Send them unchanged: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/**
 * Maximum lifetime of a signature, seconds (Amazon S3 API reference, "Authenticating requests: using query
 * parameters").
 */
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;
/** Largest body of one PUT (Amazon S3 user guide, "Uploading objects"). */
const MAX_BODY_BYTES = 5 * 1024 ** 3;

/**
 * `S3Store.presignPut`.
 * @throws {invalid-key}
 * @throws {invalid-input}
 */
export async function presignPut(
  s3: S3Session,
  key: string,
  options: { expiresInSeconds: number; contentType: string; bytes: number; onlyIfNew?: boolean },
): Promise<PresignedRequest> {
  const { expiresInSeconds, contentType, bytes, onlyIfNew = false } = options;
  checkSignable(key, expiresInSeconds);
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > MAX_BODY_BYTES) {
    throw new SightlineError('invalid-input', `expected bytes between 0 and ${MAX_BODY_BYTES}, got ${bytes}`);
  }
  const command = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    ContentType: contentType,
    ContentLength: bytes,
    IfNoneMatch: onlyIfNew ? '*' : undefined,
  });
  // Signed as headers; by default the presigner leaves the type unsigned and moves the rest into the query.
  const signed = new Set(['content-type', 'content-length', 'if-none-match']);
  const url = await s3.call({ action: 'signing a request', key }, () =>
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
  const expiresAt = new Date(Date.now() + expiresInSeconds * 1000).toISOString();
  return { method: 'PUT', url, headers, expiresAt };
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
