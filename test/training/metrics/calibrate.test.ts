import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classEvidence, evidence, fitOf, meantClasses } from '../../../core/search/result-fit.ts';
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
  /** Pictures of things, each along its own axis, and texts that point at them with a little of all others. */
  const things = 12;
  const axis = (i: number, share: number) =>
    Array.from({ length: things }, (_, at) => (at === i ? Math.sqrt(share) : Math.sqrt((1 - share) / (things - 1))));
  const rows = (of: readonly number[], share: number) => Float32Array.from(of.flatMap((i) => axis(i, share)));
  const shown = Array.from({ length: things - 2 }, (_, i) => i);
  const asked = (share: number) => ({
    shownBy: shown.map((i) => [2 * i, 2 * i + 1]),
    texts: rows(shown, share),
    own: shown.map((i) => Float32Array.from(axis(i, share))),
  });
  const input = {
    words: asked(0.9),
    captions: [],
    images: rows(
      shown.flatMap((i) => [i, i]),
      0.8,
    ),
    others: rows([things - 2, things - 1], 0.9),
    dimension: things,
    classes: null,
    seed: 1,
  };
  const made = calibrate(input);

  it('tells what is shown from what is not, where vectors do', () => {
    assert.equal(made.caught, 1);
    const picture = Float32Array.from(axis(0, 0.8));
    const ask = (thing: number) => {
      const cosine = axis(thing, 0.9).reduce((sum, value, at) => sum + value * picture[at]!, 0);
      // Everything shown is equally near, so the bound is exactly there.
      return fitOf(made, evidence(made, cosine + 0.001, picture), 10);
    };
    assert.notEqual(ask(0), 'poor');
    assert.equal(ask(5), 'poor');
  });

  it('tells by the classes of pictures what their vectors do not', () => {
    // A text lies between its thing and another one, as if both had the same name.
    const twins = shown.flatMap((i) => axis(i, 0.5).map((value, at) => (at === (i ^ 1) ? axis(i, 0.5)[i]! : value)));
    const blind = { ...input, words: { ...input.words, texts: Float32Array.from(twins) } };
    const names = Float32Array.from(shown.flatMap((i) => axis(i, 1 - i / 50)));
    const seen = shown.flatMap((index) => [[{ index, share: 0.8 }], [{ index, share: 0.9 }]]);
    const seeing = calibrate({ ...blind, classes: { names, count: shown.length, seen } });
    assert.ok(seeing.classes !== null && seeing.caught > calibrate(blind).caught + 0.1, String(seeing.caught));
    const value = (word: number, picture: number) =>
      classEvidence(meantClasses(seeing.classes!, blind.words.own[word]!), seen[picture]!);
    assert.ok(value(3, 6) > value(3, 8) + 3);
  });

  it('asks less where other languages are read, by what their captions have less', () => {
    const seen = shown.flatMap((index) => [[{ index, share: 0.8 }], [{ index, share: 0.9 }]]);
    const names = rows(shown, 1);
    const classes = { names, count: shown.length, seen };
    const alone = calibrate({ ...input, classes });
    const same = calibrate({ ...input, classes, captions: [asked(0.8), asked(0.8)] });
    assert.deepEqual(same.cost, { poor: 0, good: 0 });
    assert.deepEqual(same, alone);
    const worse = calibrate({ ...input, classes, captions: [asked(0.8), asked(0.8), asked(0.5)] });
    assert.ok(worse.cost.poor > 0, String(worse.cost.poor));
    assert.equal(worse.poor.perLog, alone.poor.perLog);
    assert.ok(worse.poor.atOne < alone.poor.atOne);
    assert.ok(Math.abs(alone.classes!.poor.atOne - worse.classes!.poor.atOne - worse.cost.poor) < 1e-12);
    const better = calibrate({ ...input, classes, captions: [asked(0.9), asked(0.8)] });
    assert.deepEqual(better.cost, { poor: 0, good: 0 });
  });
});
