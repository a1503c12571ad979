import { bucketArn } from './permissions';
import type { Settings } from './stack-settings';
import type { Storage } from './storage';

/** AWS asks for a visibility timeout of at least six times the function's (Lambda guide, "Configuring SQS"). */
const VISIBILITY_FACTOR = 6;
const FOURTEEN_DAYS_SECONDS = 14 * 24 * 3600;

/**
 * S3 sends an event for every created, restored and removed object to a queue. Messages that keep failing move to the
 * dead-letter queue, and wait there two weeks for `aws sqs start-message-move-task`.
 */
export function createEvents(settings: Settings, storage: Storage) {
  const deadLetters = new sst.aws.Queue('DeadLetters', {
    transform: {
      queue: (args) => {
        args.sqsManagedSseEnabled = true;
        args.messageRetentionSeconds = FOURTEEN_DAYS_SECONDS;
      },
    },
  });
  const queue = new sst.aws.Queue('Events', {
    dlq: { queue: deadLetters.arn, retry: settings.maxReceives },
    visibilityTimeout: `${VISIBILITY_FACTOR * settings.ingestTimeoutSeconds} seconds`,
    transform: {
      queue: (args) => {
        args.sqsManagedSseEnabled = true;
        args.messageRetentionSeconds = FOURTEEN_DAYS_SECONDS;
        args.receiveWaitTimeSeconds = 20;
      },
    },
  });
  new aws.sqs.RedriveAllowPolicy('DeadLettersAllow', {
    queueUrl: deadLetters.url,
    redriveAllowPolicy: $jsonStringify({ redrivePermission: 'byQueue', sourceQueueArns: [queue.arn] }),
  });

  const policy = queuePolicy(queue, [storage.pictures.arn, ...settings.readBuckets.map(bucketArn)]);
  new aws.s3.BucketNotification(
    'PicturesNotification',
    {
      bucket: storage.pictures.name,
      queues: (settings.prefixes.length === 0 ? [undefined] : settings.prefixes).map((filterPrefix, i) => ({
        id: `sightline-${i}`,
        queueArn: queue.arn,
        events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:LifecycleExpiration:*', 's3:ObjectRestore:Completed'],
        filterPrefix,
      })),
    },
    { dependsOn: [policy] },
  );
  return { queue, deadLetters };
}

export type Events = ReturnType<typeof createEvents>;

/** Lets these buckets send. `bucket.notify` would let S3, SNS and EventBridge of every account. */
function queuePolicy(queue: sst.aws.Queue, buckets: $util.Input<string>[]) {
  return new aws.sqs.QueuePolicy('EventsPolicy', {
    queueUrl: queue.url,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          actions: ['sqs:SendMessage'],
          resources: [queue.arn],
          principals: [{ type: 'Service', identifiers: ['s3.amazonaws.com'] }],
          conditions: [
            {
              test: 'ArnEquals',
              variable: 'aws:SourceArn',
              values: buckets,
            },
            {
              test: 'StringEquals',
              variable: 'aws:SourceAccount',
              values: [aws.getCallerIdentityOutput().accountId],
            },
          ],
        },
      ],
    }).json,
  });
}
