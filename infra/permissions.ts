import type { Settings } from './stack-settings';
import type { Storage } from './storage';

/**
 * What a function may do, a statement a purpose. Buckets are not linked, because SST's link of one means `s3:*`.
 */
type Permissions = Extract<NonNullable<sst.aws.FunctionArgs['permissions']>, readonly unknown[]>;

export function readPictures(settings: Settings, storage: Storage): Permissions {
  const others = settings.readBuckets.map(bucketArn);
  return [
    { actions: ['s3:GetObject'], resources: [storage.pictures.arn, ...others].map(objectsOf) },
    // Without it S3 answers 403 instead of 404 for what is gone.
    { actions: ['s3:ListBucket'], resources: [storage.pictures.arn, ...others] },
    ...(settings.readBucketKeys.length === 0
      ? []
      : [{ actions: ['kms:Decrypt'], resources: [...settings.readBucketKeys] }]),
  ];
}

/** Where versions are kept, a deleted picture is an older version, which comes back or goes for good. */
export function writePictures(storage: Storage): Permissions {
  const objects = [objectsOf(storage.pictures.arn)];
  return [
    { actions: ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], resources: objects },
    { actions: ['s3:GetObjectVersion', 's3:DeleteObjectVersion'], resources: objects },
    { actions: ['s3:ListBucketVersions'], resources: [storage.pictures.arn] },
    // A copy to the trash and back takes the tags along that others gave the object; without them S3 refuses it.
    { actions: ['s3:GetObjectTagging', 's3:GetObjectVersionTagging', 's3:PutObjectTagging'], resources: objects },
  ];
}

/** Failures and what the trash must remember are small objects in the state bucket. */
export function keepState(storage: Storage): Permissions {
  return [
    { actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], resources: [objectsOf(storage.state.arn)] },
    { actions: ['s3:ListBucket'], resources: [storage.state.arn] },
  ];
}

/** The key of the stack's own buckets; none is needed while it is S3's. */
export function useBucketKey({ bucketKey }: Settings): Permissions {
  if (bucketKey === undefined) return [];
  return [{ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [bucketKey] }];
}

/** How many messages there are, for GET /status. */
export function countMessages(queue: sst.aws.Queue): Permissions {
  return [{ actions: ['sqs:GetQueueAttributes'], resources: [queue.arn] }];
}

export function consume(queue: sst.aws.Queue): Permissions {
  return [
    {
      actions: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
      ],
      resources: [queue.arn],
    },
  ];
}

/** Trust policy: the Lambda service and nobody else. */
export function lambdaOnly(): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }],
  });
}

/** ARN of a bucket that is not the stack's, in the partition that is deployed to: aws, aws-cn or aws-us-gov. */
export function bucketArn(name: string): $util.Output<string> {
  return $interpolate`arn:${aws.getPartitionOutput().partition}:s3:::${name}`;
}

function objectsOf(arn: $util.Output<string>) {
  return $interpolate`${arn}/*`;
}
