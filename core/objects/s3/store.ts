import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectStore } from '../../ports.ts';
import { attemptsOf, isMissingObject, statusOf, translateS3Error } from './errors.ts';
import { bareEtag, checkS3Key } from './keys.ts';
import { listObjects } from './list.ts';
import { type PresignedPost, type PresignedRequest, presignGet, presignPost, presignPut } from './presign.ts';
import { againOnConflict, createSession, type S3Options, type S3Session } from './session.ts';
import { putObject } from './upload.ts';

export type { PresignedPost, PresignedRequest } from './presign.ts';
export type { S3Options } from './session.ts';

/** The objects port on a bucket, and what only S3 has: requests that are signed here and sent by somebody else. */
export interface S3Store extends ObjectStore {
  /** A URL that reads one object, for `expiresInSeconds` (1 to 604,800). */
  presignGet(key: string, options: { expiresInSeconds: number; contentType?: string }): Promise<PresignedRequest>;
  /** A PUT for a body of exactly this length and type. The headers are part of the signature and must be sent as given. */
  presignPut(
    key: string,
    options: { expiresInSeconds: number; contentType: string; bytes: number; onlyIfNew?: boolean },
  ): Promise<PresignedRequest>;
  /** A form upload of this type with a length between the two, both included; S3 itself refuses others. */
  presignPost(
    key: string,
    options: { expiresInSeconds: number; contentType: string; minBytes?: number; maxBytes: number },
  ): Promise<PresignedPost>;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Pictures in an S3 bucket. Throws `invalid-config` when there is no such bucket or the credentials are not accepted,
 * `unavailable` when it cannot be reached or listed (unless `verify` is false).
 */
export async function openS3(options: S3Options): Promise<S3Store> {
  const s3 = createSession(options);
  if (options.verify ?? true) await verifyBucket(s3);
  return {
    bucket: s3.bucket,
    head: (key) => headObject(s3, key),
    get: (key, getOptions = {}) => getObject(s3, key, getOptions),
    put: (key, body, putOptions = {}) => putObject(s3, key, body, putOptions),
    delete: (key, deleteOptions = {}) => deleteObject(s3, key, deleteOptions.ifMatch),
    list: (listOptions) => listObjects(s3, listOptions),
    presignGet: (key, signOptions) => presignGet(s3, key, signOptions),
    presignPut: (key, signOptions) => presignPut(s3, key, signOptions),
    presignPost: (key, signOptions) => presignPost(s3, key, signOptions),
    close() {
      s3.client.destroy();
      s3.signer.destroy();
    },
  };
}

async function verifyBucket(s3: S3Session): Promise<void> {
  await s3.call({ action: 'HeadBucket' }, async (abortSignal) => {
    try {
      await s3.client.send(new HeadBucketCommand({ Bucket: s3.bucket }), { abortSignal });
    } catch (error) {
      const status = statusOf(error) ?? 0;
      // Told apart here because a HEAD answer has no body that could name the missing thing.
      if (status === 404) {
        throw new SightlineError('invalid-config', `there is no bucket ${s3.bucket}`, { cause: error });
      }
      if (status < 400 || status >= 500) throw error;
      // The same permission, and an answer that says what is wrong: the policy, the credentials, the clock.
      await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, MaxKeys: 1 }), { abortSignal });
    }
  });
}

/** The part of a HEAD or GET answer that describes the object. `bytes` is of the whole object. */
function infoFrom(key: string, answer: HeadObjectCommandOutput, bytes: number): ObjectInfo {
  const { ContentType: type = '', ETag, LastModified } = answer;
  return {
    key,
    bytes,
    etag: bareEtag(ETag),
    lastModified: LastModified ?? new Date(0),
    // S3 says binary/octet-stream when the uploader named no type.
    contentType: type === '' || type === 'binary/octet-stream' ? 'application/octet-stream' : type,
  };
}

async function headObject(s3: S3Session, key: string): Promise<ObjectInfo | null> {
  checkS3Key(key);
  return s3.call({ action: 'HeadObject', key }, async (abortSignal) => {
    try {
      const answer = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal });
      return infoFrom(key, answer, answer.ContentLength ?? 0);
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  });
}

async function getObject(
  s3: S3Session,
  key: string,
  options: { range?: ByteRange; ifMatch?: string; signal?: AbortSignal },
): Promise<ObjectBody | null> {
  checkS3Key(key);
  const context = { action: 'GetObject', key, signal: options.signal };
  const command = new GetObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    Range: options.range && rangeHeader(options.range),
    IfMatch: options.ifMatch && `"${options.ifMatch}"`,
  });
  const answer = await s3.call(context, async (abortSignal) => {
    try {
      return await s3.client.send(command, { abortSignal });
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  });
  if (answer === null) return null;
  const length = answer.ContentLength ?? 0;
  if (options.range && length === 0) {
    // S3 answers 416; other servers give an empty object whole for the suffix form, but no range of it is there.
    const message = `GetObject of ${JSON.stringify(key)} in bucket ${s3.bucket}: the byte range lies outside the object`;
    throw new SightlineError('range-not-satisfiable', message);
  }
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '');
  const translate = (error: unknown) => translateS3Error(error, { ...context, bucket: s3.bucket });
  const body = answer.Body?.transformToWebStream() ?? new Blob().stream();
  return {
    info: infoFrom(key, answer, range ? Number(range[2]) : length),
    offset: range ? Number(range[1]) : 0,
    length,
    body: guardedBody(body as ReadableStream<Uint8Array>, translate, options.signal),
  };
}

/** HTTP's spelling. S3 answers a range whose end is before its start with the whole object, so that is refused here. */
function rangeHeader(range: ByteRange): string {
  const numbers = 'last' in range ? [range.last] : [range.first, range.end ?? range.first];
  const possible = numbers.every((n) => Number.isSafeInteger(n) && n >= 0) && (numbers[1] ?? Infinity) >= numbers[0]!;
  if (!possible || ('last' in range && range.last === 0)) {
    throw new SightlineError('range-not-satisfiable', `expected a byte range, got ${JSON.stringify(range)}`);
  }
  return 'last' in range ? `bytes=-${range.last}` : `bytes=${range.first}-${range.end ?? ''}`;
}

/** The same bytes, with faults on the way (connection lost, silence, abort) in the words of this program. */
function guardedBody(
  body: ReadableStream<Uint8Array>,
  translate: (error: unknown) => unknown,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          // What had arrived before is not handed out after an abort.
          signal?.throwIfAborted();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(translate(error));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function deleteObject(s3: S3Session, key: string, ifMatch: string | undefined): Promise<void> {
  checkS3Key(key);
  // Most other servers ignore the condition of a delete without a word: they must not be asked when it does not hold.
  if (ifMatch !== undefined) checkCondition(key, ifMatch, await headObject(s3, key));
  const condition = ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` };
  await s3.call({ action: 'DeleteObject', key }, async (abortSignal) => {
    try {
      const command = new DeleteObjectCommand({ Bucket: s3.bucket, Key: key, ...condition });
      await againOnConflict(() => s3.client.send(command, { abortSignal }));
    } catch (error) {
      if (ifMatch !== undefined && statusOf(error) === 501) {
        // This server says that it has no conditional deletes; the condition held a moment ago.
        await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal });
        return;
      }
      if (!isMissingObject(error)) throw error;
      // It was there a moment ago. Not found by a second try, it was removed by the first, whose answer was lost.
      if (ifMatch !== undefined && attemptsOf(error) === 1) checkCondition(key, ifMatch, null, error);
    }
  });
}

function checkCondition(key: string, ifMatch: string, found: ObjectInfo | null, cause?: unknown): void {
  if (found?.etag === ifMatch) return;
  const got = found === null ? 'no object' : found.etag;
  const message = `expected ${JSON.stringify(key)} with etag ${ifMatch}, got ${got}`;
  throw new SightlineError('precondition-failed', message, { cause });
}
