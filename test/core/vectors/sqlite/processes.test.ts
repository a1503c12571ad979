import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openEmbeddedStore } from '../../../../core/vectors/sqlite/store.ts';
import { DIMENSION, image, seededRandom, unit, uuid } from '../../../contract/vectors-data.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const CHILD = join(import.meta.dirname, 'child.ts');
const random = seededRandom(11);
let folder: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = tempFolder();
  file = join(folder, 'index.sqlite');
});
afterEach(() => {
  // Left over if a test failed half-way.
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const open = () => openEmbeddedStore({ file, space: 'test', dimension: DIMENSION, threads: 1 });

/** Starts the child program, optionally with a limit on the size of its files. */
function start(mode: 'endless' | 'commands' | 'fill', fileLimitKib?: number) {
  const args = ['--disable-warning=ExperimentalWarning', CHILD, file, mode];
  const child =
    fileLimitKib === undefined
      ? spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      : spawn('bash', ['-c', `ulimit -f ${fileLimitKib}; trap '' XFSZ; exec "$0" "$@"`, process.execPath, ...args], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
  children.push(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, exited, line: async () => (await lines.next()).value as string | undefined };
}

describe('the embedded store and other processes', () => {
  it('loses nothing acknowledged when the process is killed', async () => {
    const written = new Set<string>();
    const removed = new Set<string>();
    // Each round continues with the file of the previous one.
    for (const acknowledgements of [1, 6, 23]) {
      const { child, exited, line } = start('endless');
      const hear = (said: string | undefined) => {
        const [what, ...ids] = said?.split(' ') ?? [];
        for (const id of ids) {
          if (what === 'written') written.add(id);
          else removed.add(id);
        }
      };
      for (let heard = 0; heard < acknowledgements; heard++) hear(await line());
      child.kill('SIGKILL');
      // Lines printed just before the process died count too.
      for (let said = await line(); said !== undefined; said = await line()) hear(said);
      await exited;

      const store = await open();
      const found = await store.get([...written]);
      for (const id of written) {
        const point = found.get(id);
        assert.ok(point, `${id} was acknowledged and is lost`);
        if (removed.has(id)) assert.ok(point.deleted, `${id} was acknowledged as removed and is back`);
        else if (!point.deleted) assert.deepEqual(point.payload, image({ key: id, sequencer: '1', tags: ['t'] }));
      }
      // Whole batches or nothing: tables and matrix agree.
      const live = await store.count({});
      assert.equal(live % 20, 0);
      assert.equal(await store.count({ tagsAny: ['t'] }), live);
      assert.equal(
        (await store.query({ vector: unit(random), filter: {}, limit: 1000 })).items.length,
        Math.min(live, 1000),
      );
      await store.close();
    }
    assert.ok(written.size >= 300 && removed.size >= 20, `${written.size} written, ${removed.size} removed`);
  });

  it('sees what another process writes, removes, tags and forgets', async () => {
    const store = await open();
    const { child, exited, line } = start('commands');
    const tell = async (command: string) => {
      child.stdin.write(`${command}\n`);
      assert.equal(await line(), `done ${command}`);
    };
    const found = async (filter = {}) =>
      (await store.query({ vector: unit(random), filter, limit: 10 })).items.map(({ id }) => id).sort();
    const [a, b, c, d] = [uuid(1), uuid(2), uuid(3), uuid(4)] as const;
    assert.equal(await line(), 'ready');

    await tell(`write ${a} ${b}`);
    assert.deepEqual(await found(), [a, b]);
    await store.upsert([{ id: c, vector: unit(random), payload: image() }], 'newer');
    await tell(`tag ${b} ${c}`);
    assert.deepEqual(await found({ tagsAny: ['tagged'] }), [b, c]);
    await tell(`tombstone ${a}`);
    assert.deepEqual(await found(), [b, c]);
    // Its tombstone is deleted before this process looks; the removal must still be noticed.
    await tell(`tombstone ${b}`);
    await tell('purge');
    assert.deepEqual(await found(), [c]);
    assert.equal((await store.get([a, b])).size, 0);
    // Both processes, in turn, reuse the slots of removed points.
    await tell(`write ${d}`);
    await store.upsert([{ id: a, vector: unit(random), payload: image() }], 'newer');
    await tell(`write ${b}`);
    assert.deepEqual(await found(), [a, b, c, d]);
    assert.equal(await store.count({}), 4);

    child.stdin.end();
    await exited;
    await store.close();
  });

  it('lets several processes write at once', async () => {
    const writers = [start('commands'), start('commands'), start('commands')];
    for (const { line } of writers) assert.equal(await line(), 'ready');
    const idsOf = (writer: number) => Array.from({ length: 40 }, (_, i) => uuid(writer * 1000 + i));
    await Promise.all(
      writers.map(async ({ child, line, exited }, i) => {
        for (const id of idsOf(i)) child.stdin.write(`write ${id}\n`);
        for (const id of idsOf(i)) assert.equal(await line(), `done write ${id}`);
        child.stdin.end();
        await exited;
      }),
    );
    const store = await open();
    assert.equal(await store.count({}), 120);
    assert.equal((await store.get(writers.flatMap((_, i) => idsOf(i)))).size, 120);
    assert.equal((await store.query({ vector: unit(random), filter: {}, limit: 1000 })).items.length, 120);
    await store.close();
  });

  it('says so when the disk is full, and keeps what it acknowledged', async () => {
    const { exited, line } = start('fill', 1500);
    const said = await line();
    await exited;
    const [what, code, acknowledged, counted, rows, hits] = said?.split(' ') ?? [];
    assert.equal(what, 'full');
    assert.equal(code, 'unavailable');
    assert.ok(Number(acknowledged) >= 100, said);
    // The state in memory and in the tables after the failed write.
    assert.equal(counted, acknowledged);
    assert.equal(rows, acknowledged);
    assert.equal(Number(hits), Math.min(1000, Number(acknowledged)));
    const store = await open();
    assert.equal(await store.count({}), Number(acknowledged));
    await store.close();
  });
});
