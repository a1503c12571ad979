import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { startFauxqs } from 'fauxqs';

/** A queue with a dead letter queue, and what Lambda does between it and a function. */
export interface TestQueue {
  readonly url: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string };
  send(...bodies: string[]): void;
  /** Up to ten messages, as Lambda delivers them; null if none is visible. */
  receive(): Promise<SQSEvent | null>;
  /** Deletes handled messages, as Lambda does after the response. */
  settle(event: SQSEvent, answer: SQSBatchResponse): Promise<void>;
  /** Bodies in the dead letter queue. */
  deadLetters(): string[];
  /**
   * Moves all of them back, like `aws sqs start-message-move-task`: as new messages with new ids and no earlier
   * deliveries (SQS, "Dead-letter queue redrive"). No local server implements the command itself.
   */
  redrive(): Promise<void>;
  /** Messages in the queue, including hidden ones. */
  size(): number;
  stop(): Promise<void>;
}

const ARN = 'arn:aws:sqs:eu-central-1:000000000000';

export async function startQueue(options: { maxReceives: number; visibilitySeconds: number }): Promise<TestQueue> {
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false, defaultRegion: 'eu-central-1' });
  const region = 'eu-central-1';
  server.createQueue('dead-letters', { region });
  server.createQueue('events', {
    region,
    attributes: {
      VisibilityTimeout: String(options.visibilitySeconds),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: `${ARN}:dead-letters`,
        maxReceiveCount: options.maxReceives,
      }),
    },
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new SQSClient({ region, endpoint, credentials });
  const url = `${endpoint}/000000000000/events`;
  const bodiesOf = (name: string) => {
    const { ready = [], delayed = [], inflight = [] } = server.inspectQueue(name)?.messages ?? {};
    return [...ready, ...delayed, ...inflight.map(({ message }) => message)].map(({ body }) => body);
  };
  return {
    url,
    credentials,
    send: (...bodies) => {
      for (const body of bodies) server.sendMessage('events', body, { region });
    },
    async receive() {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] }),
      );
      if (Messages.length === 0) return null;
      return {
        Records: Messages.map(
          (message): SQSRecord => ({
            messageId: message.MessageId!,
            receiptHandle: message.ReceiptHandle!,
            body: message.Body!,
            attributes: message.Attributes as unknown as SQSRecord['attributes'],
            messageAttributes: {},
            md5OfBody: message.MD5OfBody!,
            eventSource: 'aws:sqs',
            eventSourceARN: `${ARN}:events`,
            awsRegion: region,
          }),
        ),
      };
    },
    async settle(event, answer) {
      const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { messageId, receiptHandle } of event.Records) {
        if (failed.has(messageId)) continue;
        await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receiptHandle }));
      }
    },
    deadLetters: () => bodiesOf('dead-letters'),
    async redrive() {
      const from = `${endpoint}/000000000000/dead-letters`;
      for (;;) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl: from, MaxNumberOfMessages: 10 }),
        );
        if (Messages.length === 0) return;
        for (const { Body, ReceiptHandle } of Messages) {
          await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: Body }));
          await client.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }));
        }
      }
    },
    size: () => bodiesOf('events').length,
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}
