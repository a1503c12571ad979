import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type _Object as S3Object } from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';
import type { ListedObject, ListOptions } from '../../ports.ts';
import type { Page } from '../../types.ts';
import { compareUtf8 } from '../../util/utf8-order.ts';
import { pageCursor, pageStart } from '../key-cursor.ts';
import type { S3Session } from './client.ts';
import { isUnreadable } from './errors.ts';
import { bareEtag, decodeListedKey, isDamagedInXml, isHidden } from './keys.ts';

/** `ObjectStore.list` on S3. */
export async function listObjects(s3: S3Session, options: ListOptions): Promise<Page<ListedObject>> {
  const { prefix = '', limit } = options;
  const after = pageStart([prefix], options) || undefined;
  // Some servers return an empty page with a token; continue with it.
  let token: string | undefined;
  let answer: ListObjectsV2CommandOutput;
  do {
    answer = await listPage(s3, { prefix, limit, after, token });
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
  const [first] = items;
  if (after !== undefined && first !== undefined && compareUtf8(first.key, after) <= 0) {
    // Following the cursors would never end.
    const message =
      `ListObjectsV2 of bucket ${s3.bucket}: expected keys after ${JSON.stringify(after)}, ` +
      `got ${JSON.stringify(first.key)}: the server ignores start-after`;
    throw new SightlineError('unavailable', message);
  }
  const last = items.at(-1);
  const shown = items.filter(({ key }) => !isHidden(key));
  if (!answer.IsTruncated || last === undefined) return { items: shown };
  const next = pageCursor([prefix], last.key);
  // Only the last page may be empty.
  return shown.length === 0 ? listObjects(s3, { ...options, cursor: next }) : { items: shown, next };
}

/**
 * Requests a page URL-encoded, as S3 recommends for keys that XML cannot hold. With other servers only if XML may have
 * damaged a key, because some of them then compare encoded keys with the cursor and skip keys.
 */
async function listPage(
  s3: S3Session,
  { prefix, limit, after, token }: { prefix: string; limit: number; after?: string; token?: string },
): Promise<ListObjectsV2CommandOutput> {
  const list = (EncodingType?: 'url') => {
    const command = new ListObjectsV2Command({
      Bucket: s3.bucket,
      Prefix: prefix,
      MaxKeys: limit,
      EncodingType,
      // Distinguishes restored archived objects from unreadable ones.
      OptionalObjectAttributes: ['RestoreStatus'],
      ContinuationToken: token,
      // Not the service's own token: this one is validated, and never expires.
      StartAfter: after,
    });
    return s3.call({ action: 'ListObjectsV2' }, async (abortSignal) => {
      try {
        return await s3.client.send(command, { abortSignal });
      } catch (error) {
        if (EncodingType === undefined && isUnreadable(error)) return null;
        throw error;
      }
    });
  };
  const plain = s3.isOther ? await list() : null;
  const isSound = plain?.Contents?.every(({ Key = '' }) => !isDamagedInXml(Key)) ?? plain !== null;
  return (isSound ? plain : await list('url'))!;
}

/**
 * Whether an object's storage class requires a restore before it can be read, and there is no restored copy (S3,
 * "Restoring an archived object").
 */
function isArchived({ StorageClass, RestoreStatus }: S3Object): boolean {
  if (StorageClass !== 'GLACIER' && StorageClass !== 'DEEP_ARCHIVE') return false;
  return (RestoreStatus?.RestoreExpiryDate?.getTime() ?? 0) <= Date.now();
}
