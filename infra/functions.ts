import { SETTINGS, type Setting } from '../core/settings.ts';
import { codeOf } from './artifacts';
import {
  consume,
  countMessages,
  keepState,
  lambdaOnly,
  readPictures,
  useBucketKey,
  writePictures,
} from './permissions';
import type { Events } from './queue';
import type { Router } from './router';
import type { Secrets } from './secrets';
import type { Settings } from './stack-settings';
import type { Storage } from './storage';

interface Parts {
  readonly storage: Storage;
  readonly events: Events;
  readonly secrets: Secrets;
  /** In front of the API, if there is a domain. */
  readonly router: Router | undefined;
}

/** The two functions, with only the permissions that their code uses. */
export function createFunctions(settings: Settings, parts: Parts) {
  const { storage, events, secrets, router } = parts;
  const shared = common(settings, parts);

  const api = new sst.aws.Function('Api', {
    ...shared,
    ...codeOf(settings, 'api'),
    description: `Sightline API, profile ${settings.profile}`,
    memory: `${settings.apiMemoryMb} MB`,
    timeout: `${settings.apiTimeoutSeconds} seconds`,
    link: [secrets.qdrantUrl, secrets.qdrantApiKey, secrets.apiKeys],
    streaming: true,
    concurrency: settings.apiConcurrency === undefined ? undefined : { reserved: settings.apiConcurrency },
    environment: {
      ...shared.environment,
      ...(router === undefined ? {} : { SIGHTLINE_ORIGIN_KEY_HASH: router.keyHash }),
    },
    // The app answers CORS itself, from the same setting as everywhere.
    url: {
      cors: false,
      authorization: settings.urlAuth,
      ...(router === undefined ? {} : { router: { instance: router.instance, readTimeout: router.readTimeout } }),
    },
    permissions: [
      ...readPictures(settings, storage),
      ...writePictures(storage),
      ...useBucketKey(settings),
      ...keepState(storage),
      ...countMessages(events.queue),
    ],
  });

  const ingest = new sst.aws.Function('Ingest', {
    ...shared,
    ...codeOf(settings, 'ingest'),
    description: `Sightline indexing, profile ${settings.profile}`,
    memory: `${settings.ingestMemoryMb} MB`,
    timeout: `${settings.ingestTimeoutSeconds} seconds`,
    link: [secrets.qdrantUrl, secrets.qdrantApiKey],
    permissions: [
      ...readPictures(settings, storage),
      ...keepState(storage),
      ...useBucketKey(settings),
      ...consume(events.queue),
    ],
  });
  // Not `queue.subscribe`, which names the function after a hash of the queue and accepts no concurrency.
  new aws.lambda.EventSourceMapping('IngestFromEvents', {
    eventSourceArn: events.queue.arn,
    functionName: ingest.arn,
    batchSize: settings.ingestBatch,
    maximumBatchingWindowInSeconds: 0,
    functionResponseTypes: ['ReportBatchItemFailures'],
    scalingConfig: { maximumConcurrency: settings.ingestConcurrency },
  });

  purgeDaily(ingest);
  return { api, ingest, url: router === undefined ? api.url : router.instance.url };
}

/**
 * Once a day the ingest function purges old deletions, by the event of functions/lambda/purge-tombstones-event.ts.
 */
function purgeDaily(ingest: sst.aws.Function) {
  const rule = new aws.cloudwatch.EventRule('PurgeDaily', {
    description: 'Forgets what was deleted long ago',
    scheduleExpression: 'rate(1 day)',
  });
  const permission = new aws.lambda.Permission('PurgeDailyPermission', {
    action: 'lambda:InvokeFunction',
    function: ingest.name,
    principal: 'events.amazonaws.com',
    sourceArn: rule.arn,
  });
  new aws.cloudwatch.EventTarget(
    'PurgeDailyTarget',
    { rule: rule.name, arn: ingest.arn, input: JSON.stringify({ purge: 'tombstones' }) },
    { dependsOn: [permission] },
  );
}

export type Functions = ReturnType<typeof createFunctions>;

/**
 * Dimensions of the functions' own metrics (functions/lambda/cloudwatch-telemetry.ts): by service, which separates
 * stages.
 */
export const METRICS = { namespace: 'Sightline', serverErrors: 'ServerErrors' } as const;

export function serviceName(): string {
  return `${$app.name}-${$app.stage}`;
}

function common(settings: Settings, { storage, events }: Parts) {
  return {
    runtime: 'nodejs24.x',
    architecture: settings.arch === 'x64' ? 'x86_64' : 'arm64',
    storage: '512 MB',
    logging: { retention: settings.logRetention, format: 'json' },
    environment: {
      // Not loopback, so writing needs an API key.
      HOST: '0.0.0.0',
      ...handedOn(settings),
      SIGHTLINE_BUCKET: storage.pictures.name,
      SIGHTLINE_STATE_BUCKET: storage.state.name,
      SIGHTLINE_QUEUE_URL: events.queue.url,
      // Before Lambda ends the run, so that the caller gets an answer.
      SIGHTLINE_REQUEST_TIMEOUT_MS: String(1000 * (settings.apiTimeoutSeconds - 3)),
      // Behind CloudFront the function does not see the page's host name.
      SIGHTLINE_CORS_ORIGINS: [
        ...(settings.domain === undefined ? [] : [`https://${settings.domain}`]),
        ...settings.corsOrigins,
      ].join(','),
      // Returns the memory of decoded pictures at once, instead of keeping it in glibc's heap.
      MALLOC_MMAP_THRESHOLD_: '1048576',
      MALLOC_TRIM_THRESHOLD_: '1048576',
      SIGHTLINE_SERVICE: serviceName(),
    },
    transform: {
      function: (args) => {
        args.loggingConfig = $util.output(args.loggingConfig).apply((config) => ({
          ...config!,
          applicationLogLevel: settings.logLevel === 'silent' ? 'FATAL' : settings.logLevel.toUpperCase(),
        }));
      },
      // In `sst dev`, the whole account may assume the role, so that local code can; never when deployed.
      role: (args) => {
        if (!$dev) args.assumeRolePolicy = lambdaOnly();
      },
    },
  } satisfies Partial<sst.aws.FunctionArgs>;
}

/** Settings read by both the stack and the functions, as the functions' environment. */
function handedOn(settings: Settings): Record<string, string> {
  const values: Readonly<Record<string, unknown>> = settings;
  // Lambda sets the functions' log level itself.
  const shared = Object.entries<Setting<unknown>>(SETTINGS).filter(
    ([name, { readers }]) => readers.includes('stack') && readers.includes('functions') && name !== 'logLevel',
  );
  return Object.fromEntries(shared.map(([name, { env }]) => [env, [values[name] ?? ''].flat().join(',')]));
}
