import { isProduction, type Settings } from './stack-settings';

/** Private buckets for the pictures and for the functions' state. */
export function createStorage(settings: Settings) {
  // A day longer than the program keeps them, so that it expires them first.
  const trashDays = settings.trashDays + 1;
  const vanishedDays = Math.ceil(settings.vanishedHours / 24) + 1;
  const pictures = privateBucket('Pictures', settings, { trash: ['.sightline/trash/', trashDays] });
  const state = privateBucket('State', settings, {
    trash: ['trash/', trashDays],
    vanished: ['vanished/', vanishedDays],
  });
  return { pictures, state };
}

export type Storage = ReturnType<typeof createStorage>;

/**
 * CORS rule for signed uploads of browsers straight to the bucket, from the page at `url` and from other allowed
 * origins. Separate from the bucket, because the page's URL is only known once its function exists.
 */
export function allowUploads(settings: Settings, storage: Storage, url: $util.Output<string>) {
  new aws.s3.BucketCorsConfiguration('PicturesCors', {
    bucket: storage.pictures.name,
    corsRules: [
      {
        allowedOrigins: [url.apply((at) => at.replace(/\/$/, '')), ...settings.corsOrigins],
        allowedMethods: ['GET', 'HEAD', 'PUT'],
        allowedHeaders: ['content-type', 'content-length', 'if-none-match'],
        exposeHeaders: ['ETag'],
        maxAgeSeconds: 3600,
      },
    ],
  });
}

/**
 * Encrypted, private, TLS only; incomplete multipart uploads expire after a day. Versioned where data is kept.
 *
 * @param expiring Lifecycle rules by name: a key prefix and the days after which objects expire.
 */
function privateBucket(
  name: string,
  settings: Settings,
  expiring: Readonly<Record<string, readonly [string, number]>>,
) {
  const bucket = new sst.aws.Bucket(name, {
    cors: false,
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
    rules: [
      settings.bucketKey === undefined
        ? { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }
        : {
            applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: settings.bucketKey },
            // One KMS request per bucket and hour instead of one per object.
            bucketKeyEnabled: true,
          },
    ],
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
      ...Object.entries(expiring).map(([id, [prefix, days]]) => ({
        id,
        status: 'Enabled',
        filter: { prefix },
        expiration: { days },
      })),
      ...(isProduction(settings)
        ? [
            {
              id: 'old-versions',
              status: 'Enabled',
              filter: { prefix: '' },
              noncurrentVersionExpiration: { noncurrentDays: Math.max(30, settings.trashDays + 1) },
              // Delete markers without older versions, which would slow down lists for years.
              expiration: { expiredObjectDeleteMarker: true },
            },
          ]
        : []),
    ],
  });
  return bucket;
}
