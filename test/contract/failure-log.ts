import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ErrorCode } from '../../core/errors.ts';
import { imageId } from '../../core/point-ids.ts';
import type { Failure, FailureLog } from '../../core/ports.ts';
import { everyPage } from '../../core/util/paginate.ts';

/** An empty log with the clock `now`, a second connection to it, and its cleanup. */
export type OpenFailures = (now: () => Date) => Promise<{
  log: FailureLog;
  again(): Promise<FailureLog>;
  dispose(): Promise<void>;
}>;

const failsWith = (code: ErrorCode) => ({ name: 'SightlineError', code });

/** The contract of every `FailureLog` driver. */
export function failuresContract(name: string, open: OpenFailures): void {
  describe(`failures contract: ${name}`, () => {
    let log: FailureLog;
    let again: () => Promise<FailureLog>;
    let dispose: () => Promise<void>;
    let clock = 0;
    beforeEach(async () => {
      clock = Date.parse('2026-01-02T03:04:05.678Z');
      const opened = await open(() => new Date(clock));
      // Logs are wrapped by spreading, which copies an object's own properties but no methods of a class.
      [log, again, dispose] = [{ ...opened.log }, opened.again, opened.dispose];
    });
    afterEach(() => dispose());

    const failure = (key: string, changes: Partial<Failure> = {}) => ({
      id: imageId('bucket', key),
      bucket: 'bucket',
      key,
      etag: 'etag-1',
      sequencer: '0A',
      reason: 'truncated',
      message: 'expected a whole JPEG, got the first half',
      retryable: false,
      ...changes,
    });

    it('starts empty', async () => {
      assert.equal(await log.count(), 0);
      assert.deepEqual(await log.list({ limit: 10 }), { items: [] });
      assert.equal(await log.get(imageId('bucket', 'a.jpg')), null);
    });

    it('keeps everything it is told', async () => {
      const odd = failure('Größe/猫 🐈\'";--.jpg', { message: 'line one\nline two', retryable: true, sequencer: '' });
      const at = '2026-01-02T03:04:05.678Z';
      const expected = { ...odd, attempts: 1, firstAt: at, lastAt: at };
      assert.deepEqual(await log.record(odd), expected);
      assert.deepEqual(await log.get(odd.id), expected);
      assert.deepEqual((await log.list({ limit: 10 })).items, [expected]);
      assert.equal(await log.count(), 1);
    });

    it('counts attempts while the object is the same one', async () => {
      const first = await log.record(failure('a.jpg'));
      clock += 1000;
      const second = await log.record(failure('a.jpg', { reason: 'unavailable', message: 'other', retryable: true }));
      assert.deepEqual(second, {
        ...first,
        reason: 'unavailable',
        message: 'other',
        retryable: true,
        attempts: 2,
        lastAt: new Date(clock).toISOString(),
      });
      assert.deepEqual(await log.get(first.id), second);
      assert.equal(await log.count(), 1);
    });

    it('starts counting again when the object is another one', async () => {
      await log.record(failure('a.jpg'));
      await log.record(failure('a.jpg'));
      clock += 1000;
      const changed = await log.record(failure('a.jpg', { etag: 'etag-2' }));
      assert.equal(changed.attempts, 1);
      assert.equal(changed.firstAt, new Date(clock).toISOString());
      assert.equal(changed.etag, 'etag-2');
    });

    it('forgets what is resolved', async () => {
      const { id } = await log.record(failure('a.jpg'));
      await log.record(failure('b.jpg'));
      assert.equal(await log.resolve(id), true);
      assert.equal(await log.resolve(id), false);
      assert.equal(await log.get(id), null);
      assert.equal(await log.count(), 1);
      assert.equal((await log.record(failure('a.jpg'))).attempts, 1);
    });

    it(
      'takes what is dismissed off the list until it is another object, and keeps it for whoever asks by ' + 'id',
      async () => {
        for (const key of ['a.jpg', 'b.jpg', 'c.jpg']) await log.record(failure(key));
        const { id } = failure('c.jpg');
        assert.equal(await log.dismiss(id), true);
        assert.equal(await log.dismiss(id), true);
        assert.equal(await log.dismiss(imageId('bucket', 'none.jpg')), false);
        const listed = async () => (await log.list({ limit: 10 })).items.map(({ key }) => key);
        assert.deepEqual(await listed(), ['b.jpg', 'a.jpg']);
        assert.equal(await log.count(), 2);
        assert.equal((await log.get(id))?.key, 'c.jpg');

        assert.deepEqual(
          (await log.list({ limit: 10, dismissed: true })).items.map(({ key }) => key),
          ['c.jpg'],
        );

        assert.equal((await log.record(failure('c.jpg'))).attempts, 2);
        await log.record(failure('d.jpg'));
        assert.equal(await log.dismiss(failure('d.jpg').id), true);
        assert.deepEqual(await listed(), ['b.jpg', 'a.jpg']);

        await log.record(failure('c.jpg', { etag: 'etag-2' }));
        assert.deepEqual(await listed(), ['c.jpg', 'b.jpg', 'a.jpg']);
        assert.equal(await log.resolve(failure('d.jpg').id), true);
        assert.equal(await log.get(failure('d.jpg').id), null);
        assert.equal(await log.count(), 3);
      },
    );

    it('takes what is recorded as dismissed off the list at once, and counts by reason', async () => {
      const { id } = await log.record(failure('a.txt', { reason: 'no-picture' }), { dismissed: true });
      await log.record(failure('b.jpg'));
      await log.record(failure('c.txt'));
      await log.record(failure('c.txt', { reason: 'no-picture' }), { dismissed: true });
      const listed = async () => (await log.list({ limit: 10 })).items.map(({ key }) => key);
      assert.deepEqual([await listed(), await log.count()], [['b.jpg'], 1]);
      assert.deepEqual([await log.count('no-picture'), await log.count('truncated')], [2, 1]);
      assert.equal((await log.get(id))?.reason, 'no-picture');
      await log.record(failure('a.txt', { etag: 'etag-2' }));
      assert.deepEqual([await listed(), await log.count('no-picture')], [['a.txt', 'b.jpg'], 1]);
      await log.resolve(failure('c.txt').id);
      assert.equal(await log.count('no-picture'), 0);
    });

    it('lists what was dismissed page by page, apart from the rest', async () => {
      const keys = ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg', 'e.jpg'];
      for (const key of keys) await log.record(failure(key));
      for (const key of keys.slice(1)) await log.dismiss(failure(key).id);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await log.list({ limit: 3, cursor, dismissed: true });
        seen.push(...page.items.map(({ key }) => key));
        cursor = page.next;
      } while (cursor !== undefined);
      assert.deepEqual(seen.toSorted(), keys.slice(1));
      await log.resolve(failure('b.jpg').id);
      const left = (await log.list({ limit: 10, dismissed: true })).items.map(({ key }) => key);
      assert.deepEqual(left.toSorted(), keys.slice(2));
    });

    it('lists those of one bucket, and of one beginning of keys, in the list and off it, page by page', async () => {
      const keys = ['a', 'a/', 'a/1', 'a/2', 'a/\u{10ffff}x', 'a/ü', 'a%1', 'a0', 'A/1', 'b/a/1', '\ud7ff', '\ue000'];
      for (const key of keys) await log.record(failure(key));
      for (const bucket of ['bucket2', 'other']) {
        await log.record(failure('a/1', { id: imageId(bucket, 'a/1'), bucket }));
      }
      const dismissed = ['a/2', 'a/ü', 'b/a/1'];
      for (const key of dismissed) await log.dismiss(failure(key).id);
      const within = async (bucket: string, keyPrefix: string | undefined, isDismissed: boolean, limit: number) => {
        const seen: string[] = [];
        const page = (cursor?: string) =>
          log.list({ limit, cursor, dismissed: isDismissed, within: { bucket, keyPrefix } });
        for await (const { items, next } of everyPage(page)) {
          assert.ok(items.length <= limit && (items.length > 0 || next === undefined));
          assert.ok(items.every((item) => item.bucket === bucket));
          seen.push(...items.map(({ key }) => key));
        }
        return seen.sort();
      };
      for (const limit of [1, 2, 3, 100]) {
        for (const prefix of [undefined, '', 'a', 'a/', 'a/\u{10ffff}', 'a%', '\ud7ff', 'none']) {
          const below = keys.filter((key) => key.startsWith(prefix ?? ''));
          const listed = below.filter((key) => !dismissed.includes(key)).sort();
          assert.deepEqual(await within('bucket', prefix, false, limit), listed, `${prefix} ${limit}`);
          const hidden = below.filter((key) => dismissed.includes(key)).sort();
          assert.deepEqual(await within('bucket', prefix, true, limit), hidden, `${prefix} ${limit}, dismissed`);
        }
        assert.deepEqual(await within('other', 'a', false, limit), ['a/1']);
      }
      for (const cursor of ['', 'garbage', 'k', 'kbm8']) {
        await assert.rejects(
          log.list({ limit: 2, cursor, within: { bucket: 'bucket', keyPrefix: 'a' } }),
          failsWith('invalid-cursor'),
        );
      }
    });

    it('lists the latest first, also when the clock stands still or goes back', async () => {
      for (const key of ['a', 'b', 'c']) await log.record(failure(key));
      clock -= 60_000;
      await log.record(failure('d'));
      await log.record(failure('a'));
      const keys = (await log.list({ limit: 10 })).items.map(({ key }) => key);
      assert.deepEqual(keys, ['a', 'd', 'c', 'b']);
    });

    for (const limit of [1, 2, 3, 6, 7, 8, 1000]) {
      it(`gives every failure exactly once in pages of ${limit}`, async () => {
        const keys = Array.from({ length: 7 }, (_, i) => `${i}.jpg`);
        for (const key of keys) await log.record(failure(key));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await log.list({ limit, cursor });
          assert.ok(page.items.length <= limit && (page.items.length > 0 || page.next === undefined));
          seen.push(...page.items.map(({ key }) => key));
          cursor = page.next;
        } while (cursor !== undefined);
        assert.deepEqual(seen, keys.toReversed());
      });
    }

    it('goes on after a failure of the page before was resolved', async () => {
      for (let i = 0; i < 6; i++) await log.record(failure(`${i}`));
      const first = await log.list({ limit: 2 });
      for (const { id } of first.items) await log.resolve(id);
      const second = await log.list({ limit: 2, cursor: first.next });
      assert.deepEqual(
        second.items.map(({ key }) => key),
        ['3', '2'],
      );
    });

    for (const cursor of ['', 'garbage', '-1', 'f', 'f-1', 'f1e9', 'f99999999999999999999', "f1' OR 1"]) {
      it(`refuses the cursor ${JSON.stringify(cursor)}`, async () => {
        await log.record(failure('a'));
        await assert.rejects(log.list({ limit: 2, cursor }), failsWith('invalid-cursor'));
      });
    }
    for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
      it(`refuses the limit ${limit}`, async () => {
        await assert.rejects(log.list({ limit }), failsWith('invalid-input'));
      });
    }

    it('is the same for whoever opens it next, and at the same time', async () => {
      await log.record(failure('a.jpg'));
      const other = await again();
      assert.deepEqual((await other.get(imageId('bucket', 'a.jpg')))?.key, 'a.jpg');
      await other.record(failure('b.jpg'));
      assert.equal(await log.count(), 2);
      assert.equal((await log.record(failure('b.jpg'))).attempts, 2);
      await other.close();
      await log.close();
      const third = await again();
      assert.equal(await third.count(), 2);
      await third.close();
    });

    it('can be closed twice', async () => {
      await log.close();
      await log.close();
    });
  });
}
