import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { decodeListedKey } from '../../core/objects/s3/keys.ts';
import { openS3 } from '../../core/objects/s3/store.ts';
import { startS3 } from '../support/s3-server.ts';
import { objectsContract } from './objects.ts';

/**
 * Runs the contract on fauxqs, or with `npm run test:s3` on any server: S3_ENDPOINT (its URL), AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY (default "test"), AWS_REGION (default us-east-1). It runs on a bucket without versions, and on
 * one with them, like that of stage `production`. Creates buckets and removes them.
 */
const { S3_ENDPOINT, AWS_REGION: region = 'us-east-1' } = process.env;

const local = await startS3();
after(() => local.stop());
await contractAt('S3, against fauxqs', local.endpoint, local.credentials, { remove: false });

if (S3_ENDPOINT === undefined) {
  describe('objects contract: S3 at S3_ENDPOINT', () => {
    it('runs where a server is named', { skip: 'S3_ENDPOINT is not set' }, () => {});
  });
} else {
  const { AWS_ACCESS_KEY_ID: accessKeyId = 'test', AWS_SECRET_ACCESS_KEY: secretAccessKey = 'test' } = process.env;
  await contractAt(`S3 at ${S3_ENDPOINT}`, S3_ENDPOINT, { accessKeyId, secretAccessKey }, { remove: true });
}

async function contractAt(
  name: string,
  endpoint: string,
  credentials: typeof local.credentials,
  after: { readonly remove: boolean },
): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const make = async () => {
    const Bucket = `sightline-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    return Bucket;
  };
  const keepVersions = async (Bucket: string) => {
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  };
  const open = async (bucket: string) => {
    const store = await openS3({ bucket, endpoint, credentials, region });
    return {
      store,
      async close() {
        store.close();
        if (after.remove) await remove(client, bucket);
      },
    };
  };

  objectsContract(name, async () => open(await make()));
  const bucket = await make();
  const without = await keepVersions(bucket).then(
    () => null,
    (error: Error) => `the server answers ${error.name}`,
  );
  if (without === null) {
    objectsContract(`${name}, with versions`, () => open(bucket));
  } else {
    await remove(client, bucket);
    describe(`objects contract: ${name}, with versions`, () => it('runs where they are kept', { skip: without }));
  }
}

/** Removes a bucket with all versions of its objects; in a bucket without them, each has one called "null". */
async function remove(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, EncodingType: 'url' }));
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (all.length === 0) break;
    for (const { Key = '', VersionId } of all) {
      const key = page.EncodingType === 'url' ? decodeListedKey(Key) : Key;
      const version = VersionId === 'null' ? undefined : VersionId;
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: version }));
    }
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}
