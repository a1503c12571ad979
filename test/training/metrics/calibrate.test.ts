import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evidence, fitOf } from '../../../core/fit.ts';
import { agreedWords, calibrate } from '../../../training/metrics/calibrate.ts';

describe('words that captions agree in', () => {
  it('are said by most of them, and name something', () => {
    const captions = ['A dog runs on grass.', 'the dog is running', 'A brown dog in the grass', 'an animal', 'a DOG'];
    assert.deepEqual(agreedWords([{ captions }, { captions: ['a dog'] }, { captions: ['the grass', 'grass'] }]), [
      { word: 'dog', pictures: [0] },
      { word: 'grass', pictures: [2] },
    ]);
  });
});

describe('calibrating', () => {
  /** Pictures of things that lie each along an axis, and texts that point at them, with a little of all others. */
  const things = 12;
  const axis = (i: number, share: number) =>
    Array.from({ length: things }, (_, at) => (at === i ? Math.sqrt(share) : Math.sqrt((1 - share) / (things - 1))));
  const rows = (of: readonly number[], share: number) => Float32Array.from(of.flatMap((i) => axis(i, share)));
  const shown = Array.from({ length: things - 2 }, (_, i) => i);
  const made = calibrate({
    words: shown.map((i) => ({ word: `thing ${i}`, pictures: [2 * i, 2 * i + 1] })),
    texts: rows(shown, 0.9),
    images: rows(
      shown.flatMap((i) => [i, i]),
      0.8,
    ),
    others: rows([things - 2, things - 1], 0.9),
    dimension: things,
    seed: 1,
  });

  it('tells what is shown from what is not, where vectors do', () => {
    assert.equal(made.caught, 1);
    const picture = Float32Array.from(axis(0, 0.8));
    const ask = (thing: number) => {
      const cosine = axis(thing, 0.9).reduce((sum, value, at) => sum + value * picture[at]!, 0);
      // All that is shown is equally near, so that the bound is right there.
      return fitOf(made, evidence(made, cosine + 0.001, picture), 10);
    };
    assert.notEqual(ask(0), 'poor');
    assert.equal(ask(5), 'poor');
  });
});
