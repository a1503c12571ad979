import {
  CopyObjectCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
} from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { DiscardedObject, ObjectBody, ObjectInfo } from '../../ports.ts';
import type { S3Session } from './client.ts';
import { isMissingObject } from './errors.ts';
import { bareEtag, decodeListedKey, isDamagedInXml } from './keys.ts';
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

/**
 * `ObjectStore.purge` on S3: in a versioned bucket, deletes all versions of the key up to the discarded one, which goes
 * last, so that an interrupted purge can be repeated; then the markers that hid them.
 */
export async function purgeObject(s3: S3Session, { key, id, version, etag }: DiscardedObject): Promise<void> {
  if (version !== undefined) {
    await deleteVersions(s3, key, await versionsUpTo(s3, key, ({ VersionId }) => VersionId === version));
    return;
  }
  const copied = TRASH_PREFIX + id;
  const copy = await headObject(s3, copied);
  if (copy?.version === undefined) return deleteObject(s3, copied, undefined);
  // The bucket got versions after the object was stored: below the marker its own is there, called "null".
  const isOld = ({ VersionId, IsLatest, ETag }: Listed) => VersionId === 'null' && !IsLatest && bareEtag(ETag) === etag;
  await deleteVersions(s3, key, await versionsUpTo(s3, key, isOld));
  await deleteVersions(s3, copied, [copy.version]);
}

async function deleteVersions(s3: S3Session, key: string, ids: readonly string[]): Promise<void> {
  for (const VersionId of ids) {
    await s3.call({ action: 'DeleteObjectVersion', key }, (abortSignal) =>
      s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key: key, VersionId }), { abortSignal }),
    );
  }
}

/**
 * All versions older than that one, itself, and the markers that hide them, unless there is a newer version now.
 */
async function versionsUpTo(s3: S3Session, key: string, isIt: (version: Listed) => boolean): Promise<string[]> {
  const versions: Listed[] = [];
  const markers: Listed[] = [];
  let from: Start = {};
  for (;;) {
    const page = await listVersions(s3, key, from);
    versions.push(...page.versions);
    markers.push(...page.markers);
    if (page.next === null) break;
    from = page.next;
  }
  // Newest first. Versions and markers are ordered only by time, in seconds: a marker of the same second may hide
  // another.
  const first = versions.findIndex(isIt);
  if (first < 0 && versions.length > 0) return [];
  const since = versions[first]?.LastModified?.getTime() ?? 0;
  const isOurs = ({ LastModified }: Listed) => first <= 0 || (LastModified?.getTime() ?? 0) < since;
  const ours = first < 0 ? [] : versions.slice(first).reverse();
  return [...ours, ...markers.filter(isOurs)].flatMap(({ VersionId }) => VersionId ?? []);
}

type Listed = Pick<ObjectVersion, 'VersionId' | 'LastModified' | 'IsLatest' | 'ETag'>;
type Start = { readonly KeyMarker?: string; readonly VersionIdMarker?: string };

/** A page of the versions of a key. URL-encoded where XML may damage the key. */
async function listVersions(
  s3: S3Session,
  key: string,
  from: Start,
): Promise<{ versions: Listed[]; markers: Listed[]; next: Start | null }> {
  const command = new ListObjectVersionsCommand({
    Bucket: s3.bucket,
    Prefix: key,
    EncodingType: s3.isOther && !isDamagedInXml(key) ? undefined : 'url',
    ...from,
  });
  const page = await s3.call({ action: 'ListObjectVersions', key }, (abortSignal) =>
    s3.client.send(command, { abortSignal }),
  );
  const isOfKey = (Key = '') => (page.EncodingType === 'url' ? decodeListedKey(Key) : Key) === key;
  return {
    versions: (page.Versions ?? []).filter(({ Key }) => isOfKey(Key)),
    markers: (page.DeleteMarkers ?? []).filter(({ Key }) => isOfKey(Key)),
    next:
      page.IsTruncated && isOfKey(page.NextKeyMarker)
        ? { KeyMarker: key, VersionIdMarker: page.NextVersionIdMarker }
        : null,
  };
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
