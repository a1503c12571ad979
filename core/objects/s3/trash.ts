import {
  CopyObjectCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { DiscardedObject, ObjectBody, ObjectInfo } from '../../ports.ts';
import type { S3Session } from './client.ts';
import { isMissingObject } from './errors.ts';
import { deleteObject, getObject, headObject } from './read.ts';

/**
 * The trash of a bucket. In a versioned bucket a delete marker hides the object, and its version is restored; otherwise
 * a copy is kept below `TRASH_PREFIX`, hidden like everything below `.sightline/`.
 */
export const TRASH_PREFIX = '.sightline/trash/';

/** `ObjectStore.discard` on S3. */
export async function discardObject(s3: S3Session, object: DiscardedObject): Promise<void> {
  const { key, etag, version } = object;
  if (version === undefined) {
    const copied = await copy(s3, { key, etag }, TRASH_PREFIX + object.id);
    if (!copied) throw gone(key, etag);
  }
  await deleteObject(s3, key, etag);
}

/** `ObjectStore.getDiscarded` on S3. */
export async function getDiscarded(s3: S3Session, object: DiscardedObject): Promise<ObjectBody | null> {
  const { key, id, version } = object;
  if (version !== undefined) return getObject(s3, key, { version });
  const found = await getObject(s3, TRASH_PREFIX + id, {});
  return found && { ...found, info: { ...found.info, key } };
}

/** `ObjectStore.recover` on S3. */
export async function recoverObject(s3: S3Session, object: DiscardedObject): Promise<ObjectInfo | null> {
  const { key, id, version } = object;
  if ((await headObject(s3, key)) !== null) {
    throw new SightlineError('precondition-failed', `expected no object under ${JSON.stringify(key)}, found one`);
  }
  const source = version === undefined ? { key: TRASH_PREFIX + id } : { key, version };
  if (!(await copy(s3, source, key))) return null;
  if (version === undefined) await deleteObject(s3, TRASH_PREFIX + id, undefined);
  return headObject(s3, key);
}

/** `ObjectStore.purge` on S3: in a versioned bucket, deletes all versions of the key up to the discarded one. */
export async function purgeObject(s3: S3Session, { key, id, version }: DiscardedObject): Promise<void> {
  if (version === undefined) return deleteObject(s3, TRASH_PREFIX + id, undefined);
  for (const VersionId of await versionsUpTo(s3, key, version)) {
    await s3.call({ action: 'DeleteObjectVersion', key }, (abortSignal) =>
      s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: key, VersionId }), { abortSignal }),
    );
  }
}

/**
 * That version of the key, all older ones, and the markers that hide them, unless there is a newer version now.
 */
async function versionsUpTo(s3: S3Session, key: string, version: string): Promise<string[]> {
  const versions: Listed[] = [];
  const markers: Listed[] = [];
  let from: Pick<ListObjectVersionsCommandOutput, 'NextKeyMarker' | 'NextVersionIdMarker'> = {};
  for (;;) {
    const page = await listVersions(s3, key, from);
    versions.push(...(page.Versions ?? []).filter(({ Key }) => Key === key));
    markers.push(...(page.DeleteMarkers ?? []).filter(({ Key }) => Key === key));
    if (!page.IsTruncated || page.NextKeyMarker !== key) break;
    from = page;
  }
  // Newest first. Versions and markers are ordered only by time, in seconds: a marker of the same second may hide
  // another.
  const first = versions.findIndex(({ VersionId }) => VersionId === version);
  if (first < 0) return [];
  const since = versions[first]!.LastModified?.getTime() ?? 0;
  const isOurs = ({ LastModified }: Listed) => first === 0 || (LastModified?.getTime() ?? 0) < since;
  return [...versions.slice(first), ...markers.filter(isOurs)].flatMap(({ VersionId }) => VersionId ?? []);
}

type Listed = { readonly VersionId?: string; readonly LastModified?: Date };

function listVersions(
  s3: S3Session,
  key: string,
  from: Pick<ListObjectVersionsCommandOutput, 'NextKeyMarker' | 'NextVersionIdMarker'>,
): Promise<ListObjectVersionsCommandOutput> {
  const command = new ListObjectVersionsCommand({
    Bucket: s3.bucket,
    Prefix: key,
    KeyMarker: from.NextKeyMarker,
    VersionIdMarker: from.NextVersionIdMarker,
  });
  return s3.call({ action: 'ListObjectVersions', key }, (abortSignal) => s3.client.send(command, { abortSignal }));
}

/**
 * False when there is nothing to copy.
 * @throws {precondition-failed} when it has another etag than the one given
 */
async function copy(
  s3: S3Session,
  source: { readonly key: string; readonly version?: string; readonly etag?: string },
  to: string,
): Promise<boolean> {
  const version = source.version === undefined ? '' : `?versionId=${encodeURIComponent(source.version)}`;
  const command = new CopyObjectCommand({
    Bucket: s3.bucket,
    Key: to,
    CopySource: `${s3.bucket}/${source.key.split('/').map(encodeURIComponent).join('/')}${version}`,
    CopySourceIfMatch: source.etag && `"${source.etag}"`,
  });
  return s3.call({ action: 'CopyObject', key: source.key }, async (abortSignal) => {
    try {
      await s3.client.send(command, { abortSignal });
      return true;
    } catch (error) {
      if (isMissingObject(error)) return false;
      throw error;
    }
  });
}

function gone(key: string, etag: string): SightlineError {
  return new SightlineError('precondition-failed', `expected ${JSON.stringify(key)} with etag ${etag}, got no object`);
}
