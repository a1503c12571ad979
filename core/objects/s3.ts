import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type _Object as S3Object,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../errors.ts';
import type { ByteRange, ObjectBody, ObjectInfo, ObjectStore } from '../ports.ts';
import { isMissingObject, statusOf, translateS3Error } from './s3-errors.ts';
import { bareEtag, checkS3Key, decodeListCursor, decodeListedKey, encodeListCursor } from './s3-keys.ts';
import { type PresignedPost, type PresignedRequest, presignGet, presignPost, presignPut } from './s3-presign.ts';
import { againOnConflict, createSession, type S3Options, type S3Session } from './s3-session.ts';
import { putObject } from './s3-upload.ts';

export type { PresignedPost, PresignedRequest } from './s3-presign.ts';
export type { S3Options } from './s3-session.ts';

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
      // Told apart here because a HEAD answer has no body that could name the missing thing.
      if (statusOf(error) === 404) {
        throw new SightlineError('invalid-config', `there is no bucket ${s3.bucket}`, { cause: error });
      }
      throw error;
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
  const condition = ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` };
  await s3.call({ action: 'DeleteObject', key }, async (abortSignal) => {
    try {
      const command = new DeleteObjectCommand({ Bucket: s3.bucket, Key: key, ...condition });
      await againOnConflict(() => s3.client.send(command, { abortSignal }));
    } catch (error) {
      if (!isMissingObject(error)) throw error;
      if (ifMatch !== undefined) {
        const message = `expected ${JSON.stringify(key)} with etag ${ifMatch}, got no object`;
        throw new SightlineError('precondition-failed', message, { cause: error });
      }
    }
  });
}

async function listObjects(s3: S3Session, options: { prefix?: string; cursor?: string; limit: number }) {
  const { prefix = '', cursor, limit } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new SightlineError('invalid-input', `expected a limit of 1 to 1000, got ${limit}`);
  }
  // Some servers answer with no keys and a token to go on with; what comes after those must not be lost.
  let token: string | undefined;
  let answer: ListObjectsV2CommandOutput;
  do {
    const command = new ListObjectsV2Command({
      Bucket: s3.bucket,
      Prefix: prefix,
      MaxKeys: limit,
      // Keys may hold characters that XML cannot.
      EncodingType: 'url',
      // Tells archived objects that have been restored from those that cannot be read.
      OptionalObjectAttributes: ['RestoreStatus'],
      ContinuationToken: token,
      // Not the service's own token: this one is checked, and stays valid for as long as anybody keeps it.
      StartAfter: cursor === undefined ? undefined : decodeListCursor(cursor, prefix),
    });
    answer = await s3.call({ action: 'ListObjectsV2' }, (abortSignal) => s3.client.send(command, { abortSignal }));
    token = answer.NextContinuationToken;
  } while (answer.IsTruncated && token !== undefined && (answer.Contents ?? []).length === 0);
  const encoded = answer.EncodingType === 'url';
  const items = (answer.Contents ?? []).map((object) => ({
    key: encoded ? decodeListedKey(object.Key ?? '') : (object.Key ?? ''),
    bytes: object.Size ?? 0,
    etag: bareEtag(object.ETag),
    lastModified: object.LastModified ?? new Date(0),
    ...(isArchived(object) ? { archived: true as const } : {}),
  }));
  const last = items.at(-1);
  if (!answer.IsTruncated || last === undefined) return { items };
  return { items, next: encodeListCursor({ prefix, after: last.key }) };
}

/** Of the classes that must be restored first (S3, "Restoring an archived object"); a copy that was restored can be read. */
function isArchived({ StorageClass, RestoreStatus }: S3Object): boolean {
  if (StorageClass !== 'GLACIER' && StorageClass !== 'DEEP_ARCHIVE') return false;
  return (RestoreStatus?.RestoreExpiryDate?.getTime() ?? 0) <= Date.now();
}
