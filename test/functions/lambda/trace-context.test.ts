import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNamespace, destroyNamespace, getNamespace } from '../../../functions/lambda/trace-context.ts';

describe('trace context', () => {
  it('gives what runs outside of every run the context that was entered, whichever callback that was in', async () => {
    const namespace = createNamespace('outside');
    assert.equal(namespace.get('segment'), undefined);
    assert.throws(() => namespace.set('segment', 'facade'), /expected a context to set segment in, got none/);
    await sleep(1).then(() => namespace.enter(namespace.createContext()));
    assert.equal(namespace.set('segment', 'facade'), 'facade');
    await sleep(1);
    assert.equal(namespace.get('segment'), 'facade');
  });

  it('keeps what is set in a run to it and to all that it begins', async () => {
    const namespace = createNamespace('runs');
    namespace.enter(namespace.createContext());
    namespace.set('segment', 'facade');
    const seen: unknown[] = [];
    const walk = async (name: string, ms: number) => {
      seen.push(namespace.get('segment'));
      namespace.set('segment', name);
      await sleep(ms);
      seen.push(namespace.get('segment'));
    };
    const walks: Promise<void>[] = [];
    for (const [name, ms] of [['slow', 20] as const, ['quick', 1] as const]) {
      namespace.run(() => void walks.push(walk(name, ms)));
    }
    await Promise.all(walks);
    assert.deepEqual(seen, ['facade', 'facade', 'quick', 'slow']);
    assert.equal(namespace.get('segment'), 'facade');
  });

  it('calls a bound function in the context it was bound in', () => {
    const namespace = createNamespace('bound');
    namespace.enter(namespace.createContext());
    namespace.set('segment', 'facade');
    let read = (_prefix: string): unknown => assert.fail('it was not bound');
    namespace.run(() => {
      namespace.set('segment', 'request');
      read = namespace.bind((prefix: string) => `${prefix} ${namespace.get('segment')}`);
    });
    assert.equal(read('in'), 'in request');
  });

  it('is found by its name until it is destroyed', () => {
    const namespace = createNamespace('named');
    assert.equal(getNamespace('named'), namespace);
    destroyNamespace('named');
    assert.equal(getNamespace('named'), undefined);
  });
});
