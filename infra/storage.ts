import { isProduction, type Settings } from './settings';

/** The pictures, and what the functions must remember about them (failures), in buckets nobody else can read. */
export function createStorage(settings: Settings) {
  const pictures = privateBucket('Pictures', settings, {
    // Browsers send presigned uploads straight to the bucket; without an origin there is nobody to allow.
    cors:
      settings.corsOrigins.length === 0
        ? false
        : {
            allowOrigins: settings.corsOrigins,
            allowMethods: ['GET', 'HEAD', 'PUT'],
            allowHeaders: ['content-type', 'content-length', 'if-none-match'],
            exposeHeaders: ['ETag'],
            maxAge: '1 hour',
          },
  });
  const state = privateBucket('State', settings, { cors: false });
  return { pictures, state };
}

export type Storage = ReturnType<typeof createStorage>;

/** Encrypted, private, TLS only; parts of broken multipart uploads go after a day. Versioned where data is kept. */
function privateBucket(name: string, settings: Settings, args: Pick<sst.aws.BucketArgs, 'cors'>) {
  const bucket = new sst.aws.Bucket(name, {
    ...args,
    versioning: isProduction(settings),
    enforceHttps: true,
    transform: {
      bucket: (bucketArgs) => {
        bucketArgs.forceDestroy = !isProduction(settings);
      },
    },
  });
  new aws.s3.BucketServerSideEncryptionConfiguration(`${name}Encryption`, {
    bucket: bucket.name,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  });
  new aws.s3.BucketOwnershipControls(`${name}Ownership`, {
    bucket: bucket.name,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  });
  new aws.s3.BucketLifecycleConfiguration(`${name}Lifecycle`, {
    bucket: bucket.name,
    rules: [
      {
        id: 'abandoned-uploads',
        status: 'Enabled',
        filter: { prefix: '' },
        abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
      },
      ...(isProduction(settings)
        ? [
            {
              id: 'old-versions',
              status: 'Enabled',
              filter: { prefix: '' },
              noncurrentVersionExpiration: { noncurrentDays: 30 },
            },
          ]
        : []),
    ],
  });
  return bucket;
}
