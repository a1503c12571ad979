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

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  /** Names this delivery, for `remove` and `delay`. */
  readonly receiptHandle: string;
  /** How often it has been delivered, this time included. */
  readonly receives: number;
}

/** The queue of S3 events, as far as this program talks to it itself. */
export interface MessageQueue {
  /** As its URL ends. */
  readonly name: string;
  /**
   * Sends 1 to 10 bodies of together at most 256 KiB (SQS, "Message quotas"). Answers the indices that were refused.
   */
  send(bodies: readonly string[]): Promise<number[]>;
  /** Up to 10 messages; waits for the first one up to so many seconds, 0 to 20. */
  receive(options: { readonly waitSeconds: number; readonly signal?: AbortSignal }): Promise<ReceivedMessage[]>;
  /**
   * Deletes 1 to 10 messages that were handled. Answers the indices of those that could not be; they will come again.
   */
  remove(receiptHandles: readonly string[]): Promise<number[]>;
  /**
   * Delivers a message that is being handled again after so many seconds, 0 to 43,200, instead of after its timeout.
   */
  delay(receiptHandle: string, seconds: number): Promise<void>;
  /** Messages that wait, are being handled or wait for their next delivery. Approximate, as SQS says itself. */
  depth(): Promise<number>;
  /**
   * How long a message is hidden once it is delivered, and after how many deliveries it is put aside: null for never.
   */
  settings(): Promise<{ readonly visibilitySeconds: number; readonly maxReceives: number | null }>;
  /**
   * Sends everything that was put aside in its dead letter queue through it again. Throws `unavailable` also when
   * that has been begun already and goes on.
   */
  redrive(): Promise<Redrive>;
  close(): void;
}

/** Messages on their way back from a dead letter queue; counts are approximate, as SQS says itself. */
export interface Redrive {
  /** Name of the dead letter queue. */
  readonly from: string;
  /** That waited there. With none, nothing has been begun. */
  readonly messages: number;
  /** How far it is. Throws `unavailable` when SQS gave up, with its reason. */
  progress(): Promise<{ readonly moved: number; readonly isOver: boolean }>;
}

export interface QueueOptions {
  /** Also says which server: the client talks to the host it names. */
  readonly url: string;
  /** Default: the one in the URL of a queue of AWS, else as the SDK finds it. */
  readonly region?: string;
  readonly credentials?: SQSClientConfig['credentials'];
  /** For one try of a request, beside what `receive` is told to wait. @default 10000 */
  readonly timeoutMs?: number;
}

const MISSING = /NonExistentQueue|QueueDoesNotExist/;
/** Faults of the credentials themselves. */
const CREDENTIALS =
  /CredentialsProviderError|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId/;
/** Tries of a request, with growing pauses between them. */
const TRIES = 3;
const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

/**
 * Sends nothing. Its methods throw `invalid-config` when there is no such queue or the credentials are not accepted,
 * `unavailable` for everything else.
 * @throws {invalid-config} for a URL that is none
 */
export function openMessageQueue({ url, timeoutMs = 10_000, ...config }: QueueOptions): MessageQueue {
  if (!URL.canParse(url)) throw new SightlineError('invalid-config', `expected the URL of an SQS queue, got ${url}`);
  const aws = /^https:\/\/sqs\.([a-z0-9-]+)\.amazonaws\.com/.exec(url);
  const client = new SQSClient({
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
    // The client would take the host from the URL by itself, and print a warning about it.
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
    receive: ({ waitSeconds, signal }) =>
      call('ReceiveMessage', async () => {
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
      }),
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
  // A task that moves nothing would keep others from beginning for a moment.
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
        throw new SightlineError('unavailable', `${from}: ${moved} of about ${messages} messages came back: ${why}`);
      }
      return { moved, isOver: Status === 'COMPLETED' };
    },
  };
}

/** The fault in the words of this program. */
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
