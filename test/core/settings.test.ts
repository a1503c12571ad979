import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { readSettings, SETTINGS, type Values } from '../../core/settings.ts';
import { readConfig, userPath } from '../../server/environment.ts';

const read = (env: Record<string, string>) => readSettings('server', { env });

describe('the settings', () => {
  it('have safe defaults and cannot be changed', () => {
    const settings = read({});
    assert.deepEqual(
      [settings.host, settings.port, settings.corsOrigins, settings.apiKeyHashes, settings.requestsPerMinute],
      ['127.0.0.1', 8787, [], [], 6000],
    );
    assert.ok(Object.isFrozen(settings));
  });

  it('have names of their own, a sentence and a default within their bounds', () => {
    const all = Object.values(SETTINGS);
    assert.equal(new Set(all.map(({ env }) => env)).size, all.length);
    for (const { env, text, shown, parse } of all) {
      assert.match(text, /^\S.*[^.\s]$/, env);
      if (/^[\d/:.a-z]+$/.test(shown ?? ' ') && env !== 'SIGHTLINE_DATA') parse(shown!, (path) => path);
    }
  });

  const taken: readonly [string, string, (settings: Values<'server'>) => unknown, unknown][] = [
    ['SIGHTLINE_MAX_IMAGE_BYTES', '50MiB', (settings) => settings.maxImageBytes, 52_428_800],
    ['SIGHTLINE_MAX_IMAGE_BYTES', '50 MB', (settings) => settings.maxImageBytes, 50_000_000],
    ['SIGHTLINE_MAX_IMAGE_BYTES', '1.5kib', (settings) => settings.maxImageBytes, 1536],
    ['SIGHTLINE_MAX_IMAGE_BYTES', '2048', (settings) => settings.maxImageBytes, 2048],
    ['HOST', '[::1]', (settings) => settings.host, '::1'],
    ['HOST', '::1', (settings) => settings.host, '::1'],
    ['HOST', 'localhost', (settings) => settings.host, 'localhost'],
    ['LOG_LEVEL', 'WARN', (settings) => settings.logLevel, 'warn'],
    ['SIGHTLINE_BUCKET', 's3://my-photos/', (settings) => settings.bucket, 'my-photos'],
    [
      'SIGHTLINE_ALLOWED_HOSTS',
      ' a.example , b.example,',
      (settings) => settings.allowedHosts.join(),
      'a.example,b.example',
    ],
    ['SIGHTLINE_RATE_LIMIT', '', (settings) => settings.requestsPerMinute, 6000],
    ['SIGHTLINE_REPO', '/anything', (settings) => settings.port, 8787],
  ];
  for (const [env, text, of, value] of taken) {
    it(`take ${env}=${text}`, () => assert.equal(of(read({ [env]: text })), value));
  }

  const refused: readonly [string, string, RegExp][] = [
    ['SIGHTLINE_RATE_LIMIT', 'abc', /^SIGHTLINE_RATE_LIMIT: expected a number, got "abc"$/],
    ['SIGHTLINE_RATE_LIMIT', '-1', /^SIGHTLINE_RATE_LIMIT: expected a whole number from 0 to 1000000, got "-1"$/],
    ['PORT', '99999', /^PORT: expected a whole number from 0 to 65535, got "99999"$/],
    ['SIGHTLINE_MAX_IMAGE_BYTES', '50 elephants', /^SIGHTLINE_MAX_IMAGE_BYTES: expected a size such as 50MiB/],
    ['SIGHTLINE_MAX_IMAGE_BYTES', '2GiB', /: expected a size from 1KiB to 1GiB, got "2GiB"$/],
    ['LOG_LEVEL', 'loud', /^LOG_LEVEL: expected trace, debug, .* or silent, got "loud"$/],
    ['SIGHTLINE_BUCKET', 's3://A_B', /^SIGHTLINE_BUCKET: expected the name of an S3 bucket.*got "s3:\/\/A_B"$/],
    ['QDRANT_URL', 'nowhere', /^QDRANT_URL: expected a URL/],
    ['HOST', 'x86_64-conda-linux-gnu', /^HOST: expected an address.*the platform that conda puts into HOST, got /],
    ['HOST', 'arm64-apple-darwin20.0.0', /^HOST: .*the platform/],
    [
      'HOST',
      'not a host',
      /^HOST: expected an address or a host name to listen on, such as 127.0.0.1, got "not a host"$/,
    ],
    ['HOST', '127.0.0.1.5', /^HOST: expected an address/],
    ['SIGHTLINE_RATELIMIT', '5', /^there is no setting SIGHTLINE_RATELIMIT; did you mean SIGHTLINE_RATE_LIMIT\?$/],
    ['SIGHTLINE_PHOTO_DIR', '/x', /did you mean SIGHTLINE_PHOTOS\?$/],
    ['SIGHTLINE_PORT', '80', /^there is no setting SIGHTLINE_PORT; it is called PORT$/],
    ['SIGHTLINE_QDRANT_URL', 'http://q', /^there is no setting SIGHTLINE_QDRANT_URL; it is called QDRANT_URL$/],
  ];
  for (const [env, text, message] of refused) {
    it(`refuse ${env}=${text} by its name`, () => {
      assert.throws(() => read({ [env]: text }), { code: 'invalid-config', message });
    });
  }

  it('tell of everything that does not fit at once, but no secret', () => {
    const env = { PORT: 'x', SIGHTLINE_API_KEYS: 'not-a-hash', HF_TOKEN: 'hush', SIGHTLINE_CONCURRENCY: '0' };
    assert.throws(
      () => read(env),
      ({ message }: Error) => {
        assert.match(message, /^PORT: .*; SIGHTLINE_API_KEYS: expected a SHA-256 hash.*; SIGHTLINE_CONCURRENCY: /);
        assert.doesNotMatch(message, /not-a-hash|hush/);
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
    assert.equal(readConfig({ port: 4321 }).port, 4321);
  });

  it('knows the home folder also where no shell has replaced ~', () => {
    process.env.SIGHTLINE_DATA = '~/sightline';
    assert.equal(readConfig().data, userPath(`${process.env.HOME}/sightline`));
    assert.equal(userPath('a~b').endsWith('a~b'), true);
  });
});
