import { createHash } from 'node:crypto';
import { openS3, type S3Store } from '../../../core/objects/s3/store.ts';
import { type S3TestServer, startS3 } from '../../support/s3-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** The functions' surroundings: a bucket of pictures, a state bucket, and the index in a file. */
export interface Cloud {
  readonly s3: S3TestServer;
  readonly pictures: S3Store;
  readonly apiKey: string;
  /** The environment that the stack would give the functions. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startCloud(): Promise<Cloud> {
  const s3 = await startS3();
  for (const bucket of ['pictures', 'state']) s3.createBucket(bucket);
  const { endpoint, credentials } = s3;
  const data = tempFolder();
  const apiKey = 'key-that-may-write';
  const pictures = await openS3({ bucket: 'pictures', region: 'eu-central-1', endpoint, credentials });
  const secret = (value: string) => JSON.stringify({ type: 'sst.sst.Secret', value });
  return {
    s3,
    pictures,
    apiKey,
    env: {
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      HOST: '0.0.0.0',
      SIGHTLINE_PROFILE: 'compact',
      SIGHTLINE_BUCKET: 'pictures',
      SIGHTLINE_STATE_BUCKET: 'state',
      SIGHTLINE_MAX_RECEIVES: '3',
      SIGHTLINE_DATA: data,
      S3_ENDPOINT: endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      MALLOC_MMAP_THRESHOLD_: '1048576',
      MALLOC_TRIM_THRESHOLD_: '1048576',
      SIGHTLINE_SERVICE: 'sightline',
      SST_RESOURCE_App: JSON.stringify({ name: 'sightline', stage: 'test' }),
      SST_RESOURCE_ApiKeys: secret(createHash('sha256').update(apiKey).digest('hex')),
    },
    async stop() {
      pictures.close();
      await s3.stop();
    },
  };
}
