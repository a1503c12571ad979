import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readSettings, SETTINGS, type Setting } from '../../core/settings.ts';
import { PURGE_EVENT } from '../../functions/lambda/purge-event.ts';
import { evaluate, installPlatform, type Resource, type Stack, typeCheck } from './evaluate.ts';

/** `npm run test:infra`: not in `npm test`, because SST fetches its component library from npm the first time. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const secrets = { QdrantUrl: 'https://qdrant.example:6333' };

/** The inputs of the only resource of a type, or of the one with this name. */
function inputsOf(stack: Stack, type: string, name?: string): Record<string, never> {
  const found = all(stack, type).filter((resource) => name === undefined || resource.name === name);
  assert.equal(found.length, 1, `expected one ${type}${name ? ` ${name}` : ''}, got ${found.map((r) => r.name)}`);
  return found[0]!.inputs as Record<string, never>;
}

function all(stack: Stack, type: string): Resource[] {
  return stack.resources.filter((resource) => resource.type === type);
}

interface Statement {
  effect?: string;
  actions: string[];
  resources: string[];
  principals?: { type: string; identifiers: string[] }[];
  conditions?: { test: string; variable: string; values: string[] }[];
}

const statements = (policy: string): Statement[] => JSON.parse(policy).Statement;

/** "action resource" for everything a function may do, with resource names instead of ARNs. */
function rightsOf(stack: Stack, role: string): string[] {
  const [inline] = inputsOf(stack, 'aws:iam/role:Role', role).inlinePolicies as { policy: string }[];
  return statements(inline!.policy)
    .flatMap(({ actions, resources }) => actions.flatMap((action) => resources.map((on) => `${action} ${short(on)}`)))
    .sort();
}

/** arn:aws:s3:::sightline-ci-picturesbucket-abc/* -> picturesbucket/* */
function short(arn: string): string {
  return arn.replace(/^.*[:/]sightline-[a-z]+-(\w+)-\w+/, '$1');
}

const functions = (stack: Stack) =>
  Object.fromEntries(all(stack, 'aws:lambda/function:Function').map(({ name, inputs }) => [name, inputs])) as Record<
    'ApiFunction' | 'IngestFunction',
    {
      runtime: string;
      architectures: string[];
      memorySize: number;
      timeout: number;
      handler: string;
      environment: { variables: Record<string, string> };
      loggingConfig: { logFormat: string; logGroup: string; applicationLogLevel: string };
      reservedConcurrentExecutions?: number;
    }
  >;

before(installPlatform, { timeout: 300_000 });

it('type-checks against the components of SST', async () => {
  assert.equal(await typeCheck(), '');
});

describe('a stage that is not production', () => {
  let stack: Stack;
  before(async () => {
    stack = await evaluate({ stage: 'ci', secrets });
  });

  it('is removed without a trace', () => {
    assert.deepEqual([stack.app.removal, stack.app.protect], ['remove', false]);
    for (const { inputs } of all(stack, 'aws:s3/bucket:Bucket')) assert.equal(inputs.forceDestroy, true);
    assert.equal(all(stack, 'aws:s3/bucketVersioning:BucketVersioning').length, 0);
  });

  it('keeps every bucket private, encrypted and behind TLS', () => {
    const names = all(stack, 'aws:s3/bucket:Bucket').map(({ inputs }) => inputs.bucket);
    assert.equal(names.length, 2);
    const of = (type: string) => all(stack, type).filter(({ inputs }) => names.includes(inputs.bucket));
    const blocks = of('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock');
    assert.equal(blocks.length, 2);
    for (const { inputs } of blocks) {
      const { bucket: _, ...block } = inputs;
      assert.deepEqual(block, {
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
    const encryption = of('aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration');
    assert.deepEqual(
      encryption.map(({ inputs }) => inputs.rules),
      [0, 1].map(() => [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }]),
    );
    const policies = of('aws:s3/bucketPolicy:BucketPolicy').map(({ inputs }) => statements(inputs.policy as string));
    assert.equal(policies.length, 2);
    for (const policy of policies) {
      assert.ok(policy.every(({ effect }) => effect === 'Deny'));
      assert.equal(policy[0]!.conditions![0]!.variable, 'aws:SecureTransport');
    }
    for (const { inputs } of of('aws:s3/bucketOwnershipControls:BucketOwnershipControls')) {
      assert.deepEqual(inputs.rule, { objectOwnership: 'BucketOwnerEnforced' });
    }
  });

  it('takes signed uploads from its own page, and from no other', () => {
    const cors = inputsOf(stack, 'aws:s3/bucketCorsConfiguration:BucketCorsConfiguration');
    assert.equal(cors.bucket, inputsOf(stack, 'aws:s3/bucket:Bucket', 'PicturesBucket').bucket);
    assert.deepEqual(cors.corsRules, [
      {
        allowedOrigins: ['https://apiurl.lambda-url.eu-central-1.on.aws'],
        allowedMethods: ['GET', 'HEAD', 'PUT'],
        allowedHeaders: ['content-type', 'content-length', 'if-none-match'],
        exposeHeaders: ['ETag'],
        maxAgeSeconds: 3600,
      },
    ]);
  });

  it('encrypts the queues, moves what keeps failing aside, and keeps it two weeks', () => {
    const queue = inputsOf(stack, 'aws:sqs/queue:Queue', 'EventsQueue');
    const deadLetters = inputsOf(stack, 'aws:sqs/queue:Queue', 'DeadLettersQueue');
    const redrive = JSON.parse(queue.redrivePolicy);
    assert.equal(redrive.deadLetterTargetArn.split(':').at(-1), deadLetters.name);
    assert.equal(redrive.maxReceiveCount, 10);
    assert.equal(functions(stack).IngestFunction.environment.variables.SIGHTLINE_MAX_RECEIVES, '10');
    for (const { sqsManagedSseEnabled, messageRetentionSeconds } of [queue, deadLetters]) {
      assert.equal(sqsManagedSseEnabled, true);
      assert.equal(messageRetentionSeconds, 1_209_600);
    }
    const allow = JSON.parse(inputsOf(stack, 'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy').redriveAllowPolicy);
    assert.equal(allow.redrivePermission, 'byQueue');
    assert.equal(allow.sourceQueueArns[0].split(':').at(-1), queue.name);
  });

  it('hides a message for at least six times the run of the function that holds it', () => {
    const queue = inputsOf(stack, 'aws:sqs/queue:Queue', 'EventsQueue');
    assert.ok(queue.visibilityTimeoutSeconds >= 6 * functions(stack).IngestFunction.timeout);
  });

  it('lets this bucket of this account announce what happens to it, and nobody else', () => {
    const [statement, ...others] = statements(inputsOf(stack, 'aws:sqs/queuePolicy:QueuePolicy').policy);
    assert.equal(others.length, 0);
    assert.deepEqual(statement!.principals, [{ type: 'Service', identifiers: ['s3.amazonaws.com'] }]);
    assert.deepEqual(
      statement!.conditions!.map(({ test, variable, values }) => [test, variable, values.map(short)]),
      [
        ['ArnEquals', 'aws:SourceArn', ['picturesbucket']],
        ['StringEquals', 'aws:SourceAccount', ['123456789012']],
      ],
    );
    const { queues } = inputsOf(stack, 'aws:s3/bucketNotification:BucketNotification') as {
      queues: { events: string[]; filterPrefix?: string; queueArn: string }[];
    };
    assert.equal(queues.length, 1);
    assert.equal(queues[0]!.filterPrefix, undefined);
    assert.deepEqual(queues[0]!.events, [
      's3:ObjectCreated:*',
      's3:ObjectRemoved:*',
      's3:LifecycleExpiration:*',
      's3:ObjectRestore:Completed',
    ]);
  });

  it('feeds the ingest function batches that may fail in part, a bounded number at a time', () => {
    const mapping = inputsOf(stack, 'aws:lambda/eventSourceMapping:EventSourceMapping');
    assert.deepEqual(mapping.functionResponseTypes, ['ReportBatchItemFailures']);
    assert.deepEqual(mapping.scalingConfig, { maximumConcurrency: 10 });
    assert.equal(mapping.batchSize, 10);
    assert.match(mapping.eventSourceArn, /EventsQueue/);
    assert.match(mapping.functionName, /IngestFunction/);
  });

  it('runs both functions on Node 24 and arm64, out of the built folders', () => {
    const { ApiFunction: api, IngestFunction: ingest } = functions(stack);
    for (const fn of [api, ingest]) {
      assert.equal(fn.runtime, 'nodejs24.x');
      assert.deepEqual(fn.architectures, ['arm64']);
      assert.equal(fn.memorySize, 1769);
      assert.equal(fn.loggingConfig.applicationLogLevel, 'INFO');
      assert.equal(fn.loggingConfig.logFormat, 'JSON');
      assert.equal(fn.reservedConcurrentExecutions, undefined);
    }
    assert.deepEqual([api.handler, ingest.handler], ['functions/api.handler', 'functions/ingest.handler']);
    assert.deepEqual([api.timeout, ingest.timeout], [30, 60]);
  });

  it('hands on every setting that the functions read, as they read it', () => {
    const { variables } = functions(stack).IngestFunction.environment;
    for (const { env, readers } of Object.values<Setting<unknown>>(SETTINGS)) {
      const isShared = readers.includes('stack') && readers.includes('functions');
      if (env !== 'LOG_LEVEL') assert.equal(env in variables || !isShared, true, env);
    }
    const { requestsPerMinute, maxImageBytes, prefixes, readOnly } = readSettings('functions', { env: variables });
    assert.deepEqual([requestsPerMinute, maxImageBytes, prefixes, readOnly], [6000, 52_428_800, [], false]);
  });

  it('tells the functions where things are, and no secret in plain sight', () => {
    const { ApiFunction: api, IngestFunction: ingest } = functions(stack);
    const bucket = inputsOf(stack, 'aws:s3/bucket:Bucket', 'PicturesBucket').bucket;
    for (const { variables } of [api.environment, ingest.environment]) {
      assert.equal(variables.HOST, '0.0.0.0');
      assert.equal(variables.SIGHTLINE_BUCKET, bucket);
      assert.equal(variables.SIGHTLINE_PROFILE, 'compact');
      assert.equal(variables.MALLOC_MMAP_THRESHOLD_, '1048576');
      assert.match(variables.SIGHTLINE_STATE_BUCKET!, /statebucket/);
      assert.match(variables.SIGHTLINE_QUEUE_URL!, /EventsQueue/);
      assert.doesNotMatch(JSON.stringify(variables), /qdrant\.example/);
    }
  });

  it('gives each function the rights its code uses and no more', () => {
    const shared = [
      's3:DeleteObject statebucket/*',
      's3:GetObject picturesbucket/*',
      's3:GetObject statebucket/*',
      's3:ListBucket picturesbucket',
      's3:ListBucket statebucket',
      's3:PutObject statebucket/*',
    ];
    assert.deepEqual(
      rightsOf(stack, 'ApiRole'),
      [
        ...shared,
        's3:AbortMultipartUpload picturesbucket/*',
        's3:DeleteObjectVersion picturesbucket/*',
        's3:GetObjectVersion picturesbucket/*',
        ...['GetObjectTagging', 'GetObjectVersionTagging', 'PutObjectTagging'].map(
          (action) => `s3:${action} picturesbucket/*`,
        ),
        's3:ListBucketVersions picturesbucket',
        's3:DeleteObject picturesbucket/*',
        's3:PutObject picturesbucket/*',
        'sqs:GetQueueAttributes EventsQueue',
      ].sort(),
    );
    assert.deepEqual(
      rightsOf(stack, 'IngestRole'),
      [
        ...shared,
        ...['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'GetQueueUrl', 'ReceiveMessage'].map(
          (action) => `sqs:${action} EventsQueue`,
        ),
      ].sort(),
    );
    for (const { inputs } of all(stack, 'aws:iam/role:Role')) {
      assert.deepEqual(inputs.managedPolicyArns, ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']);
      assert.doesNotMatch(JSON.stringify(inputs), /"[a-z0-9]+:\*"/);
    }
  });

  it('grants what every command needs that the code can send', async () => {
    // Service authorization reference, Amazon S3; commands not listed here have the name of their action.
    const actions: Readonly<Record<string, readonly string[]>> = {
      GetObject: ['GetObject', 'GetObjectVersion'],
      HeadObject: ['GetObject'],
      DeleteObject: ['DeleteObject', 'DeleteObjectVersion'],
      HeadBucket: ['ListBucket'],
      ListObjectsV2: ['ListBucket'],
      ListObjectVersions: ['ListBucketVersions'],
      CopyObject: ['PutObject', 'GetObjectTagging', 'GetObjectVersionTagging', 'PutObjectTagging'],
      CreateMultipartUpload: ['PutObject'],
      UploadPart: ['PutObject'],
      CompleteMultipartUpload: ['PutObject'],
    };
    const commands = async (files: string) => {
      const found = new Set<string>();
      for await (const file of glob(files, { cwd: root })) {
        const code = await readFile(join(root, file), 'utf8');
        for (const [, command] of code.matchAll(/new (\w+)Command\(/g)) found.add(command!);
      }
      return [...found];
    };
    const s3 = await commands('core/objects/s3/*.ts');
    assert.ok(s3.length >= 9, `${s3}`);
    const rights = rightsOf(stack, 'ApiRole');
    for (const command of s3) {
      for (const action of actions[command] ?? [command]) {
        const on = action.startsWith('ListBucket') ? 'picturesbucket' : 'picturesbucket/*';
        assert.ok(rights.includes(`s3:${action} ${on}`), `${command} needs s3:${action} on ${on}`);
      }
    }
    const allSqs = await commands('functions/events/sqs-client.ts');
    const everywhere = await commands('{core,functions}/**/*.ts');
    assert.deepEqual(everywhere.sort(), [...s3, ...allSqs].sort(), 'no other service is asked');
    // Announcing a bucket and `redrive` run on a user's own machine.
    const sqs = allSqs.filter(
      (name) => !['SendMessageBatch', 'StartMessageMoveTask', 'ListMessageMoveTasks'].includes(name),
    );
    for (const command of sqs) {
      const right = `sqs:${command.replace('Batch', '')} EventsQueue`;
      assert.ok(rightsOf(stack, 'IngestRole').includes(right), `${command} needs ${right}`);
    }
  });

  it('lets only the Lambda service take the roles', () => {
    const roles = all(stack, 'aws:iam/role:Role');
    assert.equal(roles.length, 2);
    for (const { inputs } of roles) {
      const trust = JSON.parse(inputs.assumeRolePolicy as string).Statement;
      assert.deepEqual(
        trust.map((statement: { Principal: unknown }) => statement.Principal),
        [{ Service: 'lambda.amazonaws.com' }],
      );
    }
  });

  it('answers at a streaming function URL that everybody may call, and that leaves CORS to the app', () => {
    const permissions = all(stack, 'aws:lambda/permission:Permission').filter(({ inputs }) => inputs.principal === '*');
    const allowed = permissions.map(({ inputs }) => {
      const { action, principal, functionUrlAuthType, invokedViaFunctionUrl } = inputs;
      return [action, principal, functionUrlAuthType ?? invokedViaFunctionUrl];
    });
    // Both are required since October 2025 (Lambda developer guide, "Control access to function URLs").
    assert.deepEqual(allowed, [
      ['lambda:InvokeFunctionUrl', '*', 'NONE'],
      ['lambda:InvokeFunction', '*', true],
    ]);
    const url = inputsOf(stack, 'aws:lambda/functionUrl:FunctionUrl');
    assert.equal(url.invokeMode, 'RESPONSE_STREAM');
    assert.equal(url.cors, undefined);
    assert.equal(stack.outputs.url, 'https://apiurl.lambda-url.eu-central-1.on.aws/');
    assert.deepEqual(
      Object.keys(stack.outputs)
        .filter((key) => !key.startsWith('_'))
        .sort(),
      ['bucket', 'deadLetterQueueArn', 'queue', 'stateBucket', 'url'],
    );
  });

  it('shows on one page what its functions and queues write', () => {
    const { dashboardName, dashboardBody } = inputsOf(stack, 'aws:cloudwatch/dashboard:Dashboard');
    assert.equal(dashboardName, 'sightline-ci');
    const { widgets } = JSON.parse(dashboardBody) as {
      widgets: { properties: { region: string; metrics: [string, string, string, string, object][] } }[];
    };
    const lines = widgets.flatMap(({ properties }) => properties.metrics);
    for (const { properties } of widgets) assert.equal(properties.region, 'eu-central-1');
    const own = lines.filter(([namespace]) => namespace === 'Sightline').map(([, , ...service]) => service.slice(0, 2));
    for (const dimension of own) assert.deepEqual(dimension, ['service', 'sightline-ci']);
    const watched = lines.map(([namespace, metric, , value]) => `${namespace} ${metric} ${value}`).join('\n');
    assert.match(watched, /AWS\/SQS ApproximateNumberOfMessagesVisible .*DeadLettersQueue/);
    assert.match(watched, /AWS\/Lambda Throttles .*ApiFunction/);
    assert.ok(own.length >= 10);
  });

  it('forgets old deletions once a day, by an event that the ingest function knows', () => {
    assert.equal(inputsOf(stack, 'aws:cloudwatch/eventRule:EventRule').scheduleExpression, 'rate(1 day)');
    const target = inputsOf(stack, 'aws:cloudwatch/eventTarget:EventTarget') as unknown as {
      arn: string;
      input: string;
    };
    assert.match(target.arn, /IngestFunction/);
    assert.deepEqual(JSON.parse(target.input), PURGE_EVENT);
    const [schedule] = all(stack, 'aws:lambda/permission:Permission').filter(
      ({ inputs }) => inputs.principal === 'events.amazonaws.com',
    );
    assert.match(schedule!.inputs.sourceArn as string, /PurgeDaily/i);
  });

  it('forgets logs after a month', () => {
    const groups = all(stack, 'aws:cloudwatch/logGroup:LogGroup');
    assert.equal(groups.length, 2);
    for (const { inputs } of groups) assert.equal(inputs.retentionInDays, 30);
  });

  it('raises an alarm for what someone must look at', () => {
    const alarms = all(stack, 'aws:cloudwatch/metricAlarm:MetricAlarm');
    const watched = alarms.map(({ inputs }) => {
      const [target] = Object.values(inputs.dimensions as Record<string, string>);
      return `${inputs.metricName} ${target!.split('-')[2] ?? target!.split('-')[1]}`;
    });
    assert.deepEqual(watched.sort(), [
      'ApproximateAgeOfOldestMessage EventsQueue',
      'ApproximateNumberOfMessagesVisible DeadLettersQueue',
      'Errors ApiFunction',
      'Errors IngestFunction',
      'ServerErrors ci',
      'Throttles ApiFunction',
      'Throttles IngestFunction',
    ]);
    for (const { inputs } of alarms) {
      assert.deepEqual([inputs.alarmActions, inputs.okActions], [[], []]);
      assert.deepEqual([inputs.comparisonOperator, inputs.treatMissingData], ['GreaterThanThreshold', 'notBreaching']);
    }
    const limits = Object.fromEntries(
      alarms.map(({ name, inputs }) => [name, [inputs.statistic, inputs.threshold, inputs.evaluationPeriods]]),
    );
    assert.deepEqual(limits.DeadLettersAlarm, ['Maximum', 0, 1]);
    assert.deepEqual(limits.QueueAgeAlarm, ['Maximum', 900, 3]);
    assert.deepEqual([limits.ApiErrorsAlarm, limits.IngestThrottlesAlarm], Array(2).fill(['Sum', 0, 1]));
    assert.deepEqual(limits.ApiAnswersAlarm, ['Sum', 5, 1]);
  });

  it('watches the metrics that the functions of this stage write', () => {
    const [alarm] = all(stack, 'aws:cloudwatch/metricAlarm:MetricAlarm').filter(
      ({ name }) => name === 'ApiAnswersAlarm',
    );
    const { variables } = functions(stack).ApiFunction.environment;
    assert.equal(variables.SIGHTLINE_SERVICE, 'sightline-ci');
    assert.deepEqual(alarm!.inputs.dimensions, { service: variables.SIGHTLINE_SERVICE });
    assert.equal(alarm!.inputs.namespace, 'Sightline');
  });
});

describe('production', () => {
  const key = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const ownKey = key.replace('1234abcd', '5678abcd');
  let stack: Stack;
  before(async () => {
    stack = await evaluate({
      stage: 'production',
      secrets,
      arch: 'x64',
      env: {
        SIGHTLINE_CORS_ORIGINS: 'https://pictures.example, https://www.pictures.example',
        SIGHTLINE_PREFIXES: 'photos/,scans/',
        SIGHTLINE_READ_BUCKETS: 'family-archive',
        SIGHTLINE_READ_BUCKET_KEYS: key,
        SIGHTLINE_BUCKET_KEY: ownKey,
        SIGHTLINE_API_CONCURRENCY: '20',
        SIGHTLINE_MONTHLY_BUDGET: '25',
        SIGHTLINE_URL_AUTH: 'iam',
        SIGHTLINE_REQUIRE_KEY: 'read',
        SIGHTLINE_TRASH_DAYS: '90',
        SIGHTLINE_READ_ONLY: 'on',
        SIGHTLINE_DASHBOARD: 'off',
        SIGHTLINE_SIDECARS: 'off',
        SIGHTLINE_RATE_LIMIT: '60',
        SIGHTLINE_MAX_IMAGE_BYTES: '20MB',
        SIGHTLINE_ARCH: 'x64',
        SIGHTLINE_ALARM_EMAIL: 'someone@pictures.example',
        SIGHTLINE_INGEST_TIMEOUT: '300',
        SIGHTLINE_INGEST_CONCURRENCY: '50',
        SIGHTLINE_LOG_RETENTION: '1 year',
        LOG_LEVEL: 'Debug',
      },
    });
  });

  it('is kept when the stack is removed, and cannot be removed by accident', () => {
    assert.deepEqual([stack.app.removal, stack.app.protect], ['retain', true]);
    for (const { inputs } of all(stack, 'aws:s3/bucket:Bucket')) assert.equal(inputs.forceDestroy, false);
    assert.equal(all(stack, 'aws:s3/bucketVersioning:BucketVersioning').length, 2);
  });

  it('forgets old versions of what is gone, and then that it was there', () => {
    for (const { inputs } of all(stack, 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration')) {
      const rules = inputs.rules as { id: string; noncurrentVersionExpiration?: object; expiration?: object }[];
      const rule = rules.find(({ id }) => id === 'old-versions');
      assert.deepEqual(rule?.noncurrentVersionExpiration, { noncurrentDays: 91 });
      assert.deepEqual(rule?.expiration, { expiredObjectDeleteMarker: true });
    }
  });

  it('follows its settings', () => {
    const cors = inputsOf(stack, 'aws:s3/bucketCorsConfiguration:BucketCorsConfiguration') as {
      corsRules: { allowedOrigins: string[]; allowedMethods: string[] }[];
    };
    assert.deepEqual(cors.corsRules[0]!.allowedOrigins.slice(1), [
      'https://pictures.example',
      'https://www.pictures.example',
    ]);
    const { queues } = inputsOf(stack, 'aws:s3/bucketNotification:BucketNotification') as {
      queues: { filterPrefix: string }[];
    };
    assert.deepEqual(
      queues.map(({ filterPrefix }) => filterPrefix),
      ['photos/', 'scans/'],
    );
    assert.equal(functions(stack).ApiFunction.environment.variables.SIGHTLINE_PREFIXES, 'photos/,scans/');
    const { variables } = functions(stack).IngestFunction.environment;
    const { SIGHTLINE_SIDECARS, SIGHTLINE_RATE_LIMIT, SIGHTLINE_MAX_IMAGE_BYTES } = variables;
    assert.deepEqual([SIGHTLINE_SIDECARS, SIGHTLINE_RATE_LIMIT, SIGHTLINE_MAX_IMAGE_BYTES], ['off', '60', '20000000']);
    const queue = inputsOf(stack, 'aws:sqs/queue:Queue', 'EventsQueue');
    assert.equal(functions(stack).IngestFunction.timeout, 300);
    assert.equal(queue.visibilityTimeoutSeconds, 1800);
    assert.deepEqual(inputsOf(stack, 'aws:lambda/eventSourceMapping:EventSourceMapping').scalingConfig, {
      maximumConcurrency: 50,
    });
    for (const { inputs } of all(stack, 'aws:cloudwatch/logGroup:LogGroup')) assert.equal(inputs.retentionInDays, 365);
  });

  it('logs at one level, for Lambda and for the program', () => {
    for (const fn of Object.values(functions(stack))) {
      assert.deepEqual([fn.loggingConfig.logFormat, fn.loggingConfig.applicationLogLevel], ['JSON', 'DEBUG']);
      assert.equal(fn.environment.variables.LOG_LEVEL, undefined);
    }
  });

  it('encrypts its buckets with the key that it is given', () => {
    const all = stack.resources.filter(({ type }) => /BucketServerSideEncryption/.test(type));
    assert.equal(all.length, 2);
    for (const { inputs } of all) {
      const [rule] = inputs.rules as { applyServerSideEncryptionByDefault: object; bucketKeyEnabled: boolean }[];
      assert.deepEqual(rule, {
        applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: ownKey },
        bucketKeyEnabled: true,
      });
    }
  });

  it('lets nobody call the function URL who has no right to in the account', () => {
    assert.equal(inputsOf(stack, 'aws:lambda/functionUrl:FunctionUrl').authorizationType, 'AWS_IAM');
    const who = all(stack, 'aws:lambda/permission:Permission').map(({ inputs }) => inputs.principal);
    assert.deepEqual(who, ['events.amazonaws.com'], 'and the schedule');
  });

  it('wants a key for reading, changes no file and keeps deleted pictures as it is told', () => {
    const { variables } = functions(stack).ApiFunction.environment;
    const { SIGHTLINE_REQUIRE_KEY, SIGHTLINE_READ_ONLY, SIGHTLINE_TRASH_DAYS } = variables;
    assert.deepEqual([SIGHTLINE_REQUIRE_KEY, SIGHTLINE_READ_ONLY, SIGHTLINE_TRASH_DAYS], ['read', 'true', '90']);
    const rules = all(stack, 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration').map(({ inputs }) =>
      (inputs.rules as { id: string; filter: { prefix: string }; expiration?: { days: number } }[]).filter(
        ({ id }) => id === 'trash' || id === 'vanished',
      ),
    );
    assert.deepEqual(
      rules.flat().map(({ filter, expiration }) => [filter.prefix, expiration!.days]),
      [
        ['.sightline/trash/', 91],
        ['trash/', 91],
        ['vanished/', 2],
      ],
    );
  });

  it('has a ceiling: on copies of the API, and on what a month costs before somebody is told', () => {
    assert.equal(functions(stack).ApiFunction.reservedConcurrentExecutions, 20);
    assert.equal(functions(stack).IngestFunction.reservedConcurrentExecutions, undefined);
    const budget = inputsOf(stack, 'aws:budgets/budget:Budget') as unknown as {
      limitAmount: string;
      timeUnit: string;
      notifications: { notificationType: string; threshold: number; subscriberEmailAddresses: string[] }[];
    };
    assert.deepEqual([budget.limitAmount, budget.timeUnit], ['25', 'MONTHLY']);
    for (const { subscriberEmailAddresses } of budget.notifications) {
      assert.deepEqual(subscriberEmailAddresses, ['someone@pictures.example']);
    }
    assert.deepEqual(
      budget.notifications.map(({ notificationType, threshold }) => [notificationType, threshold]),
      [
        ['ACTUAL', 50],
        ['ACTUAL', 100],
        ['FORECASTED', 100],
      ],
    );
  });

  it('runs on the processor that it was built for, and has no dashboard when none is wanted', () => {
    for (const { architectures } of Object.values(functions(stack))) assert.deepEqual(architectures, ['x86_64']);
    assert.deepEqual(all(stack, 'aws:cloudwatch/dashboard:Dashboard'), []);
  });

  it('sends alarms to the address', () => {
    assert.equal(inputsOf(stack, 'aws:sns/topicSubscription:TopicSubscription').endpoint, 'someone@pictures.example');
    for (const { inputs } of all(stack, 'aws:cloudwatch/metricAlarm:MetricAlarm')) {
      assert.equal((inputs.alarmActions as string[]).length, 1);
    }
  });

  it('may read the other buckets, and never write them', () => {
    for (const role of ['ApiRole', 'IngestRole']) {
      assert.deepEqual(
        rightsOf(stack, role).filter((right) => right.includes('family-archive')),
        ['s3:GetObject arn:aws:s3:::family-archive/*', 's3:ListBucket arn:aws:s3:::family-archive'],
      );
      assert.deepEqual(
        rightsOf(stack, role).filter((right) => right.startsWith('kms:')),
        [`kms:Decrypt ${key}`, `kms:Decrypt ${ownKey}`, `kms:GenerateDataKey ${ownKey}`].sort(),
      );
    }
  });
});

describe('a domain', () => {
  let stack: Stack;
  before(async () => {
    const env = { SIGHTLINE_DOMAIN: 'pictures.example', SIGHTLINE_API_TIMEOUT: '45', SIGHTLINE_FIREWALL_RATE: '500' };
    stack = await evaluate({ stage: 'ci', secrets, env });
  });

  it('is served through CloudFront, whose page may upload and write', () => {
    assert.equal(stack.outputs.url, 'https://pictures.example');
    const { variables } = functions(stack).ApiFunction.environment;
    assert.equal(variables.SIGHTLINE_CORS_ORIGINS, 'https://pictures.example');
    const cors = inputsOf(stack, 'aws:s3/bucketCorsConfiguration:BucketCorsConfiguration') as {
      corsRules: { allowedOrigins: string[] }[];
    };
    assert.deepEqual(cors.corsRules[0]!.allowedOrigins, ['https://pictures.example']);
  });

  it('is the only way in: CloudFront sends what only it knows, and the function knows its hash', () => {
    const [fn] = all(stack, 'aws:cloudfront/function:Function').filter(({ inputs }) =>
      (inputs.code as string).includes('x-sightline-origin'),
    );
    const code = fn!.inputs.code as string;
    const [, key] = /headers\["x-sightline-origin"\] = \{ value: "(\w+)" \};/.exec(code)!;
    assert.ok(key!.length >= 32);
    assert.match(code, /headers\["x-sightline-viewer"\] = \{ value: event\.viewer\.ip \};/);
    const { ApiFunction: api, IngestFunction: ingest } = functions(stack);
    const { SIGHTLINE_ORIGIN_KEY_HASH: hash } = api.environment.variables;
    assert.equal(hash, createHash('sha256').update(key!).digest('hex'));
    assert.equal(ingest.environment.variables.SIGHTLINE_ORIGIN_KEY_HASH, undefined);
    assert.ok(!JSON.stringify(api.environment).includes(key!));
  });

  it('has a firewall that counts requests of an address, and refuses no picture for its size', () => {
    const { rules, scope } = inputsOf(stack, 'aws:wafv2/webAcl:WebAcl') as unknown as {
      scope: string;
      rules: { action: object; statement: { rateBasedStatement: { limit: number; aggregateKeyType: string } } }[];
    };
    assert.equal(scope, 'CLOUDFRONT');
    assert.deepEqual(
      rules.map(({ action, statement }) => [action, statement]),
      [[{ block: {} }, { rateBasedStatement: { limit: 500, aggregateKeyType: 'IP' } }]],
    );
    const { webAclId } = inputsOf(stack, 'aws:cloudfront/distribution:Distribution');
    assert.ok(webAclId);
  });

  it('waits for the function as long as it may take', () => {
    const [route] = stack.resources.filter(({ name }) => name.startsWith('ApiRouteKey.'));
    const { metadata } = route!.inputs.entries as { metadata: string };
    assert.deepEqual(JSON.parse(metadata).origin.timeouts, { readTimeout: 45 });
  });

  it('passes everything on, and keeps no faults', () => {
    const distribution = inputsOf(stack, 'aws:cloudfront/distribution:Distribution') as {
      customErrorResponses: { errorCode: number; errorCachingMinTtl: number }[];
      defaultCacheBehavior: { allowedMethods: string[]; viewerProtocolPolicy: string };
    };
    const kept = distribution.customErrorResponses;
    for (const code of [404, 500, 503]) assert.ok(kept.some(({ errorCode }) => errorCode === code));
    assert.ok(kept.every(({ errorCachingMinTtl }) => errorCachingMinTtl === 0));
    const { allowedMethods, viewerProtocolPolicy } = distribution.defaultCacheBehavior;
    for (const method of ['POST', 'PATCH', 'DELETE']) assert.ok(allowedMethods.includes(method));
    assert.equal(viewerProtocolPolicy, 'redirect-to-https');
    const policy = inputsOf(stack, 'aws:cloudfront/cachePolicy:CachePolicy');
    assert.deepEqual([policy.minTtl, policy.defaultTtl], [0, 0], 'what does not say so itself is not kept');
  });
});

it('names buckets and keys as the partition does that it is deployed to', async () => {
  const key = 'arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const stack = await evaluate({
    stage: 'ci',
    secrets,
    env: {
      MOCK_PARTITION: 'aws-us-gov',
      MOCK_REGION: 'us-gov-west-1',
      SIGHTLINE_READ_BUCKETS: 'family-archive',
      SIGHTLINE_BUCKET_KEY: key,
    },
  });
  const named = JSON.stringify(stack.resources).match(/arn:aws[a-z-]*:[a-z0-9]+:/g)!;
  assert.deepEqual(new Set(named.map((arn) => arn.split(':')[1])), new Set(['aws-us-gov']));
});

describe('a deployment that cannot work stops before it starts', () => {
  const cases: [string, Parameters<typeof evaluate>[0], RegExp][] = [
    ['without a Qdrant server', { stage: 'ci' }, /sst secret set QdrantUrl/],
    [
      'without built functions',
      { stage: 'ci', secrets, env: { SIGHTLINE_ARTIFACTS: '/nowhere' } },
      /npm run build:lambda/,
    ],
    [
      'with functions built for another profile',
      { stage: 'ci', secrets, env: { SIGHTLINE_PROFILE: 'seed' } },
      /expected .* profile seed .*, got compact/,
    ],
    [
      'with a setting out of bounds',
      { stage: 'ci', secrets, env: { SIGHTLINE_INGEST_CONCURRENCY: '1' } },
      /SIGHTLINE_INGEST_CONCURRENCY: .*2/,
    ],
  ];
  for (const [name, options, message] of cases) {
    it(name, async () => {
      await assert.rejects(evaluate(options), message);
    });
  }
});
