import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../infra/stack-settings.ts';

describe('the settings', () => {
  const read = (env: Record<string, string>) => readSettings('ci', env);

  it('have defaults, and take what is in bounds', () => {
    const { ingestConcurrency, prefixes, domain, apiMemoryMb } = read({});
    assert.deepEqual([ingestConcurrency, prefixes, domain, apiMemoryMb], [10, [], undefined, 1769]);
    assert.deepEqual(read({ SIGHTLINE_PREFIXES: ' photos/ ,scans/,' }).prefixes, ['photos/', 'scans/']);
    assert.equal(read({ SIGHTLINE_DOMAIN: 'pictures.example.com' }).domain, 'pictures.example.com');
  });

  for (const [env, message] of [
    [{ SIGHTLINE_PREFIXES: 'photos/2026/,photos/' }, /SIGHTLINE_PREFIXES: .*S3 refuses notifications that overlap/],
    [{ SIGHTLINE_DOMAIN: 'https://pictures.example' }, /SIGHTLINE_DOMAIN: expected a name such as/],
    [{ SIGHTLINE_API_MEMORY: '128' }, /SIGHTLINE_API_MEMORY: .*512/],
    [{ SIGHTLINE_INGEST_TIMEOUT: '901' }, /SIGHTLINE_INGEST_TIMEOUT: .*900/],
    [{ SIGHTLINE_INGEST_TIMEOUT: 'long' }, /SIGHTLINE_INGEST_TIMEOUT: expected a number, got "long"/],
    [{ SIGHTLINE_READ_BUCKET_KEYS: 'alias/key' }, /SIGHTLINE_READ_BUCKET_KEYS: expected the ARN of a KMS key/],
    [{ SIGHTLINE_READ_KEYS: 'arn' }, /SIGHTLINE_READ_KEYS has another name: expected SIGHTLINE_READ_BUCKET_KEYS/],
    [{ SIGHTLINE_READ_BUCKETS: 'ab' }, /SIGHTLINE_READ_BUCKETS: expected .* 3 to 63 .*, got "ab"/],
    [{ SIGHTLINE_BUCKET_KEY: 'alias/key' }, /SIGHTLINE_BUCKET_KEY: expected the ARN of a KMS key/],
    [
      { SIGHTLINE_URL_AUTH: 'iam', SIGHTLINE_DOMAIN: 'pictures.example' },
      /SIGHTLINE_URL_AUTH: expected none with a domain/,
    ],
    [{ SIGHTLINE_FIREWALL_RATE: '500' }, /SIGHTLINE_FIREWALL_RATE: expected SIGHTLINE_DOMAIN/],
    [{ SIGHTLINE_MONTHLY_BUDGET: '5' }, /SIGHTLINE_MONTHLY_BUDGET: expected SIGHTLINE_ALARM_EMAIL/],
    [
      { SIGHTLINE_MONTHLY_BUDGET: '0', SIGHTLINE_ALARM_EMAIL: 'a@b.example' },
      /MONTHLY_BUDGET: expected a number above 0/,
    ],
    [{ SIGHTLINE_ARCH: 'mips' }, /SIGHTLINE_ARCH: expected arm64 or x64, got "mips"/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL: expected trace, debug/],
    [{ SIGHTLINE_API_MEMROY: '1769' }, /no setting SIGHTLINE_API_MEMROY; did you mean SIGHTLINE_API_MEMORY/],
    [{ SIGHTLINE_ALARM_EMAIL: 'nobody' }, /SIGHTLINE_ALARM_EMAIL/],
    [{ SIGHTLINE_LOG_RETENTION: 'for ever' }, /SIGHTLINE_LOG_RETENTION/],
  ] as const) {
    it(`refuse ${Object.entries(env).join('=').replace(',', '=')}`, () => {
      assert.throws(() => read(env), message);
    });
  }
});
