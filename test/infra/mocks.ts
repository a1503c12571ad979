import { writeFileSync } from 'node:fs';
import * as pulumi from '@pulumi/pulumi';

/**
 * Runs inside the evaluated program in place of the Pulumi engine: every resource exists immediately, with the
 * attributes that AWS would assign, and its inputs are written to MOCK_RESULT.
 */

const ACCOUNT = '123456789012';
const REGION = process.env.MOCK_REGION ?? 'eu-central-1';
const PARTITION = process.env.MOCK_PARTITION ?? 'aws';

type Properties = Record<string, unknown>;

const resources: { type: string; name: string; inputs: Properties }[] = [];
const errors: string[] = [];
let finished = false;

process.on('unhandledRejection', (error) => errors.push(describe(error)));
process.on('exit', () => {
  if (!finished) console.error(errors.join('\n') || 'the program ended before its resources were settled');
});

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const attributes: Record<string, (name: string, inputs: Properties, logical: string) => Properties> = {
  'aws:s3/bucket:Bucket': (name) => ({
    arn: `arn:${PARTITION}:s3:::${name}`,
    bucket: name,
    bucketRegionalDomainName: `${name}.s3.${REGION}.amazonaws.com`,
  }),
  'aws:sqs/queue:Queue': (name) => ({
    arn: `arn:${PARTITION}:sqs:${REGION}:${ACCOUNT}:${name}`,
    name,
    url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`,
  }),
  'aws:lambda/function:Function': (name) => {
    const arn = `arn:${PARTITION}:lambda:${REGION}:${ACCOUNT}:function:${name}`;
    return { arn, name, qualifiedArn: `${arn}:1`, invokeArn: `${arn}/invocations`, version: '1' };
  },
  'aws:lambda/functionUrl:FunctionUrl': (_, __, logical) => ({
    functionUrl: `https://${logical.toLowerCase()}.lambda-url.${REGION}.on.aws/`,
  }),
  'aws:iam/role:Role': (name) => ({ arn: `arn:${PARTITION}:iam::${ACCOUNT}:role/${name}`, name }),
  'aws:cloudwatch/logGroup:LogGroup': (name) => ({
    arn: `arn:${PARTITION}:logs:${REGION}:${ACCOUNT}:log-group:${name}`,
    name,
  }),
  'aws:acm/certificate:Certificate': (_, { domainName }) => ({
    domainValidationOptions: [
      { domainName, resourceRecordName: '_a', resourceRecordType: 'CNAME', resourceRecordValue: '_b' },
    ],
  }),
  'random:index/randomBytes:RandomBytes': () => {
    const bytes = Buffer.alloc(32, 7);
    return { base64: bytes.toString('base64'), hex: bytes.toString('hex') };
  },
};

function answer(token: string, inputs: Properties): Properties {
  switch (token) {
    case 'aws:index/getRegion:getRegion':
      return { id: REGION, region: REGION, name: REGION };
    case 'aws:index/getPartition:getPartition':
      return { partition: PARTITION, dnsSuffix: 'amazonaws.com' };
    case 'aws:index/getCallerIdentity:getCallerIdentity':
      return { accountId: ACCOUNT, arn: `arn:${PARTITION}:iam::${ACCOUNT}:root` };
    case 'aws:iam/getPolicyDocument:getPolicyDocument':
      return { ...inputs, json: JSON.stringify({ Version: '2012-10-17', Statement: inputs.statements }) };
    case 'aws:route53/getZone:getZone':
      return { ...inputs, zoneId: 'Z123', arn: 'arn:aws:route53:::hostedzone/Z123' };
    default:
      return inputs;
  }
}

pulumi.runtime.setMocks(
  {
    newResource({ type, name, inputs }) {
      resources.push({ type, name, inputs });
      const physical = String(inputs.name ?? inputs.bucket ?? name.toLowerCase());
      const generic = { arn: `arn:${PARTITION}:mock:${REGION}:${ACCOUNT}:${type.replace(/[:/]/g, '-')}/${physical}` };
      return { id: `${name}-id`, state: { ...inputs, ...generic, ...attributes[type]?.(physical, inputs, name) } };
    },
    call: ({ token, inputs }) => answer(token, inputs),
  },
  process.env.MOCK_PROJECT,
  process.env.MOCK_STAGE,
  false,
);

/** What SST records of everything that can be linked (components/link.ts), and writes to sst-env.d.ts: by name. */
const links: Record<string, unknown> = {};

const { registerOutputs } = pulumi.ComponentResource.prototype as unknown as {
  registerOutputs(outputs: unknown): void;
};
Object.assign(pulumi.ComponentResource.prototype, {
  registerOutputs(this: pulumi.ComponentResource, outputs: { target?: string; properties?: unknown } = {}) {
    registerOutputs.call(this, outputs);
    const { target, properties } = outputs;
    if (target === undefined || properties === undefined) return;
    pulumi.output(properties).apply((known) => {
      links[target] = known;
    });
  },
});

/** Pulumi's marker for secrets. */
function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  if (value === null || typeof value !== 'object') return value;
  const object = value as Properties;
  if (object['4dabf18193072939515e22adb298388d'] === '1b47061264138c4ac30d75fd1eb44270') return unwrap(object.value);
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, unwrap(inner)]));
}

/** Runs the program, waits for all resources, writes the result, and exits. */
export async function record(program: () => Promise<unknown>): Promise<never> {
  let outputs: unknown = {};
  try {
    const raw = await pulumi.runtime.runInPulumiStack(async () => await program());
    outputs = await new Promise((resolve) => pulumi.output(raw).apply((value) => resolve(value)));
    // Until everything is registered, including resources created inside `apply` after the program's end.
    await pulumi.runtime.disconnect();
  } catch (error) {
    errors.push(describe(error));
  }
  finished = true;
  if (errors.length > 0) {
    console.error(errors.join('\n'));
    process.exit(1);
  }
  writeFileSync(
    process.env.MOCK_RESULT!,
    JSON.stringify({ resources: unwrap(resources), links: unwrap(links), outputs: unwrap(outputs) }),
  );
  process.exit(0);
}
