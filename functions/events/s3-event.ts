import { z } from 'zod';
import type { Job } from '../../core/decide-job.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';

/** Hexadecimal; grows with every event of one key. */
const sequencer = z
  .string()
  .regex(/^[0-9A-Fa-f]+$/)
  .nullish()
  .transform((value) => value ?? undefined);

/** The fields we read of one record (AWS, "Event message structure"). Unknown fields are ignored. */
const recordSchema = z.object({
  eventSource: z.string(),
  eventName: z.string().min(1),
  eventTime: z.string().optional(),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      /** Form-encoded: '+' is a space, everything else percent-encoded UTF-8. */
      key: z.string().min(1),
      /** Null or absent when the sender does not know it. */
      size: z.number().int().nonnegative().nullish(),
      eTag: z.string().nullish(),
      sequencer,
    }),
  }),
});
export type S3Record = z.input<typeof recordSchema>;

const eventSchema = z.object({ Records: z.array(z.unknown()) });
/** Sent once when notifications are set up; it has no records. */
const testEventSchema = z.object({ Event: z.literal('s3:TestEvent') });
/** SNS envelope of a notification (AWS, "Amazon SNS message formats"). */
const snsSchema = z.object({ Type: z.literal('Notification'), Message: z.string() });
/** EventBridge event of an object, whose key is not encoded (AWS, "EventBridge event message structure"). */
const eventBridgeSchema = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.string(),
  detail: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({ key: z.string().min(1), size: z.unknown(), etag: z.string().optional(), sequencer }),
  }),
});
/** The S3 notification for each EventBridge event; others change no object. */
const EVENT_BRIDGE_NAMES: Readonly<Record<string, string>> = {
  'Object Created': 'ObjectCreated:Put',
  'Object Deleted': 'ObjectRemoved:Delete',
  'Object Restore Completed': 'ObjectRestore:Completed',
};

export interface S3Event {
  readonly Records: readonly S3Record[];
}

/**
 * The jobs in an S3 event notification, given as JSON text or parsed, from S3 itself, SNS or EventBridge.
 * `s3:TestEvent` has none. Records that change no object (tags, replication...) and, if others are readable, unreadable
 * records are skipped and reported to `onIgnored`.
 * @throws {invalid-input} for anything else, or if no record can be read
 */
export function parseS3Event(body: unknown, onIgnored: (reason: string) => void = () => {}): Job[] {
  const event = unwrapped(typeof body === 'string' ? parseJson(body) : body);
  if (testEventSchema.safeParse(event).success) return [];
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) throw malformed(`got ${describeEnvelope(event)}`, parsed.error);
  const faults: SightlineError[] = [];
  const jobs = parsed.data.Records.flatMap((record) => {
    try {
      return jobOf(record, onIgnored);
    } catch (error) {
      if (!isSightlineError(error)) throw error;
      faults.push(error);
      return [];
    }
  });
  if (jobs.length === 0 && faults.length > 0) throw faults[0]!;
  for (const { message } of faults) onIgnored(message);
  return jobs;
}

/** The notification without its SNS or EventBridge envelopes, at any depth. */
function unwrapped(event: unknown): unknown {
  const sns = snsSchema.safeParse(event);
  if (sns.success) return unwrapped(parseJson(sns.data.Message));
  const bridge = eventBridgeSchema.safeParse(event);
  if (!bridge.success) return event;
  const { 'detail-type': type, detail } = bridge.data;
  const { key, etag, ...object } = detail.object;
  const eventName = EVENT_BRIDGE_NAMES[type] ?? type;
  const record = { bucket: detail.bucket, object: { ...object, key: encodeKey(key), eTag: etag } };
  return { Records: [{ eventSource: 'aws:s3', eventName, s3: record }] };
}

/** Describes something that is not a notification, by the names that identify envelopes. */
function describeEnvelope(event: unknown): string {
  if (typeof event !== 'object' || event === null) return event === null ? 'null' : `a ${typeof event}`;
  if (Array.isArray(event)) return `a list of ${event.length}`;
  const { source, 'detail-type': detailType, Type: type } = event as Record<string, unknown>;
  const named = [source, detailType, type].filter((name) => typeof name === 'string').join(', ');
  const fields = Object.keys(event).slice(0, 8).join(', ');
  return (
    `an envelope ${named === '' ? '' : `of ${named.slice(0, 100)} `}with the fields ` +
    `${fields.slice(0, 200) || 'none'}`
  );
}

/** The job of one record; none when it changes no object. */
function jobOf(given: unknown, onIgnored: (reason: string) => void): Job[] {
  const ignored = (reason: string): Job[] => {
    onIgnored(reason);
    return [];
  };
  const parsed = recordSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    // Records of an SNS subscription or a queue that invoke a function directly.
    const { eventSource, EventSource: source = eventSource } = Object(given) as Record<string, unknown>;
    const named = typeof source === 'string' ? `one of ${source.slice(0, 100)}: ` : '';
    throw malformed(`Records: ${named}${issue?.path.join('.')}: ${issue?.message}`, parsed.error);
  }
  const record = parsed.data;
  // Other S3 servers name themselves, such as minio:s3.
  if (!/(^|:)s3$/.test(record.eventSource)) {
    return ignored(`expected an event of S3, got one of ${record.eventSource}`);
  }
  const type = jobType(record.eventName);
  if (type === null) return ignored(`${record.eventName} changes no object`);
  const { bucket, object } = record.s3;
  if (type === 'created' && object.size === 0 && object.key.endsWith('/')) {
    return ignored('an empty object whose key ends with a slash: a folder marker of some tool');
  }
  // A restore does not change the object: it only requests another look.
  const sequencer = record.eventName.includes('ObjectRestore') ? null : (object.sequencer ?? null);
  return [{ type, bucket: bucket.name, key: decodeKey(object.key), sequencer }];
}

/**
 * Delete markers and lifecycle expirations count as deletions. In a versioned bucket `Delete` means that one version is
 * gone for good, which may be an old one: the handler has to check the object.
 */
function jobType(eventName: string): Job['type'] | null {
  const name = eventName.replace(/^s3:/, '');
  // Restored from the archive, it can be read for the first time.
  if (name.startsWith('ObjectCreated:') || name === 'ObjectRestore:Completed') return 'created';
  if (name.startsWith('ObjectRemoved:') || name.startsWith('LifecycleExpiration:')) return 'removed';
  return null;
}

/** Input of {@link toS3Event}. */
export interface ObjectChange {
  readonly type: Job['type'];
  readonly bucket: string;
  /** As in the object store, not encoded. */
  readonly key: string;
  /** Without one, an event only requests a look at the object as it is then. */
  readonly sequencer?: string;
  readonly bytes?: number;
  readonly etag?: string;
  readonly time: Date;
}

/** The notification that S3 would send about a change: one record, with the key encoded as S3 encodes it. */
export function toS3Event(change: ObjectChange): S3Event {
  return {
    Records: [
      {
        eventSource: 'aws:s3',
        eventName: change.type === 'created' ? 'ObjectCreated:Put' : 'ObjectRemoved:Delete',
        eventTime: change.time.toISOString(),
        s3: {
          bucket: { name: change.bucket },
          object: {
            key: encodeKey(change.key),
            size: change.bytes,
            eTag: change.etag,
            sequencer: change.sequencer,
          },
        },
      },
    ],
  };
}

/** As in a form: space as '+', and everything but letters, digits and -_.*~/ as percent-encoded UTF-8. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/');
}

/**
 * @throws {invalid-input} for what is not form-encoded UTF-8
 */
export function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch (error) {
    throw malformed(`the key ${JSON.stringify(encoded)} is not form-encoded UTF-8`, error);
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw malformed('the body is not JSON', error);
  }
}

function malformed(problem: string, cause: unknown): SightlineError {
  return new SightlineError('invalid-input', `expected an S3 event notification; ${problem}`, { cause });
}
