import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../infra/settings.ts';

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
    [{ SIGHTLINE_READ_KEYS: 'alias/key' }, /SIGHTLINE_READ_KEYS: expected the ARN of a KMS key/],
    [{ SIGHTLINE_API_MEMROY: '1769' }, /no setting SIGHTLINE_API_MEMROY; did you mean SIGHTLINE_API_MEMORY/],
    [{ SIGHTLINE_ALARM_EMAIL: 'nobody' }, /SIGHTLINE_ALARM_EMAIL/],
    [{ SIGHTLINE_LOG_RETENTION: 'for ever' }, /SIGHTLINE_LOG_RETENTION/],
  ] as const) {
    it(`refuse ${Object.entries(env).join('=').replace(',', '=')}`, () => {
      assert.throws(() => read(env), message);
    });
  }
});
