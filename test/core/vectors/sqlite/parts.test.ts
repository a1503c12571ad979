import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endOfPrefix } from '../../../../core/files/sqlite-file.ts';
import { compareSequencers, sortableSequencer } from '../../../../core/sequencer-order.ts';
import { encodeQuery, encodeRow, rowError, ZERO_CODE } from '../../../../core/vectors/sqlite/int8-codes.ts';
import { SlotMatrix } from '../../../../core/vectors/sqlite/matrix.ts';
import { decodeCursor, encodeCursor, fingerprint } from '../../../../core/vectors/store-cursor.ts';
import { instantOf } from '../../../../core/vectors/validate.ts';
import { seededRandom } from '../../../contract/vectors-data.ts';

const random = seededRandom(31);

describe('the sortable form of a sequencer', () => {
  it('orders as compareSequencers does', () => {
    const digits = '000001abfABF9';
    const sequencer = () =>
      Array.from({ length: Math.floor(random() * 6) }, () => digits[Math.floor(random() * digits.length)]).join('');
    for (let i = 0; i < 5000; i++) {
      const [a, b] = [sequencer(), sequencer()];
      const [x, y] = [sortableSequencer(a), sortableSequencer(b)];
      assert.equal(Math.sign(compareSequencers(a, b)), x < y ? -1 : x > y ? 1 : 0, `${a} ${b}`);
    }
  });
});

describe('the end of a prefix', () => {
  it('parts the texts with the prefix from those above it', () => {
    const letters = ['a', 'b', '%', '\u007f', '\u0080', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
    const text = (length: number) =>
      Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
    const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    for (let i = 0; i < 5000; i++) {
      const [prefix, key] = [text(Math.floor(random() * 3)), text(Math.floor(random() * 4))];
      const end = endOfPrefix(prefix);
      const inRange = compare(key, prefix) >= 0 && (end === null || compare(key, end) < 0);
      assert.equal(inRange, key.startsWith(prefix), JSON.stringify([prefix, key, end]));
    }
  });
});

describe('instants', () => {
  it('are UTC unless they name a zone', () => {
    const expected = Date.UTC(2026, 1, 3, 4, 5, 6, 700);
    for (const iso of ['2026-02-03T04:05:06.7', '2026-02-03T04:05:06.7Z', '2026-02-03T06:05:06.700+02:00']) {
      assert.equal(instantOf(iso, 'it'), expected, iso);
    }
    assert.equal(instantOf('2026-02-03', 'it'), Date.UTC(2026, 1, 3));
    assert.equal(instantOf('2026-02-03T04:05', 'it'), Date.UTC(2026, 1, 3, 4, 5));
    for (const bad of ['', '2026', 'Feb 3 2026', '2026-02-30T25:00:00Z', '1770000000000']) {
      assert.throws(() => instantOf(bad, 'it'), { code: 'invalid-input' }, bad);
    }
  });
});

describe('cursors', () => {
  it('carry a float64 and an id through unchanged', () => {
    for (const score of [0.1 + 0.2, -1, 1 / 3, 5e-324]) {
      const cursor = encodeCursor('q', [score, 'id']);
      assert.deepEqual(decodeCursor('q', cursor, ['number', 'string']), [score, 'id']);
    }
  });

  it('are refused when of another version, question or shape', () => {
    assert.deepEqual(decodeCursor('q', '[1,"q","id"]', ['string']), ['id']);
    for (const bad of [[2, 'q', 'id'], [1, 'p', 'id'], [1, 'q', 7], [1, 'q'], [1, 'q', 'id', 'id'], { 0: 1 }, null]) {
      assert.throws(
        () => decodeCursor('q', JSON.stringify(bad), ['string']),
        { code: 'invalid-cursor' },
        JSON.stringify(bad),
      );
    }
  });

  it('belong to values, not to their spelling', () => {
    const vector = Float32Array.of(1, 2);
    assert.equal(fingerprint([vector, { a: 1, b: 'x' }]), fingerprint([vector, { b: 'x', c: undefined, a: 1 }]));
    assert.notEqual(fingerprint([vector, { a: 1 }]), fingerprint([vector, { a: '1' }]));
    assert.notEqual(fingerprint([vector, {}]), fingerprint([Float32Array.of(1, 3), {}]));
    assert.notEqual(fingerprint(['ab', 'c']), fingerprint(['a', 'bc']));
  });
});

describe('vectors in one byte a component', () => {
  const unit = (values: readonly number[]) => {
    const length = Math.hypot(...values);
    return Float32Array.from(values, (value) => value / length);
  };
  const vectors = [
    ...Array.from({ length: 300 }, () => unit(Array.from({ length: 64 }, () => random() - 0.5))),
    unit([1, ...new Array<number>(63).fill(0)]),
    unit([1, ...new Array<number>(63).fill(1e-3)]),
    unit(new Array<number>(64).fill(-1)),
  ];

  it('are off by no more than they say', () => {
    for (const query of vectors.slice(-20)) {
      const asked = encodeQuery(query);
      for (const vector of vectors) {
        const codes = new Uint8Array(64);
        const step = encodeRow(vector, codes, 0, vector.length);
        const error = rowError(step, 64);
        let [exact, whole] = [0, 0];
        for (let i = 0; i < 64; i++) {
          exact += vector[i]! * query[i]!;
          whole += (codes[i]! - ZERO_CODE) * asked.levels[i]!;
        }
        const off = Math.abs(exact - whole * step * asked.step);
        assert.ok(off <= error * asked.length + asked.error * (1 + 1e-6) + 1e-7, `${off}`);
        assert.ok(error < 0.04 && asked.error < 0.08, `${error} ${asked.error}`);
      }
    }
  });

  it('leave room for two products in 16 bits', () => {
    for (const query of vectors) {
      const { levels } = encodeQuery(query);
      assert.ok(levels.every((level) => 2 * 255 * Math.abs(level) < 2 ** 15));
    }
  });
});

describe('the matrix of slots', () => {
  it('keeps rows, counts and vacant slots through every change', () => {
    const matrix = new SlotMatrix(2, 3);
    const twin = new Map<number, { kind: number; vector: Float32Array }>();
    for (let step = 0; step < 2000; step++) {
      const slot = random() < 0.6 ? (matrix.vacant().next().value as number) : Math.floor(random() * (matrix.used + 1));
      if (slot < matrix.used || random() < 0.9) {
        const free = random() < 0.5;
        const live = free ? null : { kind: 1 + Math.floor(random() * 2), vector: Float32Array.of(random(), random()) };
        matrix.apply({ slot, live });
        if (live === null) twin.delete(slot);
        else twin.set(slot, live);
      }
    }
    const kinds = [...twin.values()].map(({ kind }) => kind);
    assert.ok(twin.size > 20 && matrix.used > 30, `${twin.size} of ${matrix.used}`);
    assert.equal(matrix.count(), twin.size);
    assert.equal(matrix.count('image'), kinds.filter((kind) => kind === 1).length);
    assert.equal(matrix.count('caption'), kinds.filter((kind) => kind === 2).length);
    for (const [slot, { vector }] of twin) assert.deepEqual(matrix.row(slot), vector);

    const flat = (masks: readonly Float32Array[]) => masks.flatMap((mask) => [...mask]);
    const [live, images] = [flat(matrix.masks()), flat(matrix.masks('image'))];
    for (const [slot, value] of live.entries()) {
      assert.equal(value, twin.has(slot) ? 0 : -Infinity);
      assert.equal(images[slot], twin.get(slot)?.kind === 1 ? 0 : -Infinity);
    }
    const vacant = matrix.vacant();
    const taken = new Set(Array.from({ length: matrix.used }, () => vacant.next().value as number));
    assert.equal(taken.size, matrix.used, 'each vacant slot once');
    for (const slot of taken) assert.ok(!twin.has(slot));
  });
});
