import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';
import { SightlineError } from '../../core/errors.ts';

/** The queue of S3 events, as far as this program talks to it itself. */
export interface MessageQueue {
  /** Sends 1 to 10 bodies of together at most 256 KiB (SQS, "Message quotas"). Answers the indices that were refused. */
  send(bodies: readonly string[]): Promise<number[]>;
  /** Delivers a message that is being handled again after so many seconds, 0 to 43,200, instead of after its timeout. */
  delay(receiptHandle: string, seconds: number): Promise<void>;
  close(): void;
}

export interface QueueOptions {
  /** Also says which server: the client talks to the host it names. */
  readonly url: string;
  readonly region?: string;
  readonly credentials?: SQSClientConfig['credentials'];
}

/** Sends nothing. Vendor faults become `unavailable`. */
export function openMessageQueue({ url, ...config }: QueueOptions): MessageQueue {
  const client = new SQSClient({ maxAttempts: 4, ...config });
  const call = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new SightlineError('unavailable', `${action} on ${url}: ${(error as Error).message}`, { cause: error });
    }
  };
  return {
    send: (bodies) =>
      call('SendMessageBatch', async () => {
        const Entries = bodies.map((MessageBody, i) => ({ Id: String(i), MessageBody }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
        return Failed.map(({ Id }) => Number(Id));
      }),
    delay: (ReceiptHandle, VisibilityTimeout) =>
      call('ChangeMessageVisibility', async () => {
        await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }));
      }),
    close: () => client.destroy(),
  };
}
