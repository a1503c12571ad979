import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { startFakeQdrant } from '../support/fake-qdrant.ts';
import { type LocalServer, serveLocally } from '../support/local-server.ts';
import { runScript, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

function run(...args: string[]) {
  const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'eu-central-1' };
  return runScript(['scripts/sightline.ts', ...args], env);
}

/** SQS's response (400) while a move is in progress. */
const RUNNING_ALREADY = {
  __type: 'com.amazonaws.sqs#UnsupportedOperation',
  message: 'There is already a task running.',
};

/** The function URL's response (403) to a request that is not signed, when it wants that (AWS_IAM). */
const UNSIGNED = { Message: 'Forbidden' };

describe('the commands for a deployment', () => {
  let asked: string[] = [];
  let answer: (request: IncomingMessage, body: unknown) => unknown;
  let server: LocalServer;
  let base: string;
  before(async () => {
    server = await serveLocally(async (request, response) => {
      const body = request.method === 'POST' ? await json(request) : undefined;
      const said = answer(request, body);
      const status = said === undefined ? 404 : said === RUNNING_ALREADY ? 400 : said === UNSIGNED ? 403 : 200;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(said ?? {}));
    });
    base = server.url;
  });
  after(() => server.stop());

  /**
   * Responds like SQS in its JSON protocol (SQS, "Making Query API requests using AWS JSON protocol"); `tasks` are the
   * successive states of the move, one per request.
   */
  const sqs =
    (waiting: number, redrivePolicy: string | undefined, tasks: object[] = []) =>
    (request: IncomingMessage, body: unknown) => {
      const action = String(request.headers['x-amz-target']).split('.')[1]!;
      const { QueueUrl, SourceArn } = body as { QueueUrl?: string; SourceArn?: string };
      asked.push(`${action} ${SourceArn ?? QueueUrl!.split('/').at(-1)}`);
      if (action === 'StartMessageMoveTask') return tasks.length > 0 ? { TaskHandle: 'handle' } : RUNNING_ALREADY;
      if (action === 'ListMessageMoveTasks') return { Results: [{ SourceArn, ...tasks.shift() }] };
      const isDead = QueueUrl!.endsWith('/dead');
      return {
        Attributes: isDead ? { ApproximateNumberOfMessages: String(waiting) } : { RedrivePolicy: redrivePolicy },
      };
    };
  const policy = JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:eu-central-1:123456789012:dead',
    maxReceiveCount: 10,
  });

  it('redrive finds the dead letter queue, starts to empty it, and waits until it is done', async () => {
    asked = [];
    answer = sqs(12, policy, [
      { Status: 'RUNNING', TaskHandle: 'handle', ApproximateNumberOfMessagesMoved: 5 },
      { Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 12 },
    ]);
    const { code, stdout, stderr } = await run('redrive', '--queue', `${base}/123456789012/events`, '--json');
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { from: 'dead', messages: 12, moved: 12 });
    assert.deepEqual(asked, [
      'GetQueueAttributes events',
      'GetQueueAttributes dead',
      'StartMessageMoveTask arn:aws:sqs:eu-central-1:123456789012:dead',
      ...Array(2).fill('ListMessageMoveTasks arn:aws:sqs:eu-central-1:123456789012:dead'),
    ]);
  });

  it('redrive says why not all came back, and that somebody else is at it', async () => {
    const FailureReason = 'CouldNotDetermineMessageSource';
    answer = sqs(12, policy, [{ Status: 'FAILED', ApproximateNumberOfMessagesMoved: 3, FailureReason }]);
    const failed = await run('redrive', '--queue', `${base}/123456789012/events`);
    assert.deepEqual([failed.code, failed.stdout], [1, 'About 12 messages on the way back from dead.\n']);
    assert.equal(failed.stderr, `error: dead: 3 of about 12 messages came back: ${FailureReason}\n`);
    answer = sqs(12, policy);
    const second = await run('redrive', '--queue', `${base}/123456789012/events`);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^error: StartMessageMoveTask on .*: There is already a task running\.\n$/);
  });

  it('redrive starts nothing where nothing waits, and says when there is no such queue', async () => {
    asked = [];
    answer = sqs(0, policy);
    const empty = await run('redrive', '--queue', `${base}/123456789012/events`);
    assert.deepEqual([empty.code, empty.stdout, asked.length], [0, 'No message waits in dead.\n', 2], empty.stderr);
    answer = sqs(0, undefined);
    const { code, stderr } = await run('redrive', '--queue', `${base}/123456789012/events`);
    assert.equal(code, 2);
    assert.match(stderr, /expected a queue that has a dead letter queue/);
  });

  it('status says what waits and what failed, and ends with 1 when something has', async () => {
    const status = { version: '1.2.3', space: 'abc', pictures: 7, captions: 1, backlog: 3, failures: 1 };
    answer = ({ url, headers }) => {
      if (headers['x-api-key'] !== 'secret') return undefined;
      if (url === '/status') return status;
      return url === '/failures?limit=5' ? { items: [{ key: 'a.jpg', message: 'no picture' }] } : undefined;
    };
    const failed = await run('status', '--url', `${base}/`, '--key', 'secret');
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stdout, /space +abc \(live\)\n.*7 pictures.*\nwaiting +3\nfailed +1\n +a\.jpg: no picture\n/);
    Object.assign(status, { liveSpace: 'def' });
    const changed = await run('status', '--url', base, '--key', 'secret');
    assert.match(changed.stdout, /space +abc \(not live any more: def is, deploy its models\)\n/);
    const closed = await run('status', '--url', base);
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, /expected http:.*\/status to answer, got 404/);
    const nobody = await run('status', '--url', 'http://sightline.invalid');
    assert.match(nobody.stderr, /sightline\.invalid\/status does not answer: getaddrinfo E/);
    answer = () => UNSIGNED;
    const unsigned = await run('status', '--url', base);
    assert.match(unsigned.stderr, /got 403: AWS wants it signed .* curl --aws-sigv4 .* http:.*\/status\n$/);
  });

  const bench = (...args: string[]) => runScript(['bench/run.ts', ...args]);

  it('bench measures a deployed function: cold and warm, words and picture', async () => {
    await using server = await startServer([tempFolder(), '--data', tempFolder()]);
    const { code, stdout, stderr } = await bench('lambda', '--url', server.url);
    assert.equal(code, 0, stderr);
    const rows = [...stdout.matchAll(/^(.+?) +(\d+) +(\d+) +(\d+)$/gm)].map(([, name, ...ms]) => {
      assert.deepEqual(
        ms,
        ms.toSorted((a, b) => Number(a) - Number(b)),
        name,
      );
      return name;
    });
    assert.deepEqual(
      rows.map((name) => name!.split(/[,:(]/)[0]!.trim()),
      ['words', 'picture', 'words', 'picture', 'nothing'],
      stdout,
    );
    assert.match(rows.join('\n'), /words, 10 at once, first of all \(slowest: cold\)\npicture, the first one/);
  });

  it('bench measures a Qdrant server by setting: time, recall, memory, and the index of prefixes', async () => {
    await using qdrant = await startFakeQdrant({ version: '1.19.0' });
    // From Qdrant's documentation ("Monitor Collection Memory Usage"): 100 points.
    const usage = (disk: number, cache = disk) => ({ disk_bytes: disk, ram_bytes: 0, expected_cache_bytes: cache });
    const result = {
      vectors: [{ name: '', storage: usage(25_600), index: usage(4400), quantized: usage(6400) }],
      payload: usage(64_000, 0),
      payload_index: ['key', 'words', 'camera'].map((name) => ({ name, usage: usage(10_000) })),
      id_tracker: usage(2900),
    };
    qdrant.inject(1, ({ path }) => path.endsWith('/memory'), { status: 200, body: { result } });
    const { code, stdout, stderr } = await bench('qdrant', '--url', qdrant.url, '--points', '100');
    assert.equal(code, 0, stderr);
    const settings = [...stdout.matchAll(/^## (\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(settings.slice(0, 2), ['as', 'prefixes']);
    for (const name of ['QUANTIZATION=int8', 'ON_DISK=vectors', 'M=32', 'SHARDS=4', 'REPLICAS=2'])
      assert.ok(settings.includes(name), name);
    assert.equal([...stdout.matchAll(/^EF=128: [\d.]+ ms, recall 1\.0000$/gm)].length, settings.length);
    assert.equal([...stdout.matchAll(/^exact: [\d.]+ ms$/gm)].length, settings.length);
    assert.match(stdout, /payload as JSON: \d+ bytes a point, with prefixes as numbers \d{4}\n/);
    assert.match(stdout, /: vectors 256 and 256, int8 copies 64 and 64, graph 44 and 44, payload 640 and 0, /);
    assert.match(stdout, /, indexes 300 and 300, of them for prefixes 200 and 200, ids 29 and 29\n/);
    assert.match(stdout, /: not told \(before Qdrant 1\.18\)\n/);
    const bodies = (method: string, path: RegExp) =>
      qdrant.calls.filter((call) => call.method === method && path.test(call.path)).map(({ body }) => body);
    const created = bodies('PUT', /^\/collections\/[\w-]+$/) as Record<string, unknown>[];
    assert.deepEqual(
      created.map(({ shard_number, replication_factor }) => [shard_number, replication_factor]).slice(-2),
      [
        [4, undefined],
        [undefined, 2],
      ],
    );
    const upserts = bodies('POST', /\/points\/batch/).map((body) => JSON.stringify(body).includes('"keyPrefixes"'));
    assert.deepEqual(
      upserts,
      settings.map((name) => name === 'prefixes'),
    );
    assert.equal(bodies('DELETE', /^\/collections\//).length, settings.length, 'leaves nothing behind');
  });
});
