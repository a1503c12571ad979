import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ListMessageMoveTasksCommand,
  type QueueAttributeName,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type SQSClientConfig,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { SightlineError } from '../../core/errors.ts';
import { pluralise } from '../../core/util/pluralise.ts';

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  /** Identifies this delivery, for `remove` and `delay`. */
  readonly receiptHandle: string;
  /** Number of deliveries, including this one. */
  readonly receives: number;
}

/** The queue of S3 events: the operations that this program uses. */
export interface MessageQueue {
  /** The last part of its URL. */
  readonly name: string;
  /**
   * Sends 1 to 10 bodies of at most 256 KiB in total (SQS, "Message quotas"). Returns the indices of refused ones.
   */
  send(bodies: readonly string[]): Promise<number[]>;
  /** Up to 10 messages; waits up to `waitSeconds` (0 to 20) for the first. */
  receive(options: { readonly waitSeconds: number; readonly signal?: AbortSignal }): Promise<ReceivedMessage[]>;
  /**
   * Deletes 1 to 10 handled messages. Returns the indices of those that could not be deleted; they will be delivered
   * again.
   */
  remove(receiptHandles: readonly string[]): Promise<number[]>;
  /**
   * Redelivers a message after so many seconds, 0 to 43,200, instead of after its visibility timeout.
   */
  delay(receiptHandle: string, seconds: number): Promise<void>;
  /** Messages waiting, in progress or delayed. Approximate, as documented by SQS. */
  depth(): Promise<number>;
  /**
   * The visibility timeout, and the number of deliveries before the dead letter queue: null for never.
   */
  settings(): Promise<{ readonly visibilitySeconds: number; readonly maxReceives: number | null }>;
  /**
   * Moves everything in its dead letter queue back to it.
   * @throws {unavailable} also when that is already in progress
   */
  redrive(): Promise<Redrive>;
  close(): void;
}

/** A move of messages back from a dead letter queue; counts are approximate, as documented by SQS. */
export interface Redrive {
  /** Name of the dead letter queue. */
  readonly from: string;
  /** Number of messages there. If 0, nothing was started. */
  readonly messages: number;
  /**
   * Its progress.
   * @throws {unavailable} when SQS gave up, with its reason
   */
  progress(): Promise<{ readonly moved: number; readonly isOver: boolean }>;
}

export interface QueueOptions {
  /** Also names the server: the client sends requests to its host. */
  readonly url: string;
  /** @default from the URL of an AWS queue, otherwise from the SDK */
  readonly region?: string;
  readonly credentials?: SQSClientConfig['credentials'];
  /** For one attempt, in addition to the wait of `receive`. @default 10000 */
  readonly timeoutMs?: number;
}

const MISSING = /NonExistentQueue|QueueDoesNotExist/;
/** Faults of the credentials themselves. */
const CREDENTIALS =
  /CredentialsProviderError|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId/;
/** Attempts per request, with growing pauses between them. */
const TRIES = 3;
const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

/**
 * Sends nothing. Its methods throw `invalid-config` when there is no such queue or the credentials are not accepted,
 * `unavailable` for everything else.
 * @throws {invalid-config} for an invalid URL
 */
export function openMessageQueue({ url, timeoutMs = 10_000, ...config }: QueueOptions): MessageQueue {
  if (!URL.canParse(url)) throw new SightlineError('invalid-config', `expected the URL of an SQS queue, got ${url}`);
  const aws = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\.com/.exec(url);
  const client = new SQSClient({
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
    // Otherwise the client takes the host from the URL and prints a warning.
    endpoint: aws === null ? new URL(url).origin : undefined,
    ...config,
    region: config.region ?? aws?.[1],
  });
  const call = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translated(error, `${action} on ${url}`);
    }
  };
  const attributes = (names: readonly QueueAttributeName[]) =>
    call('GetQueueAttributes', async () => {
      const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] });
      return (await client.send(command)).Attributes ?? {};
    });
  return {
    name: new URL(url).pathname.split('/').at(-1) || url,
    send: (bodies) =>
      call('SendMessageBatch', async () => {
        const Entries = bodies.map((MessageBody, i) => ({ Id: String(i), MessageBody }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
        return Failed.map(({ Id }) => Number(Id));
      }),
    receive: (options) => call('ReceiveMessage', () => receive(client, url, timeoutMs, options)),
    remove: (handles) =>
      call('DeleteMessageBatch', async () => {
        const Entries = handles.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
        const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
        return Failed.map(({ Id }) => Number(Id));
      }),
    delay: (ReceiptHandle, VisibilityTimeout) =>
      call('ChangeMessageVisibility', async () => {
        await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }));
      }),
    async depth() {
      const found = await attributes(COUNTS);
      return COUNTS.reduce((sum, name) => sum + Number(found[name] ?? 0), 0);
    },
    async settings() {
      const found = await attributes(['VisibilityTimeout', 'RedrivePolicy']);
      const redrive = JSON.parse(found.RedrivePolicy ?? '{}') as { maxReceiveCount?: number | string };
      return {
        visibilitySeconds: Number(found.VisibilityTimeout ?? 30),
        maxReceives: redrive.maxReceiveCount === undefined ? null : Number(redrive.maxReceiveCount),
      };
    },
    redrive: () => redrive(client, url, { call, attributes }),
    close: () => client.destroy(),
  };
}

/** See {@link MessageQueue.receive}. */
async function receive(
  client: SQSClient,
  url: string,
  timeoutMs: number,
  { waitSeconds, signal }: Parameters<MessageQueue['receive']>[0],
) {
  const command = new ReceiveMessageCommand({
    QueueUrl: url,
    MaxNumberOfMessages: 10,
    WaitTimeSeconds: waitSeconds,
    MessageSystemAttributeNames: ['ApproximateReceiveCount'],
  });
  const { Messages = [] } = await client.send(command, {
    abortSignal: signal,
    requestTimeout: timeoutMs + waitSeconds * 1000,
  });
  return Messages.map(({ MessageId, Body, ReceiptHandle, Attributes }) => ({
    id: MessageId ?? '',
    body: Body ?? '',
    receiptHandle: ReceiptHandle ?? '',
    receives: Number(Attributes?.ApproximateReceiveCount ?? 1),
  }));
}

interface Requests {
  readonly call: <T>(action: string, work: () => Promise<T>) => Promise<T>;
  readonly attributes: (names: readonly QueueAttributeName[]) => Promise<Partial<Record<string, string>>>;
}

/** See {@link MessageQueue.redrive}. */
async function redrive(client: SQSClient, url: string, { call, attributes }: Requests): Promise<Redrive> {
  const policy = JSON.parse((await attributes(['RedrivePolicy'])).RedrivePolicy ?? '{}');
  const SourceArn: string | undefined = policy.deadLetterTargetArn;
  const from = SourceArn?.split(':').at(-1);
  if (SourceArn === undefined || from === undefined) {
    throw new SightlineError('invalid-config', `expected a queue that has a dead letter queue, got ${url}`);
  }
  const QueueUrl = url.replace(/[^/]+$/, from);
  const messages = await call('GetQueueAttributes', async () => {
    const [AttributeName] = COUNTS;
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [AttributeName] });
    return Number((await client.send(command)).Attributes?.[AttributeName] ?? 0);
  });
  // An empty task would block others for a moment.
  if (messages > 0) {
    await call('StartMessageMoveTask', () => client.send(new StartMessageMoveTaskCommand({ SourceArn })));
  }
  return {
    from,
    messages,
    async progress() {
      if (messages === 0) return { moved: 0, isOver: true };
      const command = new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 });
      const { Results = [] } = await call('ListMessageMoveTasks', () => client.send(command));
      const { Status, ApproximateNumberOfMessagesMoved: moved = 0, FailureReason } = Results[0] ?? {};
      if (Status === 'FAILED' || Status === 'CANCELLED') {
        const why = FailureReason ?? `the task is ${Status.toLowerCase()}`;
        throw new SightlineError(
          'unavailable',
          `${from}: ${moved} of about ${pluralise(messages, 'message')} came back: ${why}`,
        );
      }
      return { moved, isOver: Status === 'COMPLETED' };
    },
  };
}

/** Translates an error of the SDK into a fault. */
function translated(error: unknown, where: string): SightlineError {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const fault = (code: 'invalid-config' | 'unavailable', text: string) =>
    new SightlineError(code, `${where}: ${text}`, { cause: error, details: { sqsError: name } });
  if (MISSING.test(name)) return fault('invalid-config', `there is no such queue: ${message}`);
  if (CREDENTIALS.test(name)) return fault('invalid-config', `expected valid AWS credentials, got ${name}: ${message}`);
  if (/AccessDenied/.test(name) || $metadata?.httpStatusCode === 403) {
    const [action] = where.split(' ');
    const needed = action!.replace('Batch', '');
    return fault('unavailable', `access denied. Expected a policy that allows sqs:${needed} on the queue: ${message}`);
  }
  if (name === 'TimeoutError' && !/ECONN|EPIPE/.test(message))
    return fault('unavailable', `no answer in time, ${TRIES} times`);
  return fault('unavailable', message || name);
}
