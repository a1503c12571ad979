import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Changes, createChanges } from '../../../functions/http/change-feed.ts';
import type { AppDeps, Readiness } from '../../../functions/http/deps.ts';
import { uuid } from '../../contract/vectors-data.ts';
import { type TestApp, testApp } from './harness.ts';

interface Told {
  readonly type: string;
  readonly key: string | null;
}

describe('a caller of /events that does not read', () => {
  let api: TestApp;
  let changes: Changes;
  let listeners = 0;
  let ready: Readiness = 'ready';
  let index: AppDeps['index'];
  beforeEach(async () => {
    [listeners, ready] = [0, 'ready'];
    const all = createChanges();
    changes = {
      ...all,
      subscribe(listener) {
        listeners++;
        const stop = all.subscribe(listener);
        return () => {
          listeners--;
          stop();
        };
      },
    };
    api = await testApp({}, (deps) => ({ ...deps, changes, ready: () => ready }));
    const outcome = { status: 'removed', id: uuid(1) } as const;
    index = changes.watch({ index: async () => outcome, failures: api.deps.failures }).index;
  });
  afterEach(() => api.close());

  const happen = async (from: number, to: number) => {
    for (let n = from; n < to; n++)
      await index({ type: 'removed', bucket: 'photos', key: `${n}.jpg`, sequencer: null });
  };
  async function* read(answer: Response): AsyncGenerator<Told> {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      for (const line of chunk.split('\n')) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as Told;
    }
  }

  it('gets few of very many events and is told that there were more, and then what happens later', async () => {
    const answer = await api.app.request('/events');
    await happen(0, 10_000);
    const told: Told[] = [];
    const events = read(answer);
    for await (const event of events) {
      told.push(event);
      if (event.key === '9999.jpg') break;
    }
    assert.ok(told.length <= 202, `${told.length}`);
    assert.deepEqual(
      told.filter(({ type }) => type === 'changed').map(({ key }) => key),
      [null],
    );
  });

  it('gets all of as many events as a folder of pictures makes at once, in order', async () => {
    const answer = await api.app.request('/events');
    await happen(0, 100);
    const keys: (string | null)[] = [];
    for await (const { key } of read(answer)) {
      keys.push(key);
      if (keys.length === 100) break;
    }
    assert.deepEqual(
      keys,
      Array.from({ length: 100 }, (_, n) => `${n}.jpg`),
    );
  });

  it('has no stream when it asks only for the head', async () => {
    const { status, headers } = await api.app.request('/events', { method: 'HEAD' });
    assert.deepEqual([status, headers.get('content-type'), listeners], [200, 'text/event-stream', 0]);
  });

  it('keeps no stream open when the service stops', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
    await api.app.request('/events');
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        t.mock.timers.tick(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await pass(40);
    assert.equal(listeners, 1);
    ready = 'stopping';
    await pass(2);
    assert.equal(listeners, 0);
  });
});
