import type { Settings } from './stack-settings';
import type { Storage } from './storage';

/**
 * Permissions of a function, one statement per purpose. Buckets are not linked, because SST's link grants `s3:*`.
 */
type Permissions = Extract<NonNullable<sst.aws.FunctionArgs['permissions']>, readonly unknown[]>;

export function readPictures(settings: Settings, storage: Storage): Permissions {
  const others = settings.readBuckets.map(bucketArn);
  return [
    { actions: ['s3:GetObject'], resources: [storage.pictures.arn, ...others].map(objectsOf) },
    // Without it, S3 answers 403 instead of 404 for missing objects.
    { actions: ['s3:ListBucket'], resources: [storage.pictures.arn, ...others] },
    ...(settings.readBucketKeys.length === 0
      ? []
      : [{ actions: ['kms:Decrypt'], resources: [...settings.readBucketKeys] }]),
  ];
}

/** In versioned buckets a deleted picture is an older version, to restore or to delete permanently. */
export function writePictures(storage: Storage): Permissions {
  const objects = [objectsOf(storage.pictures.arn)];
  return [
    { actions: ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], resources: objects },
    { actions: ['s3:GetObjectVersion', 's3:DeleteObjectVersion'], resources: objects },
    { actions: ['s3:ListBucketVersions'], resources: [storage.pictures.arn] },
    // Copies to and from the trash keep S3 object tags; without these permissions S3 refuses to copy.
    { actions: ['s3:GetObjectTagging', 's3:GetObjectVersionTagging', 's3:PutObjectTagging'], resources: objects },
  ];
}

/** Failures and trash records are small objects in the state bucket. */
export function keepState(storage: Storage): Permissions {
  return [
    { actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], resources: [objectsOf(storage.state.arn)] },
    { actions: ['s3:ListBucket'], resources: [storage.state.arn] },
  ];
}

/** Permissions for the KMS key of the stack's buckets; none with S3's own key. */
export function useBucketKey({ bucketKey }: Settings): Permissions {
  if (bucketKey === undefined) return [];
  return [{ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [bucketKey] }];
}

/** Message counts for GET /status. */
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

/** Trust policy: only the Lambda service. */
export function lambdaOnly(): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }],
  });
}

/** ARN of an external bucket, in the partition of the deployment: aws, aws-cn or aws-us-gov. */
export function bucketArn(name: string): $util.Output<string> {
  return $interpolate`arn:${aws.getPartitionOutput().partition}:s3:::${name}`;
}

function objectsOf(arn: $util.Output<string>) {
  return $interpolate`${arn}/*`;
}
