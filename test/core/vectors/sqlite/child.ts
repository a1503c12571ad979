/**
 * A separate process for tests of the embedded store: `child.ts FILE MODE`. Prints each acknowledged write on its own
 * line.
 */
import { openEmbeddedStore } from '../../../../core/vectors/sqlite/store.ts';
import { DIMENSION, image, randomPoints, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';

const [file, mode] = process.argv.slice(2);
if (file === undefined || mode === undefined) throw new Error('expected FILE and MODE');
const store = await openEmbeddedStore({ file, space: 'test', dimension: DIMENSION, threads: 1 });
const random = seededRandom(process.pid);
const say = (line: string) => process.stdout.write(`${line}\n`);

if (mode === 'endless') {
  // Writes batches of 20 with new ids until killed; every third batch removes the previous one.
  for (let batch = await store.count({}); ; batch += 20) {
    const ids = Array.from({ length: 20 }, (_, i) => uuid(process.pid * 2 ** 24 + batch + i));
    await store.upsert(
      ids.map((id) => ({ id, vector: unit(random), payload: image({ key: id, sequencer: '1', tags: ['t'] }) })),
      'newer',
    );
    say(`written ${ids.join(' ')}`);
    if (batch % 60 === 0) {
      await store.remove(
        ids.map((id) => ({ id, sequencer: '2', deletedAt: '2026-01-01T00:00:00.000Z' })),
        'newer',
      );
      say(`removed ${ids.join(' ')}`);
    }
  }
} else if (mode === 'commands') {
  // Reads one command per line from stdin and acknowledges each when done.
  say('ready');
  let buffer = '';
  for await (const data of process.stdin) {
    buffer += data;
    const lines = buffer.split('\n');
    buffer = lines.pop() ?? '';
    for (const line of lines) {
      const [command, ...ids] = line.split(' ');
      if (command === 'write') {
        await store.upsert(
          ids.map((id) => ({ id, vector: unit(random), payload: image({ key: id, sequencer: '1' }) })),
          'newer',
        );
      } else if (command === 'tombstone') {
        await store.remove(
          ids.map((id) => ({ id, sequencer: '2', deletedAt: '2026-01-01T00:00:00.000Z' })),
          'newer',
        );
      } else if (command === 'purge') {
        await store.purgeTombstones('2027-01-01T00:00:00.000Z');
      } else if (command === 'tag') {
        for (const id of ids) await store.setTags(id, ['tagged']);
      }
      say(`done ${line}`);
    }
  }
  await store.close();
} else if (mode === 'fill') {
  // Writes until the disk is full, then reports whether the store is still consistent, and writes less.
  let acknowledged = 0;
  for (let first = 1; ; first += 100) {
    try {
      await store.upsert(randomPoints(random, 100, first), 'newer');
      acknowledged += 100;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error;
      const { items } = await store.query({ vector: unit(random), filter: {}, limit: 1000 });
      const rows = await store.count({ indexedAfter: '2000-01-01' });
      say(`full ${code} ${acknowledged} ${await store.count({})} ${rows} ${items.length}`);
      break;
    }
  }
  process.exit(0);
}
