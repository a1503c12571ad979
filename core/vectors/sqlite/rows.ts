import type { StoredPoint, Tombstone } from '../../ports.ts';
import type { Payload } from '../../types.ts';
import { instantOf, sortableSequencer } from '../validate.ts';

/** What one row of `points` holds beside its key and slot, as SQLite takes it. */
type Columns = Record<string, string | number | null>;

/** The columns that {@link payloadOf} needs, with the tags as JSON in their order. */
export const PAYLOAD_COLUMNS = `p.id, p.slot, p.sequencer, p.kind, p.indexed_at, p.bucket, p.key, p.etag, p.sha256,
  p.content_type, p.bytes, p.width, p.height, p.taken_at, p.caption,
  (SELECT json_group_array(tag ORDER BY position) FROM tags WHERE point = p.row) AS tags`;

const FIELDS = [
  'slot',
  'seq',
  'sequencer',
  'kind',
  'indexed_at',
  'indexed_ms',
  'bucket',
  'key',
  'etag',
  'sha256',
  'content_type',
  'bytes',
  'width',
  'height',
  'taken_at',
  'taken_ms',
  'caption',
] as const;

export const INSERT_POINT = `INSERT INTO points (collection, id, ${FIELDS.join(', ')})
  VALUES (:collection, :id, ${FIELDS.map((name) => `:${name}`).join(', ')})`;
export const UPDATE_POINT = `UPDATE points SET ${FIELDS.map((name) => `${name} = :${name}`).join(', ')}
  WHERE collection = :collection AND id = :id`;

/** The values of {@link INSERT_POINT} and {@link UPDATE_POINT} for a checked payload. */
export function columnsOf(payload: Payload): Columns {
  const shared = {
    seq: sortableSequencer(payload.sequencer),
    sequencer: payload.sequencer,
    kind: payload.kind,
    indexed_at: payload.indexedAt,
    indexed_ms: instantOf(payload.indexedAt, 'indexedAt'),
  };
  if (payload.kind === 'caption') return { ...NO_IMAGE, ...shared, caption: payload.caption };
  return {
    ...shared,
    bucket: payload.bucket,
    key: payload.key,
    etag: payload.etag,
    sha256: payload.sha256,
    content_type: payload.contentType,
    bytes: payload.bytes,
    width: payload.width,
    height: payload.height,
    taken_at: payload.takenAt,
    taken_ms: payload.takenAt === null ? null : instantOf(payload.takenAt, 'takenAt'),
    caption: null,
  };
}

const NO_IMAGE: Columns = {
  bucket: null,
  key: null,
  etag: null,
  sha256: null,
  content_type: null,
  bytes: null,
  width: null,
  height: null,
  taken_at: null,
  taken_ms: null,
};

/** A row of {@link PAYLOAD_COLUMNS} as it was given to {@link columnsOf}. */
export function payloadOf(row: Record<string, unknown>): Payload {
  const shared = {
    sequencer: row.sequencer as string,
    tags: JSON.parse(row.tags as string) as string[],
    indexedAt: row.indexed_at as string,
  };
  if (row.kind === 'caption') return { kind: 'caption', ...shared, caption: row.caption as string };
  return {
    kind: 'image',
    ...shared,
    bucket: row.bucket as string,
    key: row.key as string,
    etag: row.etag as string,
    sha256: row.sha256 as string,
    contentType: row.content_type as string,
    bytes: row.bytes as number,
    width: row.width as number,
    height: row.height as number,
    takenAt: row.taken_at as string | null,
  };
}

export function storedPointOf(row: Record<string, unknown>): StoredPoint {
  return { id: row.id as string, deleted: false, payload: payloadOf(row) };
}

export function tombstoneOf(row: Record<string, unknown>): Tombstone {
  return {
    id: row.id as string,
    deleted: true,
    sequencer: row.sequencer as string,
    deletedAt: row.deleted_at as string,
  };
}
