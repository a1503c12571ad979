import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { ObjectInfo, ObjectStore } from '../../ports.ts';
import { againOnConflict, type S3Session, UPLOAD } from './client.ts';
import { attemptsOf } from './errors.ts';
import { bareEtag, checkS3Key } from './keys.ts';
import { headObject } from './read.ts';

type PutOptions = NonNullable<Parameters<ObjectStore['put']>[2]>;

/** Longer bodies are uploaded in parts of this size. */
const PART_BYTES = 8 * 1024 ** 2;
/** Parts of one upload sent at the same time; each takes its size in memory. */
const PARTS_AT_ONCE = 3;
/** Maximum parts of an upload (Amazon S3 user guide, "Amazon S3 multipart upload limits"). */
const MAX_PARTS = 10_000;
/** Object metadata that identifies our own write when its response was lost. */
const WRITE_MARK = 'sightline-write';

/** A running write: the parameters of all its requests. */
interface Write {
  readonly key: string;
  readonly mark: string;
  readonly contentType: string;
  readonly signal: AbortSignal | undefined;
  readonly conditions: { IfMatch?: string; IfNoneMatch?: string };
}

/**
 * `ObjectStore.put` on S3: one request up to 8 MiB, otherwise in parts, which become an object only when all have
 * arrived. A failed upload leaves nothing behind. Each piece of the body stays in memory until S3 has confirmed it, so
 * that every request can be repeated.
 */
export async function putObject(
  s3: S3Session,
  key: string,
  body: Uint8Array | ReadableStream<Uint8Array>,
  options: PutOptions,
): Promise<ObjectInfo> {
  checkS3Key(key);
  const write: Write = {
    key,
    mark: randomUUID(),
    contentType: options.contentType ?? 'application/octet-stream',
    signal: options.signal,
    conditions: {
      ...(options.ifMatch !== undefined && { IfMatch: `"${options.ifMatch}"` }),
      ...(options.ifNoneMatch !== undefined && { IfNoneMatch: options.ifNoneMatch }),
    },
  };
  const parts = inParts(body, options);
  try {
    const first = await parts.next();
    const second = first.done ? first : await parts.next();
    if (first.done || second.done) {
      const bytes = first.done ? new Uint8Array(0) : first.value;
      return await describe(s3, write, await putWhole(s3, write, bytes), bytes.length);
    }
    const { etag, bytes } = await putInParts(s3, write, prepend([first.value, second.value], parts));
    return await describe(s3, write, etag, bytes);
  } finally {
    await parts.return(undefined);
  }
}

async function* prepend<T>(head: readonly T[], tail: AsyncIterable<T>): AsyncGenerator<T> {
  yield* head;
  yield* tail;
}

/**
 * The body in pieces of exactly 8 MiB, the last one shorter; none for an empty body.
 * @throws {too-large}
 */
async function* inParts(
  body: Uint8Array | ReadableStream<Uint8Array>,
  { maxBytes = Infinity, signal }: PutOptions,
): AsyncGenerator<Uint8Array, undefined> {
  let total = 0;
  const count = (bytes: number) => {
    total += bytes;
    if (total <= maxBytes) return;
    throw new SightlineError('too-large', `expected a body of at most ${maxBytes} bytes, got more`, {
      details: { maxBytes },
    });
  };
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) {
    count(body.length);
    for (let start = 0; start < body.length; start += PART_BYTES) yield body.subarray(start, start + PART_BYTES);
    return;
  }
  const reader = body.getReader();
  // Otherwise a body that never arrives would block an aborted upload.
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let pending: Uint8Array[] = [];
    let held = 0;
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      count(value.length);
      let rest = value;
      while (held + rest.length >= PART_BYTES) {
        pending.push(rest.subarray(0, PART_BYTES - held));
        rest = rest.subarray(PART_BYTES - held);
        yield Buffer.concat(pending);
        [pending, held] = [[], 0];
      }
      if (rest.length > 0) pending.push(rest);
      held += rest.length;
    }
    if (held > 0) yield Buffer.concat(pending);
  } finally {
    signal?.removeEventListener('abort', stop);
    await reader.cancel().catch(() => {});
  }
}

/** Returns the etag. */
async function putWhole(s3: S3Session, write: Write, bytes: Uint8Array): Promise<string> {
  const { key, signal, conditions } = write;
  const conditional = Object.keys(conditions).length > 0;
  const command = new PutObjectCommand({
    Bucket: s3.bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ContentType: write.contentType,
    Metadata: conditional ? { [WRITE_MARK]: write.mark } : undefined,
    ...conditions,
  });
  return s3.call({ action: 'PutObject', key, signal, uploads: true }, async (abortSignal) => {
    try {
      return bareEtag((await againOnConflict(() => s3.client.send(command, { abortSignal, ...UPLOAD }))).ETag);
    } catch (error) {
      const etag = await etagOfOwnWrite(s3, write, error, abortSignal);
      if (etag === null) throw error;
      return etag;
    }
  });
}

/**
 * If the response to a write is lost, the SDK's next attempt finds it done: the condition no longer holds, or the
 * upload no longer exists. The mark distinguishes that from another process's write.
 */
async function etagOfOwnWrite(s3: S3Session, write: Write, error: unknown, abortSignal: AbortSignal) {
  if (attemptsOf(error) < 2 || abortSignal.aborted) return null;
  try {
    const found = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: write.key }), { abortSignal });
    return found.Metadata?.[WRITE_MARK] === write.mark ? bareEtag(found.ETag) : null;
  } catch {
    return null;
  }
}

async function putInParts(s3: S3Session, write: Write, parts: AsyncIterable<Uint8Array>) {
  const { key, signal } = write;
  const Key = key;
  const Bucket = s3.bucket;
  const created = await s3.call({ action: 'CreateMultipartUpload', key, signal }, (abortSignal) =>
    s3.client.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key,
        ContentType: write.contentType,
        ChecksumAlgorithm: 'CRC32',
        Metadata: { [WRITE_MARK]: write.mark },
      }),
      { abortSignal },
    ),
  );
  const UploadId = created.UploadId;
  try {
    const { done, bytes } = await sendParts(s3, write, UploadId, parts);
    const command = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: done },
      ...write.conditions,
    });
    const etag = await s3.call({ action: 'CompleteMultipartUpload', key, signal }, async (abortSignal) => {
      try {
        return bareEtag((await s3.client.send(command, { abortSignal })).ETag);
      } catch (error) {
        const own = await etagOfOwnWrite(s3, write, error, abortSignal);
        if (own === null) throw error;
        return own;
      }
    });
    return { etag, bytes };
  } catch (error) {
    // Without the caller's signal: an aborted upload must be cleaned up, too. If this fails, the bucket's lifecycle
    // rule for unfinished uploads does it; the caller needs the reason why the upload failed.
    await s3
      .call({ action: 'AbortMultipartUpload', key }, (abortSignal) =>
        s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal }),
      )
      .catch(() => {});
    throw error;
  }
}

/** Sends the parts, some at a time. On the first failure it stops the others and waits for them before it throws. */
async function sendParts(s3: S3Session, write: Write, UploadId: string | undefined, parts: AsyncIterable<Uint8Array>) {
  const stop = new AbortController();
  const signal = write.signal ? AbortSignal.any([write.signal, stop.signal]) : stop.signal;
  const done: CompletedPart[] = [];
  const underWay = new Set<Promise<void>>();
  let bytes = 0;
  const send = async (PartNumber: number, part: Uint8Array) => {
    const command = new UploadPartCommand({ Bucket: s3.bucket, Key: write.key, UploadId, PartNumber, Body: part });
    const sent = await s3.call({ action: 'UploadPart', key: write.key, signal, uploads: true }, (abortSignal) =>
      s3.client.send(command, { abortSignal, ...UPLOAD }),
    );
    const checksum = sent.ChecksumCRC32 && { ChecksumCRC32: sent.ChecksumCRC32 };
    done[PartNumber - 1] = { PartNumber, ETag: sent.ETag, ...checksum };
  };
  try {
    let number = 0;
    for await (const part of parts) {
      if (++number > MAX_PARTS) {
        throw new SightlineError('too-large', `expected at most ${MAX_PARTS} parts of ${PART_BYTES} bytes, got more`);
      }
      bytes += part.length;
      const sending = send(number, part).finally(() => underWay.delete(sending));
      underWay.add(sending);
      if (underWay.size >= PARTS_AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    return { done, bytes };
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(underWay);
    throw error;
  }
}

/** Reads the object's info: only HeadObject returns the modification time, and the version in every case. */
async function describe(s3: S3Session, write: Write, etag: string, bytes: number): Promise<ObjectInfo> {
  const { key, contentType } = write;
  try {
    const found = await headObject(s3, key);
    if (found?.etag === etag) return found;
  } catch {
    // Replaced, deleted, or unreadable for this caller: the write itself succeeded and must not be reported as failed.
  }
  return { key, bytes, etag, contentType, lastModified: new Date() };
}
