import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { openS3 } from '../../core/objects/s3/store.ts';
import { startS3 } from '../support/s3-server.ts';
import { objectsContract } from './objects.ts';

/**
 * Runs the contract on fauxqs, or with `npm run test:s3` on any server: S3_ENDPOINT (its URL), AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY (default "test"), AWS_REGION (default us-east-1). On a real server it also runs on a versioned
 * bucket, like that of stage `production`. Creates buckets and removes them.
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
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  objectsContract(`S3 at ${endpoint}`, () => openBucket(client, emptyBucket));
  const keepVersions = async (Bucket: string) => {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  };
  const name = `S3 at ${endpoint}, with versions`;
  const without = await reasonAgainst(client, keepVersions);
  if (without === null) objectsContract(name, () => openBucket(client, removeVersions, keepVersions));
  else describe(`objects contract: ${name}`, () => it('runs where a server keeps them', { skip: without }, () => {}));
}

/** A separate bucket, emptied and removed on close. */
async function openBucket(client: S3Client, empty: typeof emptyBucket, prepare?: (bucket: string) => Promise<void>) {
  const bucket = `sightline-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  await prepare?.(bucket);
  const store = await openS3({ bucket, endpoint, credentials, region });
  return {
    store,
    async close() {
      await empty(client, bucket);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      store.close();
    },
  };
}

/** The error of a server that cannot set up a bucket this way; null if it can. */
async function reasonAgainst(client: S3Client, prepare: (bucket: string) => Promise<void>): Promise<string | null> {
  const Bucket = `sightline-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket }));
  const reason = await prepare(Bucket).then(
    () => null,
    (error: Error) => `the server answers ${error.name}`,
  );
  await client.send(new DeleteBucketCommand({ Bucket }));
  return reason;
}

async function emptyBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    if (Contents.length === 0) return;
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  }
}

async function removeVersions(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    if (Versions.length + DeleteMarkers.length === 0) return;
    for (const { Key, VersionId } of [...Versions, ...DeleteMarkers]) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId }));
    }
  }
}
