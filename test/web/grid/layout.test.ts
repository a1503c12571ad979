import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JustifiedLayout, proportion, type Row, rowsBetween } from '../../../web/grid/layout.ts';
import { seededRandom } from '../../support/random.ts';

const options = { width: 1000, rowHeight: 200, gap: 10 };

function proportions(count: number, seed = 7): number[] {
  const next = seededRandom(seed);
  return Array.from({ length: count }, () => proportion(100 + next() * 900, 100 + next() * 900));
}

/** Naive implementation of the same rule: end each row where its height is closest to the target. */
function plainRows(ratios: readonly number[]): number[][] {
  const heightOf = (row: readonly number[]) =>
    (options.width - options.gap * (row.length - 1)) / row.reduce((sum, ratio) => sum + ratio, 0);
  const off = (row: readonly number[]) => Math.abs(heightOf(row) - options.rowHeight);
  const rows: number[][] = [];
  let row: number[] = [];
  for (const ratio of ratios) {
    const longer = [...row, ratio];
    if (heightOf(longer) > options.rowHeight) {
      row = longer;
    } else if (row.length > 0 && off(row) < off(longer)) {
      rows.push(row);
      row = [ratio];
    } else {
      rows.push(longer);
      row = [];
    }
  }
  return rows;
}

describe('the justified layout', () => {
  it('fills every row exactly, with all proportions kept', () => {
    const layout = new JustifiedLayout(options);
    const ratios = proportions(500);
    layout.add(ratios);
    for (const { first, boxes, height } of layout.rows) {
      const end = boxes.at(-1)!;
      assert.ok(Math.abs(end.x + end.width - options.width) < 1e-6);
      for (const [i, { width }] of boxes.entries()) assert.ok(Math.abs(width / height - ratios[first + i]!) < 1e-9);
    }
  });

  it('breaks rows where the plain rule does', () => {
    const ratios = proportions(500);
    const layout = new JustifiedLayout(options);
    layout.add(ratios);
    const made = layout.rows.map(({ first, boxes }) => ratios.slice(first, first + boxes.length));
    assert.deepEqual(made, plainRows(ratios));
  });

  it('never moves a full row when more is added', () => {
    const ratios = proportions(300);
    const whole = new JustifiedLayout(options);
    whole.add(ratios);
    const grown = new JustifiedLayout(options);
    for (let i = 0; i < ratios.length; i += 7) {
      const before = [...grown.rows];
      grown.add(ratios.slice(i, i + 7));
      assert.deepEqual(grown.rows.slice(0, before.length), before);
    }
    assert.deepEqual(grown.rows, whole.rows);
  });

  it('does not stretch the last pictures over the width', () => {
    const layout = new JustifiedLayout(options);
    layout.add([1]);
    assert.deepEqual(layout.rows, []);
    assert.equal(layout.lastRow()?.height, options.rowHeight);
    assert.equal(layout.lastRow()?.boxes[0]?.width, options.rowHeight);
  });

  it('shows panoramas, slivers and pictures without a size within bounds', () => {
    assert.deepEqual(
      [proportion(10_000, 10), proportion(10, 10_000), proportion(0, 0), proportion(4, 2)],
      [3, 0.5, 1, 2],
    );
  });
});

describe('rows near the window', () => {
  it('are those that a walk through all of them finds', () => {
    const layout = new JustifiedLayout(options);
    layout.add(proportions(400));
    const plain = (rows: readonly Row[], top: number, bottom: number) =>
      rows.filter(({ y, height }) => y + height >= top && y <= bottom);
    for (let top = -500; top < layout.height + 500; top += 333) {
      const { first, end } = rowsBetween(layout.rows, top, top + 800);
      assert.deepEqual(layout.rows.slice(first, end), plain(layout.rows, top, top + 800));
    }
  });
});
