import { z } from 'zod';
import { SightlineError } from '../../core/errors.ts';
import type { Job } from '../../core/index-image.ts';

/** What we read of one record (AWS, "Event message structure"). Fields that are added later do not disturb. */
const recordSchema = z.object({
  eventSource: z.string(),
  eventName: z.string().min(1),
  eventTime: z.string().optional(),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      /** Form-encoded: '+' is a space, everything else percent-encoded UTF-8. */
      key: z.string().min(1),
      size: z.number().int().nonnegative().optional(),
      eTag: z.string().optional(),
      versionId: z.string().optional(),
      /** Hexadecimal; grows with every event of one key. */
      sequencer: z
        .string()
        .regex(/^[0-9A-Fa-f]+$/)
        .optional(),
    }),
  }),
});
const eventSchema = z.object({ Records: z.array(recordSchema) });
/** Sent once when notifications are set up; it has no records. */
const testEventSchema = z.object({ Event: z.literal('s3:TestEvent') });

export type S3Event = z.infer<typeof eventSchema>;

/**
 * The jobs in the body of an S3 event notification, given as JSON text or already parsed. `s3:TestEvent` has none.
 * Records of events that change no object (tags, replication...) are left out and told to `onIgnored`.
 * Throws `invalid-input` for anything that is no such notification.
 */
export function parseS3Event(body: unknown, onIgnored: (reason: string) => void = () => {}): Job[] {
  const event = typeof body === 'string' ? parseJson(body) : body;
  if (testEventSchema.safeParse(event).success) return [];
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join('.') || 'the body'}: ${issue?.message}`, parsed.error);
  }
  return parsed.data.Records.flatMap((record) => {
    // Other S3 servers name themselves, such as minio:s3.
    if (!/(^|:)s3$/.test(record.eventSource)) {
      onIgnored(`expected an event of S3, got one of ${record.eventSource}`);
      return [];
    }
    const type = jobType(record.eventName);
    if (type === null) {
      onIgnored(`${record.eventName} changes no object`);
      return [];
    }
    const { bucket, object } = record.s3;
    if (type === 'created' && object.size === 0 && object.key.endsWith('/')) {
      onIgnored('an empty object whose key ends with a slash: a folder, as some tools make them');
      return [];
    }
    // A restore is no change of the object: it only asks to look again.
    const sequencer = record.eventName.includes('ObjectRestore') ? null : (object.sequencer ?? null);
    return [{ type, bucket: bucket.name, key: decodeKey(object.key), sequencer }];
  });
}

/**
 * A delete marker hides the object, and a lifecycle rule that expires it removes it: both as gone as deleted. Where versions are
 * kept, `Delete` says that one of them has gone for good, which may be an old one: whoever handles it has to look.
 */
function jobType(eventName: string): Job['type'] | null {
  const name = eventName.replace(/^s3:/, '');
  // Back from the archive, it can be read for the first time.
  if (name.startsWith('ObjectCreated:') || name === 'ObjectRestore:Completed') return 'created';
  if (name.startsWith('ObjectRemoved:') || name.startsWith('LifecycleExpiration:')) return 'removed';
  return null;
}

/** What `toS3Event` needs to know. */
export interface ObjectChange {
  readonly type: Job['type'];
  readonly bucket: string;
  /** As the object store knows it. */
  readonly key: string;
  /** Without one an event only asks to look at the object as it is then. */
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

/** Throws `invalid-input` for what is not form-encoded UTF-8. */
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
