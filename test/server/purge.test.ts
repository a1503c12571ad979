import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import pino from 'pino';
import { openEmbeddedStore } from '../../core/vectors/sqlite/store.ts';
import { purgeDaily } from '../../server/purge-tombstones-daily.ts';
import type { LiveSpace, SpaceParts } from '../../server/reindex/follow-live-space.ts';
import { DIMENSION, uuid } from '../contract/vectors-data.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('a server forgets the deletions of long ago, and those only', async () => {
  const folder = tempFolder();
  const vectors = await openEmbeddedStore({ file: join(folder, 'index.sqlite'), space: 'test', dimension: DIMENSION });
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const ages = [0, 29, 31, 400];
  const graves = ages.map((days, i) => ({ id: uuid(i), sequencer: '1', deletedAt: daysAgo(days) }));
  await vectors.remove(graves, 'newer');
  const live = { write: (work: (parts: SpaceParts) => unknown) => work({ vectors } as SpaceParts) } as LiveSpace;
  const stop = purgeDaily(live, 30, pino({ level: 'silent' }));
  await stop();
  assert.deepEqual([...(await vectors.get(graves.map(({ id }) => id))).keys()].sort(), [uuid(0), uuid(1)]);
  await vectors.close();
});
