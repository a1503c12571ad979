import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type ConfigInput, parseConfig } from '../../core/config.ts';
import { readConfig } from '../../server/environment.ts';

const minimal = { data: '/data', modelDirs: ['/models'] };

describe('the configuration', () => {
  it('has safe defaults and cannot be changed', () => {
    const config = parseConfig(minimal);
    assert.deepEqual(
      [config.host, config.port, config.corsOrigins, config.apiKeyHashes, config.requestsPerMinute],
      ['127.0.0.1', 8787, [], [], 6000],
    );
    assert.ok(Object.isFrozen(config));
  });

  it('says of every field that does not fit what was expected and what came, but no secret', () => {
    const input = {
      ...minimal,
      port: '99999',
      concurrency: 'many',
      apiKeyHashes: ['not-a-hash'],
      qdrantApiKey: '',
      bucket: 's3://A_B',
      nonsense: 1,
    };
    assert.throws(
      () => parseConfig(input as ConfigInput),
      ({ code, message }: { code: string; message: string }) => {
        assert.equal(code, 'invalid-config');
        assert.match(message, /port: .*65535.*\(got "99999"\)/);
        assert.match(message, /concurrency: .*expected number.*\(got "many"\)/);
        assert.match(message, /bucket: expected the name of an S3 bucket.*\(got "s3:\/\/A_B"\)/);
        assert.match(message, /apiKeyHashes\.0: expected a SHA-256 hash/);
        assert.match(message, /configuration: .*"nonsense"/);
        assert.doesNotMatch(message, /not-a-hash/);
        return true;
      },
    );
  });
});

describe('reading the environment', () => {
  const names = ['PORT', 'HOST', 'LOG_LEVEL', 'SIGHTLINE_RATE_LIMIT', 'SIGHTLINE_DATA', 'SIGHTLINE_API_KEYS'] as const;
  const before = { ...process.env };
  afterEach(() => {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it('takes a variable that is set to nothing as not set', () => {
    const unset = (() => {
      for (const name of names) delete process.env[name];
      return readConfig();
    })();
    for (const name of names) process.env[name] = name === 'PORT' ? ' ' : '';
    assert.deepEqual(readConfig(), unset);
    assert.equal(unset.requestsPerMinute, 6000, 'no number would be no limit');
  });

  it('prefers flags', () => {
    process.env.PORT = '1234';
    assert.equal(readConfig().port, 1234);
    assert.equal(readConfig({ port: '4321' }).port, 4321);
  });
});
