import { isProduction, type Settings } from './stack-settings';

/** The pictures, and what the functions must remember about them (failures), in buckets nobody else can read. */
export function createStorage(settings: Settings) {
  // A day more than the program keeps it, which forgets it first.
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
 * Browsers send signed uploads straight to the bucket: from the page at `url`, and from pages of other origins that are
 * allowed. Apart from the bucket, because the page's address is known only when the function that serves it is there.
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
 * Encrypted, private, TLS only; parts of broken multipart uploads go after a day. Versioned where data is kept.
 *
 * @param expiring What goes by itself: a prefix of keys, and after how many days, by the name of the rule.
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
            // Asks KMS for a key a bucket and hour instead of one an object.
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
              // Markers that hide nothing any more: lists would go through all of them for years.
              expiration: { expiredObjectDeleteMarker: true },
            },
          ]
        : []),
    ],
  });
  return bucket;
}
