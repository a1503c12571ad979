import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareSequencers } from '../../../core/sequencer-order.ts';
import { createSequencer } from '../../../functions/events/local-sequencer.ts';
import { decodeKey, encodeKey, parseS3Event, toS3Event } from '../../../functions/events/s3-event.ts';

/** A notification as documented by AWS ("Event message structure", version 2.3), with one record. */
const record = (eventName: string, object: Record<string, unknown> = {}) => ({
  eventVersion: '2.3',
  eventSource: 'aws:s3',
  awsRegion: 'us-west-2',
  eventTime: '1970-01-01T00:00:00.000Z',
  eventName,
  userIdentity: { principalId: 'AIDAJDPLRKLG7UEXAMPLE' },
  requestParameters: { sourceIPAddress: '127.0.0.1' },
  responseElements: {
    'x-amz-request-id': 'C3D13FE58DE4C810',
    'x-amz-id-2': 'FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/',
  },
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'testConfigRule',
    bucket: { name: 'bucket', ownerIdentity: { principalId: 'A3NL1KOZZKExample' }, arn: 'arn:aws:s3:::bucket' },
    object: {
      key: 'HappyFace.jpg',
      size: 1024,
      eTag: 'd41d8cd98f00b204e9800998ecf8427e',
      versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
      sequencer: '0055AED6DCD90281E5',
      ...object,
    },
  },
});

describe('reading S3 events', () => {
  it('finds the job in a record', () => {
    const job = { type: 'created', bucket: 'bucket', key: 'HappyFace.jpg', sequencer: '0055AED6DCD90281E5' };
    assert.deepEqual(parseS3Event({ Records: [record('ObjectCreated:Put')] }), [job]);
    assert.deepEqual(parseS3Event(JSON.stringify({ Records: [record('ObjectCreated:Put')] })), [job]);
  });

  for (const [name, type] of [
    ['ObjectCreated:Put', 'created'],
    ['ObjectCreated:Post', 'created'],
    ['ObjectCreated:Copy', 'created'],
    ['ObjectCreated:CompleteMultipartUpload', 'created'],
    ['s3:ObjectCreated:Put', 'created'],
    ['ObjectRemoved:Delete', 'removed'],
    ['ObjectRemoved:DeleteMarkerCreated', 'removed'],
    ['LifecycleExpiration:Delete', 'removed'],
    ['LifecycleExpiration:DeleteMarkerCreated', 'removed'],
  ] as const) {
    it(`takes ${name} as ${type}`, () => {
      assert.deepEqual(
        parseS3Event({ Records: [record(name)] }).map((job) => job.type),
        [type],
      );
    });
  }

  for (const name of [
    'ObjectTagging:Put',
    'ObjectRestore:Post',
    'LifecycleTransition',
    'ReducedRedundancyLostObject',
    'ObjectCreatedTwice',
  ]) {
    it(`leaves out ${name}, saying so, and keeps the rest`, () => {
      const reasons: string[] = [];
      const event = { Records: [record(name), record('ObjectCreated:Put', { key: 'other.jpg' })] };
      const jobs = parseS3Event(event, (reason) => reasons.push(reason));
      assert.deepEqual(
        jobs.map(({ key }) => key),
        ['other.jpg'],
      );
      assert.match(reasons.join(), new RegExp(`^${name} changes no object$`));
    });
  }

  it('leaves out what is not from S3, and knows other S3 servers', () => {
    const reasons: string[] = [];
    const from = (eventSource: string) => ({ Records: [{ ...record('ObjectCreated:Put'), eventSource }] });
    assert.deepEqual(
      parseS3Event(from('aws:sns'), (reason) => reasons.push(reason)),
      [],
    );
    assert.match(reasons.join(), /aws:sns/);
    assert.equal(parseS3Event(from('minio:s3')).length, 1);
  });

  it('has nothing to do for the test event', () => {
    const event = {
      Service: 'Amazon S3',
      Event: 's3:TestEvent',
      Time: '2014-10-13T15:57:02.089Z',
      Bucket: 'bucket',
      RequestId: '5582815E1AEA5ADF',
      HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
    };
    assert.deepEqual(parseS3Event(JSON.stringify(event)), []);
    assert.deepEqual(parseS3Event({ Records: [] }), []);
  });

  it('looks again when an object is back from the archive, without taking it for a newer one', () => {
    const [job] = parseS3Event({ Records: [record('ObjectRestore:Completed')] });
    assert.deepEqual([job?.type, job?.sequencer], ['created', null]);
  });

  it('leaves out the empty objects that stand for folders, and nothing else with a slash or without a byte', () => {
    const reasons: string[] = [];
    const created = (key: string, size: number) => record('ObjectCreated:Put', { key, size });
    const Records = [created('photos/', 0), created('odd/', 5), created('empty.jpg', 0)];
    const jobs = parseS3Event({ Records }, (reason) => reasons.push(reason));
    assert.deepEqual(
      jobs.map(({ key }) => key),
      ['odd/', 'empty.jpg'],
    );
    assert.match(reasons.join(), /a folder/);
    const removed = parseS3Event({ Records: [record('ObjectRemoved:Delete', { key: 'photos/', size: undefined })] });
    assert.equal(removed.length, 1);
  });

  it('reads an event without a sequencer', () => {
    const [job] = parseS3Event({ Records: [record('ObjectCreated:Put', { sequencer: undefined })] });
    assert.equal(job?.sequencer, null);
  });

  describe('in what others put around them', () => {
    const good = record('ObjectCreated:Put', { key: 'a+b.jpg' });
    const job = parseS3Event({ Records: [good] })[0]!;
    const sns = (message: unknown) => ({
      Type: 'Notification',
      MessageId: 'da41e39f-ea4d-435a-b922-c6aae3915ebe',
      TopicArn: 'arn:aws:sns:us-west-2:123456789012:photos',
      Subject: 'Amazon S3 Notification',
      Message: JSON.stringify(message),
      Timestamp: '2012-04-25T21:49:25.719Z',
    });
    const bridge = (type: string, object: object = {}) => ({
      version: '0',
      id: '17793124-05d4-b198-2fde-7ededc63b103',
      'detail-type': type,
      source: 'aws.s3',
      account: '111122223333',
      resources: ['arn:aws:s3:::b'],
      detail: {
        version: '0',
        bucket: { name: job.bucket },
        object: { key: 'a b.jpg', size: 5, etag: 'x', sequencer: job.sequencer, ...object },
        reason: 'PutObject',
      },
    });

    it('come by SNS, also as text', () => {
      assert.deepEqual(parseS3Event(sns({ Records: [good] })), [job]);
      assert.deepEqual(parseS3Event(JSON.stringify(sns({ Records: [good] }))), [job]);
      assert.deepEqual(parseS3Event(sns({ Service: 'Amazon S3', Event: 's3:TestEvent' })), []);
    });

    it('come by EventBridge, whose keys are as they are, and by EventBridge through SNS', () => {
      assert.deepEqual(parseS3Event(bridge('Object Created')), [job]);
      assert.deepEqual(parseS3Event(sns(bridge('Object Created'))), [job]);
      assert.deepEqual(parseS3Event(bridge('Object Deleted')), [{ ...job, type: 'removed' }]);
      const key = '100% a+b%20c.jpg';
      assert.equal(parseS3Event(bridge('Object Created', { key }))[0]?.key, key);
      const restored = parseS3Event(bridge('Object Restore Completed'))[0];
      assert.deepEqual([restored?.type, restored?.sequencer], ['created', null]);
      const reasons: string[] = [];
      assert.deepEqual(
        parseS3Event(bridge('Object Tags Added'), (reason) => reasons.push(reason)),
        [],
      );
      assert.match(reasons.join(), /Object Tags Added changes no object/);
    });

    it('are named when they are in something else', () => {
      const other = { source: 'aws.ec2', 'detail-type': 'EC2 Instance State-change', detail: {} };
      assert.throws(() => parseS3Event(other), { message: /an envelope of aws\.ec2, EC2 Instance State-change with/ });
      const confirm = { Type: 'SubscriptionConfirmation', Token: 'x' };
      assert.throws(() => parseS3Event(confirm), {
        message: /an envelope of SubscriptionConfirmation with the fields Type, /,
      });
      assert.throws(() => parseS3Event({ foo: 1, bar: 2 }), { message: /with the fields foo, bar/ });
      const subscriber = { Records: [{ EventSource: 'aws:sns', Sns: { Message: '{}' } }] };
      assert.throws(() => parseS3Event(subscriber), { message: /Records: one of aws:sns: / });
    });
  });

  it('reads the records beside one that it cannot read, and says so', () => {
    const good = record('ObjectCreated:Put', { key: 'good.jpg' });
    for (const bad of [record('ObjectCreated:Put', { key: '100%.jpg' }), {}, null, 'x', { ...good, s3: {} }]) {
      const reasons: string[] = [];
      const jobs = parseS3Event({ Records: [bad, good, bad] }, (reason) => reasons.push(reason));
      assert.deepEqual(
        jobs.map(({ key }) => key),
        ['good.jpg'],
      );
      assert.equal(reasons.length, 2, reasons.join());
    }
  });

  it('takes null for what the sender does not know', () => {
    const [job] = parseS3Event({ Records: [record('ObjectCreated:Put', { size: null, eTag: null, sequencer: null })] });
    assert.deepEqual([job?.type, job?.sequencer], ['created', null]);
  });

  for (const [what, body] of [
    ['no JSON', '{"Records": ['],
    ['nothing', undefined],
    ['null', 'null'],
    ['a list', []],
    ['no records', {}],
    ['records that are none', { Records: 'many' }],
    ['a record without an object', { Records: [{ ...record('ObjectCreated:Put'), s3: { bucket: { name: 'b' } } }] }],
    ['a record without a bucket name', { Records: [{ ...record('x'), s3: { bucket: {}, object: { key: 'a' } } }] }],
    ['an empty key', { Records: [record('ObjectCreated:Put', { key: '' })] }],
    ['a key that is not encoded UTF-8', { Records: [record('ObjectCreated:Put', { key: 'a%FFb' })] }],
    ['a cut-off percent sign', { Records: [record('ObjectCreated:Put', { key: '100%' })] }],
    ['a sequencer that is no number', { Records: [record('ObjectCreated:Put', { sequencer: 'yesterday' })] }],
    ['another test event', { Event: 's3:OtherEvent' }],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseS3Event(body), { name: 'SightlineError', code: 'invalid-input', message: /S3 event/ });
    });
  }
});

describe('writing S3 events', () => {
  const keys = [
    'plain.jpg',
    'a/b c+d.jpg',
    '100% & more?#=;,@!$\'()*~".jpg',
    'already%20encoded+.jpg',
    'Größe/猫 🐈.png',
    'trailing space /x',
    'e\u0301.jpg',
  ];
  for (const key of keys) {
    it(`brings ${key} there and back`, () => {
      for (const type of ['created', 'removed'] as const) {
        const event = toS3Event({ type, bucket: 'b', key, sequencer: '0A', time: new Date(0), bytes: 3, etag: 'e' });
        assert.deepEqual(parseS3Event(JSON.stringify(event)), [{ type, bucket: 'b', key, sequencer: '0A' }]);
      }
      const encoded = encodeKey(key);
      assert.match(encoded, /^[A-Za-z0-9_.*~+/%-]+$/);
      assert.equal(decodeKey(encoded), key);
      // Naive implementation: form encoding as in browsers, which also escapes slash and tilde.
      assert.equal(
        encoded,
        new URLSearchParams([['', key]]).toString().slice(1).replaceAll('%2F', '/').replaceAll('%7E', '~'),
      );
    });
  }

  it('looks like the example of AWS', () => {
    assert.equal(encodeKey('red flower.jpg'), 'red+flower.jpg');
    const event = toS3Event({ type: 'removed', bucket: 'b', key: 'k', sequencer: '1', time: new Date(0) });
    assert.equal(event.Records[0]?.eventName, 'ObjectRemoved:Delete');
    assert.equal(event.Records[0]?.eventTime, '1970-01-01T00:00:00.000Z');
  });
});

describe('sequencers', () => {
  it('are 16 hexadecimal digits near the time in microseconds', () => {
    const value = createSequencer()();
    assert.match(value, /^[0-9a-f]{16}$/);
    assert.ok(Math.abs(Number(BigInt(`0x${value}`) / 1000n) - Date.now()) < 60_000);
  });

  it('grow, whatever the clock does', () => {
    const times = [1000, 1000, 1000.0001, 999, 0, 5000, 4999];
    const next = createSequencer(() => times.shift()!);
    const made = Array.from({ length: 7 }, () => next());
    for (let i = 1; i < made.length; i++) assert.ok(compareSequencers(made[i - 1]!, made[i]!) < 0, made.join());
    assert.equal(BigInt(`0x${made[5]}`), 5_000_000n);
  });

  for (const stored of [
    '',
    '0',
    '00',
    'f',
    '0055AED6DCD90281E5',
    '0055aed6dcd90281e5',
    'fffffffffffffff',
    '7'.repeat(40),
  ]) {
    it(`are newer than "${stored}"`, () => {
      const next = createSequencer(() => 1);
      assert.ok(compareSequencers(next(stored), stored) > 0);
      const after = next(stored);
      assert.ok(compareSequencers(next(), after) > 0);
      assert.match(after, /^[0-9a-f]{16}$/);
    });
  }
});
