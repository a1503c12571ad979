import { HeadBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { ObjectStore } from '../../ports.ts';
import { readOnly } from '../read-only.ts';
import { createSession, type S3Options, type S3Session } from './client.ts';
import { statusOf } from './errors.ts';
import { isHidden } from './keys.ts';
import { listObjects } from './list-objects.ts';
import { type PresignedRequest, presignPut } from './presign.ts';
import { deleteObject, getObject, headObject } from './read.ts';
import { discardObject, getDiscarded, purgeObject, recoverObject } from './trash.ts';
import { putObject } from './upload.ts';

export type { S3Options } from './client.ts';
export type { PresignedRequest } from './presign.ts';

/** The objects port on a bucket, plus presigned requests, which only S3 has. */
export interface S3Store extends ObjectStore {
  /**
   * A PUT for a body of exactly this length and type, for `expiresInSeconds` (1 to 604,800). The headers are part of
   * the signature and must be sent as given.
   */
  presignPut(
    key: string,
    options: { expiresInSeconds: number; contentType: string; bytes: number; onlyIfNew?: boolean },
  ): Promise<PresignedRequest>;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Pictures in an S3 bucket.
 * @throws {invalid-config} when there is no such bucket or the credentials are not accepted
 * @throws {unavailable} when it cannot be reached or listed (unless `verify` is false)
 */
export async function openS3(options: S3Options): Promise<S3Store> {
  const s3 = createSession(options);
  if (options.verify ?? true) await verifyBucket(s3);
  const bucket = bucketOf(s3);
  return options.readOnly ? readOnly(bucket) : bucket;
}

function bucketOf(s3: S3Session): S3Store {
  return {
    bucket: s3.bucket,
    head: async (key) => (isHidden(key) ? null : headObject(s3, key)),
    get: async (key, options = {}) => (isHidden(key) ? null : getObject(s3, key, options)),
    put: async (key, body, options = {}) => putObject(s3, visible(key), body, options),
    delete: async (key, options = {}) => deleteObject(s3, visible(key), options.ifMatch),
    list: (options) => listObjects(s3, options),
    discard: (object) => discardObject(s3, object),
    getDiscarded: (object) => getDiscarded(s3, object),
    recover: (object) => recoverObject(s3, object),
    purge: (object) => purgeObject(s3, object),
    presignPut: async (key, options) => presignPut(s3, visible(key), options),
    close() {
      s3.client.destroy();
      s3.signer.destroy();
    },
  };
}

/**
 * @throws {invalid-key} for an internal key, which is not an object of the bucket
 */
function visible(key: string): string {
  if (!isHidden(key)) return key;
  throw new SightlineError('invalid-key', `expected a key that does not begin with .sightline/, got ${key}`);
}

async function verifyBucket(s3: S3Session): Promise<void> {
  await s3.call({ action: 'HeadBucket' }, async (abortSignal) => {
    try {
      await s3.client.send(new HeadBucketCommand({ Bucket: s3.bucket }), { abortSignal });
    } catch (error) {
      const status = statusOf(error) ?? 0;
      // Handled here, because a HEAD response has no body that could name what is missing.
      if (status === 404) {
        throw new SightlineError('invalid-config', `there is no bucket ${s3.bucket}`, { cause: error });
      }
      if (status < 400 || status >= 500) throw error;
      // Needs the same permission, and its response says what is wrong: the policy, the credentials, the clock.
      await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, MaxKeys: 1 }), { abortSignal });
    }
  });
}
