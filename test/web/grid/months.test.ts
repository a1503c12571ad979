import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ImageItem } from '../../../web/client.ts';
import {
  type DatedList,
  datedList,
  gapBeside,
  monthOf,
  partsOf,
  readingFrom,
  withPage,
} from '../../../web/grid/months.ts';
import { emptyQuery, type Query } from '../../../web/route.ts';
import { seededRandom } from '../../support/random.ts';

const byDate: Query = { ...emptyQuery, sort: '-taken' };
const pageSize = 7;

/** Pictures of months in random order, small and large, sorted as in a list by date. */
function pictures(random: () => number, sort: Query['sort']): ImageItem[] {
  const dates = Array.from({ length: 90 }, () => {
    const day = String(1 + Math.floor(random() * 30)).padStart(2, '0');
    const month = String(1 + Math.floor(random() * random() * 12)).padStart(2, '0');
    return random() < 0.15 || (month === '02' && day > '28')
      ? ''
      : `20${19 + Math.floor(random() * 3)}-${month}-${day}`;
  });
  const sign = sort === 'taken' ? 1 : -1;
  dates.sort((a, b) => (a === '' ? 1 : b === '' ? -1 : a < b ? -sign : sign));
  return dates.map((date, i) => ({ kind: 'image', id: `${i}`, takenAt: date, month: date.slice(0, 7) }) as ImageItem);
}

/** The API's responses for them. */
function read(all: readonly ImageItem[], list: DatedList, month: string, asked: Query): DatedList {
  const reading =
    list.months.find(({ value }) => value === month)?.next ?? readingFrom(month, list.months, pageSize, asked);
  const { takenAfter = '0', takenBefore = '9', month: only } = reading.filter;
  const isRange = reading.filter.takenAfter !== undefined || reading.filter.takenBefore !== undefined;
  const found = all.filter(({ takenAt, month }) =>
    only === undefined
      ? takenAt! >= takenAfter && takenAt! <= takenBefore && !(isRange && month === '')
      : month === only,
  );
  const from = Number(reading.cursor ?? 0);
  const next = from + pageSize < found.length ? String(from + pageSize) : undefined;
  return withPage(list, { items: found.slice(from, from + pageSize), next }, month, reading);
}

const counts = (all: readonly ImageItem[]) =>
  [...Map.groupBy(all, monthOf)].map(([value, { length }]) => ({ value, count: length }));

describe('a list by date', () => {
  it('is complete and in order however it is read, and each month is known from its beginning', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 60; round++) {
      const asked: Query = { ...emptyQuery, sort: round % 2 === 0 ? 'taken' : '-taken' };
      const all = pictures(random, asked.sort);
      const first = { items: all.slice(0, pageSize), next: String(pageSize) };
      let list = datedList(counts(all), first.items, asked.sort);
      list = withPage(list, first, list.months[0]!.value, { filter: {}, until: list.months.at(-1)!.value });
      for (let steps = 0; ; steps++) {
        const unread = list.months.filter(({ isRead }) => !isRead);
        if (unread.length === 0) break;
        assert.ok(steps < all.length, 'expected each page to bring something');
        list = read(all, list, unread[Math.floor(random() * unread.length)]!.value, asked);
        for (const { month, first: at, known } of partsOf(list)) {
          const whole = all.filter((one) => one.month === month.value);
          assert.deepEqual(list.items.slice(at, at + known), whole.slice(0, known));
          if (month.isRead) assert.equal(known, whole.length);
        }
      }
      assert.deepEqual(list.items, all);
    }
  });

  it('knows what has to be read before the picture beside one is known', () => {
    const random = seededRandom(6);
    for (let round = 0; round < 40; round++) {
      const all = pictures(random, '-taken');
      let list = datedList(counts(all), [], '-taken');
      for (let i = 0; i < 4; i++) {
        list = read(all, list, list.months[Math.floor(random() * list.months.length)]!.value, byDate);
      }
      for (const by of [1, -1] as const) {
        const at = Math.floor(random() * list.items.length);
        const { id } = list.items[at]!;
        const indexNow = () => list.items.findIndex((item) => item.id === id);
        for (let gap = gapBeside(list, at, by); gap; gap = gapBeside(list, indexNow(), by)) {
          list = read(all, list, gap.value, byDate);
        }
        assert.equal(list.items[indexNow() + by]?.id, all[Number(id) + by]?.id);
      }
    }
  });

  it('asks for as many months as fill a page, and for no more than the filters of the list allow', () => {
    const counted = ['2020-02', '2020-01', '2019-12', '2019-03', ''].map((value) => ({ value, count: 3 }));
    const { months } = datedList(counted, [], '-taken');
    const asked = (month: string, size: number, filter = {}, sort: Query['sort'] = '-taken') =>
      readingFrom(month, sort === 'taken' ? datedList(counted, [], sort).months : months, size, {
        ...byDate,
        filter,
        sort,
      });
    const filter = { takenAfter: '2019-03-05', takenBefore: '2020-02-10' };
    assert.deepEqual(asked('2020-02', 100, filter), { filter, until: '2019-03' });
    assert.deepEqual(asked('2019-03', 100, filter, 'taken'), { filter, until: '2020-02' });
    const small = { takenAfter: '2020-01-01', takenBefore: '2020-02-29' };
    assert.deepEqual(asked('2020-02', 6), { filter: small, until: '2020-01' });
    assert.deepEqual(asked('2020-01', 6, {}, 'taken'), { filter: small, until: '2020-02' });
    assert.deepEqual(asked('', 6), { filter: { month: '' }, until: '' });
  });
});
