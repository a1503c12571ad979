import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide, type Job } from '../../core/decide-job.ts';
import type { StoredPoint, Tombstone } from '../../core/ports.ts';

const job = (sequencer: string | null, type: Job['type'] = 'created'): Job => ({
  type,
  bucket: 'photos',
  key: 'cat.jpg',
  sequencer,
});
const point = (sequencer: string) => ({ deleted: false, payload: { kind: 'image', sequencer } }) as StoredPoint;
const tombstone = (sequencer: string) => ({ deleted: true, sequencer }) as Tombstone;

describe('whether a job may replace what is stored', () => {
  const cases = [
    { what: 'the first event', of: job('A1'), stored: undefined, when: 'newer' },
    { what: 'a newer event', of: job('A2'), stored: point('A1'), when: 'newer' },
    { what: 'the same event again', of: job('A1'), stored: point('A1'), when: 'not-older' },
    { what: 'an upload through the API', of: job(null), stored: point('A1'), when: 'not-older' },
    { what: 'an event overtaken by another', of: job('A1'), stored: point('A2'), when: null },
    { what: 'a job overtaken by the delete', of: job('A1'), stored: tombstone('A2'), when: null },
    { what: 'a delete overtaken by a new upload', of: job('A1', 'removed'), stored: point('A2'), when: null },
    { what: 'an upload after the delete', of: job('A3'), stored: tombstone('A2'), when: 'newer' },
  ];
  for (const { what, of, stored, when } of cases) {
    it(`${what}: ${when ?? 'no'}`, () => {
      const write = decide(of, stored);
      assert.equal(write?.when ?? null, when);
      if (write) assert.equal(write.wasDeleted, stored?.deleted ?? false);
    });
  }

  it('knows only a live picture', () => {
    assert.deepEqual(decide(job('A2'), point('A1'))?.live, point('A1').payload);
    assert.equal(decide(job('A3'), tombstone('A2'))?.live, null);
  });
});
