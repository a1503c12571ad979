import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StoredPoint, Tombstone } from '../../../core/ports.ts';
import { planSync } from '../../../core/reindex/sync-candidate.ts';
import { caption, image } from '../../contract/vectors-data.ts';

const NOW = '2026-11-30T00:00:00.000Z';
const point = (id: string, payload: StoredPoint['payload']): StoredPoint => ({ id, deleted: false, payload });
const grave = (id: string, sequencer: string): Tombstone => ({ id, deleted: true, sequencer, deletedAt: '2026-01-01' });
const stored = (...all: (StoredPoint | Tombstone)[]) => new Map(all.map((one) => [one.id, one]));

it('a sync embeds what is new, keeps vectors of the same content and deletes what the live space does not know', () => {
  const live = stored(
    point('new', image()),
    point('tagged', image({ tags: ['a'], sequencer: '2' })),
    point('replaced', image({ sha256: '1'.repeat(64) })),
    point('text', caption({ caption: 'new words' })),
    grave('deleted', '3'),
    point('behind', image({ sequencer: '1' })),
  );
  const candidate = stored(
    point('tagged', image({ sequencer: '1' })),
    point('replaced', image()),
    point('text', caption({ caption: 'old words' })),
    point('deleted', image({ sequencer: '1' })),
    grave('behind', '9'),
    point('forgotten', image({ sequencer: '4' })),
  );
  const plan = planSync([...new Set([...live.keys(), ...candidate.keys()])], live, candidate, NOW);
  assert.deepEqual(
    plan.fresh.map(({ id }) => id),
    ['new', 'replaced', 'text', 'behind'],
  );
  assert.deepEqual(
    plan.kept.map(({ id, payload }) => [id, payload.tags, payload.sequencer]),
    [['tagged', ['a'], '2']],
  );
  assert.deepEqual(plan.tombstones, [
    { id: 'deleted', sequencer: '3', deletedAt: '2026-01-01' },
    { id: 'forgotten', sequencer: '4', deletedAt: NOW },
  ]);
  // A retired space may have taken a write without acknowledging it; that write must not win against the live space.
  assert.equal(plan.fresh.find(({ id }) => id === 'behind')?.payload.sequencer, '9');
});
