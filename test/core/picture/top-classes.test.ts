import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packClasses, unpackClasses } from '../../../core/picture/top-classes.ts';

describe('what an image encoder takes a picture for', () => {
  it('is kept as the five likeliest classes with their percentages, and read back', () => {
    const logits = Float32Array.from({ length: 1000 }, (_, i) =>
      Math.log([0.5, 0.3, 0.1, 0.05, 0.02, 0.01][i] ?? 1e-9),
    );
    const text = packClasses(logits);
    assert.equal(text, '0:51 1:31 2:10 3:5 4:2');
    assert.deepEqual(unpackClasses(text)[1], { index: 1, share: 0.31 });
    assert.equal(unpackClasses(text).length, 5);
  });

  it('leaves out what is next to impossible, and keeps one class of one', () => {
    assert.equal(packClasses(Float32Array.of(-50, 400, -50)), '1:100');
    assert.deepEqual(unpackClasses(''), []);
  });
});
