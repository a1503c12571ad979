import PQueue from 'p-queue';
import pRetry, { AbortError } from 'p-retry';
import { SightlineError } from '../../core/errors.ts';
import type { ListedObject, ObjectStore } from '../../core/ports.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import { toS3Event } from '../events/s3-event.ts';
import type { MessageQueue } from '../events/sqs-client.ts';

export interface BackfillOptions {
  readonly objects: Pick<ObjectStore, 'bucket' | 'list'>;
  /** Null only counts. */
  readonly queue: Pick<MessageQueue, 'send'> | null;
  readonly prefix: string;
  /** Where an earlier call stopped. */
  readonly from?: BackfillState;
  /** Maximum pictures per second. */
  readonly rate?: number;
  /** Larger objects are not sent; the functions would refuse them. Bytes. */
  readonly maxBytes: number;
  /** Called when everything up to a point was sent, with the state to resume from. */
  readonly onProgress?: (state: BackfillState) => void | Promise<void>;
  /** Called after each request with the number of pictures announced so far, earlier calls included. */
  readonly onSent?: (pictures: number) => void;
  readonly signal?: AbortSignal;
}

/** Progress. `cursor` is absent at the start. */
export interface BackfillState {
  readonly cursor?: string;
  readonly sent: number;
  readonly messages: number;
  readonly bytes: number;
  /** Empty objects, such as the markers some tools make for folders. */
  readonly empty: number;
  readonly tooLarge: number;
  /** In Glacier: S3 sends an event when they have been restored. */
  readonly archived: number;
}

/** Pictures per message: few, so that a failing one costs little when the message is redelivered. */
const PICTURES_A_MESSAGE = 10;
/** Maximum messages per request, and bytes per message or request (SQS, "Message quotas"). */
const MESSAGES_A_REQUEST = 10;
const REQUEST_BYTES = 250_000;
const PICTURES_A_REQUEST = PICTURES_A_MESSAGE * MESSAGES_A_REQUEST;
const TRIES = 5;

export const START: BackfillState = { sent: 0, messages: 0, bytes: 0, empty: 0, tooLarge: 0, archived: 0 };

/**
 * Sends events for all objects of a bucket as S3 would, so that the functions behind the queue index them. The events
 * have no sequencer: each only requests a look at the object as it is then. It can be stopped at any time and resumed
 * from the last state; objects announced twice are found unchanged. Returns the last state, and whether the end was
 * reached.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillState & { finished: boolean }> {
  const { objects, queue, prefix, maxBytes, rate = Number.POSITIVE_INFINITY, signal } = options;
  let state = options.from ?? START;
  const turns = new PQueue({ intervalCap: 1, interval: (PICTURES_A_REQUEST / rate) * 1000 });
  while (signal?.aborted !== true) {
    const page = await objects.list({ prefix, cursor: state.cursor, limit: 1000 });
    const of = Object.groupBy(page.items, (object) => kindOf(object, maxBytes));
    const wanted = of.wanted ?? [];
    const messages = messagesOf(objects.bucket, wanted);
    let announced = state.sent;
    for (const request of queue === null ? [] : requestsOf(messages)) {
      await turns.add(async () => {}, { signal }).catch(() => {});
      // The next call repeats this page; objects already sent are found unchanged.
      if (signal?.aborted) return { ...state, finished: false };
      const bodies = request.map(({ body }) => body);
      await send(queue!, bodies);
      announced += request.reduce((sum, message) => sum + message.pictures, 0);
      options.onSent?.(announced);
    }
    state = {
      cursor: page.next,
      sent: state.sent + wanted.length,
      messages: state.messages + messages.length,
      bytes: state.bytes + wanted.reduce((sum, { bytes }) => sum + bytes, 0),
      empty: state.empty + (of.empty?.length ?? 0),
      tooLarge: state.tooLarge + (of.tooLarge?.length ?? 0),
      archived: state.archived + (of.archived?.length ?? 0),
    };
    await options.onProgress?.(state);
    if (page.next === undefined) return { ...state, finished: true };
  }
  return { ...state, finished: false };
}

function kindOf(object: ListedObject, maxBytes: number): 'wanted' | 'empty' | 'tooLarge' | 'archived' {
  if (object.bytes === 0) return 'empty';
  if (object.bytes > maxBytes) return 'tooLarge';
  return object.archived ? 'archived' : 'wanted';
}

/** One message: its body, and its number of pictures. */
interface Announcement {
  readonly body: string;
  readonly pictures: number;
}

function messagesOf(bucket: string, objects: readonly ListedObject[]): Announcement[] {
  const messages: Announcement[] = [];
  for (let i = 0; i < objects.length; i += PICTURES_A_MESSAGE) {
    const Records = objects.slice(i, i + PICTURES_A_MESSAGE).flatMap(({ key, bytes, etag, lastModified: time }) => {
      return toS3Event({ type: 'created', bucket, key, bytes, etag, time }).Records;
    });
    messages.push({ body: JSON.stringify({ Records }), pictures: Records.length });
  }
  return messages;
}

function requestsOf(messages: readonly Announcement[]): Announcement[][] {
  const requests: Announcement[][] = [];
  let size = 0;
  for (const message of messages) {
    const bytes = Buffer.byteLength(message.body);
    const last = requests.at(-1);
    if (last === undefined || last.length === MESSAGES_A_REQUEST || size + bytes > REQUEST_BYTES) {
      requests.push([message]);
      size = bytes;
    } else {
      last.push(message);
      size += bytes;
    }
  }
  return requests;
}

/**
 * Sends messages, repeating refused ones with growing pauses.
 * @throws {unavailable} when messages are still refused
 */
async function send(queue: Pick<MessageQueue, 'send'>, bodies: readonly string[]): Promise<void> {
  let left = bodies;
  const attempt = async () => {
    const refused = await queue.send(left).catch((error: Error) => Promise.reject(new AbortError(error)));
    left = refused.map((i) => left[i]!);
    if (left.length === 0) return;
    throw new SightlineError('unavailable', `the queue refused ${pluralise(left.length, 'message')} ${TRIES} times`);
  };
  await pRetry(attempt, { retries: TRIES - 1, minTimeout: 50 });
}
