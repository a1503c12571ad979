import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { openS3 } from '../../core/objects/s3.ts';
import { startS3 } from '../support/s3-server.ts';
import { objectsContract } from './objects.ts';

/**
 * The contract on fauxqs, or with `npm run test:s3` on any server: S3_ENDPOINT (its URL), AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY ("test" when not set), AWS_REGION (us-east-1). It makes a bucket and removes it.
 */
const { S3_ENDPOINT: endpoint, AWS_REGION: region = 'us-east-1' } = process.env;
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? 'test',
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? 'test',
};

objectsContract('S3, against fauxqs', async () => {
  const server = await startS3();
  const bucket = `contract-${randomUUID()}`;
  server.createBucket(bucket);
  const store = await openS3({ bucket, endpoint: server.endpoint, credentials: server.credentials, region });
  return {
    store,
    async close() {
      store.close();
      await server.stop();
    },
  };
});

if (endpoint === undefined) {
  describe('objects contract: S3 at S3_ENDPOINT', () => {
    it('runs where a server is named', { skip: 'S3_ENDPOINT is not set' }, () => {});
  });
} else {
  objectsContract(`S3 at ${endpoint}`, async () => {
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    const bucket = `sightline-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    const store = await openS3({ bucket, endpoint, credentials, region });
    return {
      store,
      async close() {
        await emptyBucket(client, bucket);
        await client.send(new DeleteBucketCommand({ Bucket: bucket }));
        store.close();
        client.destroy();
      },
    };
  });
}

async function emptyBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    if (Contents.length === 0) return;
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  }
}
