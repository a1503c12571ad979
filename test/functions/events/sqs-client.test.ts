import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type MessageQueue, openMessageQueue } from '../../../functions/events/sqs-client.ts';
import { serveLocally } from '../../support/local-server.ts';
import { startQueue, type TestQueue } from '../lambda/queue.ts';

describe('the client of SQS', () => {
  let queue: TestQueue;
  let client: MessageQueue;
  before(async () => {
    queue = await startQueue({ maxReceives: 3, visibilitySeconds: 3600 });
    const { url, credentials } = queue;
    client = openMessageQueue({ url, credentials, region: 'eu-central-1' });
  });
  after(async () => {
    client.close();
    await queue.stop();
  });

  it('takes messages, and says which it did not', async () => {
    assert.deepEqual(await client.send(['one', 'two']), []);
    assert.equal(queue.size(), 2);
    const { credentials } = queue;
    const missing = openMessageQueue({
      url: queue.url.replace(/events$/, 'none'),
      credentials,
      region: 'eu-central-1',
    });
    await assert.rejects(missing.send(['x']), { code: 'invalid-config', message: /there is no such queue/ });
    missing.close();
    assert.throws(() => openMessageQueue({ url: 'events' }), {
      code: 'invalid-config',
      message: /URL of an SQS queue/,
    });
  });

  it('waits for a message as long as it is told to, and for everything else not long', async (context) => {
    const server = await serveLocally((request, response) => {
      if (String(request.headers['x-amz-target']).endsWith('ReceiveMessage'))
        setTimeout(() => response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}'), 400);
    });
    const url = `${server.url}/000000000000/events`;
    const slow = openMessageQueue({ url, credentials: queue.credentials, region: 'eu-central-1', timeoutMs: 200 });
    context.after(async () => {
      slow.close();
      await server.stop();
    });
    assert.deepEqual(await slow.receive({ waitSeconds: 1 }), []);
    await assert.rejects(slow.settings(), { code: 'unavailable', message: /GetQueueAttributes.*no answer in time/ });
  });

  it('hands messages out, takes those that were handled away, and says how many there are', async () => {
    const before = queue.size();
    assert.equal(await client.depth(), before);
    assert.deepEqual(await client.settings(), { visibilitySeconds: 3600, maxReceives: 3 });
    const received = await client.receive({ waitSeconds: 0 });
    assert.ok(received.length > 0 && received.every(({ receives }) => receives === 1));
    assert.equal(await client.depth(), before, 'those that are being handled count, too');
    assert.deepEqual(await client.remove(received.map(({ receiptHandle }) => receiptHandle)), []);
    assert.equal(queue.size(), before - received.length);
  });
});
