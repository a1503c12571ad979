import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { ByteRange, ObjectBody, ObjectInfo } from '../../ports.ts';
import { againOnConflict, type S3Session } from './client.ts';
import { attemptsOf, isMissingObject, statusOf, translateS3Error } from './errors.ts';
import { bareEtag, checkS3Key } from './keys.ts';

/** Describing, reading and deleting one object on S3. */

/** Describes an object from a HEAD or GET response. `bytes` is the size of the whole object. */
function infoFrom(key: string, answer: HeadObjectCommandOutput, bytes: number): ObjectInfo {
  const { ContentType: type = '', ETag, LastModified, VersionId } = answer;
  return {
    key,
    bytes,
    etag: bareEtag(ETag),
    lastModified: LastModified ?? new Date(0),
    // S3 returns binary/octet-stream when the uploader gave no type.
    contentType: type === '' || type === 'binary/octet-stream' ? 'application/octet-stream' : type,
    // "null" means that the bucket has no versions, or had none when it was stored: a delete would be permanent.
    ...(VersionId !== undefined && VersionId !== 'null' && { version: VersionId }),
  };
}

/** `ObjectStore.head` on S3. */
export async function headObject(s3: S3Session, key: string): Promise<ObjectInfo | null> {
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

/** `ObjectStore.get` on S3, optionally of an old version. */
export async function getObject(
  s3: S3Session,
  key: string,
  options: { range?: ByteRange; ifMatch?: string; signal?: AbortSignal; version?: string },
): Promise<ObjectBody | null> {
  checkS3Key(key);
  const context = { action: 'GetObject', key, signal: options.signal };
  const command = new GetObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    Range: options.range && rangeHeader(options.range),
    IfMatch: options.ifMatch && `"${options.ifMatch}"`,
    VersionId: options.version,
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
    // S3 answers 416; other servers return the whole empty object for the suffix form, although no range exists.
    const where = `GetObject of ${JSON.stringify(key)} in bucket ${s3.bucket}`;
    const message = `${where}: the byte range lies outside the object`;
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

/** A Range header. For an end before the start S3 returns the whole object, so that is refused here. */
function rangeHeader(range: ByteRange): string {
  const numbers = 'last' in range ? [range.last] : [range.first, range.end ?? range.first];
  const possible = numbers.every((n) => Number.isSafeInteger(n) && n >= 0) && (numbers[1] ?? Infinity) >= numbers[0]!;
  if (!possible || ('last' in range && range.last === 0)) {
    throw new SightlineError('range-not-satisfiable', `expected a byte range, got ${JSON.stringify(range)}`);
  }
  return 'last' in range ? `bytes=-${range.last}` : `bytes=${range.first}-${range.end ?? ''}`;
}

/** The same bytes, with faults on the way (connection lost, silence, abort) translated. */
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
          // Deliver nothing after an abort, even if it had arrived.
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

/** `ObjectStore.delete` on S3. */
export async function deleteObject(s3: S3Session, key: string, ifMatch: string | undefined): Promise<void> {
  checkS3Key(key);
  // Most other servers silently ignore the condition of a delete, so check it first.
  if (ifMatch !== undefined) checkCondition(key, ifMatch, await headObject(s3, key));
  const condition = ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` };
  await s3.call({ action: 'DeleteObject', key }, async (abortSignal) => {
    try {
      const command = new DeleteObjectCommand({ Bucket: s3.bucket, Key: key, ...condition });
      await againOnConflict(() => s3.client.send(command, { abortSignal }));
    } catch (error) {
      if (ifMatch !== undefined && statusOf(error) === 501) {
        // This server does not support conditional deletes; the condition held a moment ago.
        await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal });
        return;
      }
      if (!isMissingObject(error)) throw error;
      // It existed a moment ago. If a second attempt does not find it, the first removed it and its response was lost.
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
