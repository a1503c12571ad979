import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import {
  attackCost,
  idleCost,
  indexingCost,
  metricsCost,
  putCost,
  queryCost,
  storageCost,
  sumOf,
} from '../../../scripts/reindex/aws-costs.ts';

const memoryGb = 1769 / 1024;

it('docs/deploy.md says what the prices make it', async () => {
  const text = await readFile(new URL('../../../docs/deploy.md', import.meta.url), 'utf8');
  const pictures = { pictures: 1000, secondsAPicture: 0.1, memoryGb };
  const rows: [string, number][] = [
    ['1,000 pictures, as they are uploaded', sumOf(indexingCost({ ...pictures, messages: 1000, batch: 1 }))],
    ['1,000 pictures of a bucket', sumOf(indexingCost({ ...pictures, messages: 100, batch: 10 }))],
    ['1,000 queries', sumOf(queryCost({ queries: 1000, secondsAQuery: 0.06, memoryGb }))],
    ['1,000 uploads', putCost(1000)],
    ['a month of nothing', sumOf(idleCost({ alarms: 7, dashboards: 1 }))],
    ['a month of work', metricsCost(13)],
    ['100 GB of pictures', storageCost(100)],
  ];
  for (const [label, usd] of rows) {
    const row = text.split('\n').find((line) => line.startsWith(`| ${label}`));
    assert.equal(row?.split('|').at(-2)?.trim(), usd.toPrecision(2), label);
  }
  for (const concurrency of [5, 20, 100, 1000]) {
    const { Traffic = 0, ...others } = attackCost({ concurrency, memoryGb });
    const row = text.split('\n').find((line) => line.startsWith(`| ${concurrency.toLocaleString('en')} copies`));
    const cells = row
      ?.split('|')
      .slice(2, 4)
      .map((cell) => Number(cell.replace(',', '')));
    const expected = [sumOf(others), sumOf(others) + Traffic].map((usd) => Number(usd.toPrecision(2)));
    assert.deepEqual(cells, expected, `${concurrency} copies`);
  }
});
