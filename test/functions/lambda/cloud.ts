import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openS3, type S3Store } from '../../../core/objects/s3/store.ts';
import { type S3TestServer, startS3 } from '../../support/s3-server.ts';

/** What stands around the functions: a bucket of pictures, one for their state, and the index in a file. */
export interface Cloud {
  readonly s3: S3TestServer;
  readonly pictures: S3Store;
  readonly apiKey: string;
  /** Subsegments that the functions sent to X-Ray. */
  readonly traces: { readonly id: string; readonly name: string; readonly parent_id: string }[];
  /** The environment the stack gives the functions, for this cloud. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startCloud(): Promise<Cloud> {
  const s3 = await startS3();
  for (const bucket of ['pictures', 'state']) s3.createBucket(bucket);
  const { endpoint, credentials } = s3;
  const traces: Cloud['traces'] = [];
  const xray = createSocket('udp4');
  // A header of one line, then the segment (X-Ray developer guide, "Sending trace data").
  xray.on('message', (packet) => traces.push(JSON.parse(packet.toString('utf8').split('\n')[1]!)));
  xray.bind(0, '127.0.0.1');
  await once(xray, 'listening');
  const data = await mkdtemp(join(tmpdir(), 'sightline-index-'));
  const apiKey = 'key-that-may-write';
  const pictures = await openS3({ bucket: 'pictures', region: 'eu-central-1', endpoint, credentials });
  const secret = (value: string) => JSON.stringify({ type: 'sst.sst.Secret', value });
  return {
    s3,
    pictures,
    apiKey,
    traces,
    env: {
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${xray.address().port}`,
      _X_AMZN_TRACE_ID: 'Root=1-6741f74c-1d2e3f4a5b6c7d8e9f0a1b2c;Parent=53995c3f42cd8ad8;Sampled=1',
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
      POWERTOOLS_SERVICE_NAME: 'sightline',
      POWERTOOLS_METRICS_NAMESPACE: 'Sightline',
      SST_RESOURCE_App: JSON.stringify({ name: 'sightline', stage: 'test' }),
      SST_RESOURCE_ApiKeys: secret(createHash('sha256').update(apiKey).digest('hex')),
    },
    async stop() {
      pictures.close();
      xray.close();
      await s3.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
