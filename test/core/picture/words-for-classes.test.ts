import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seenWords } from '../../../core/picture/words-for-classes.ts';

const NAMES = [
  { names: ['whippet'], hypernyms: ['hound', 'dog', 'carnivore', 'animal'] },
  { names: ['borzoi', 'Russian wolfhound'], hypernyms: ['hound', 'dog', 'carnivore', 'animal'] },
  { names: ['fountain'], hypernyms: ['structure'] },
  { names: ['gorilla'], hypernyms: ['great ape', 'ape', 'primate', 'animal'] },
];

describe('words for what a picture may show', () => {
  it('are those that its classes have in common, added up', () => {
    assert.deepEqual(seenWords(NAMES, '0:20 1:17 2:10'), ['dog']);
    assert.deepEqual(seenWords(NAMES, '2:44 0:22 1:16'), ['fountain', 'dog']);
  });

  it('are as fine as it is sure', () => {
    assert.deepEqual(seenWords(NAMES, '1:60'), ['borzoi']);
    assert.deepEqual(seenWords(NAMES, '1:59'), ['dog']);
  });

  it('are none where nothing is likely, where nothing is known, and where the class has no name', () => {
    assert.deepEqual(seenWords(NAMES, '0:20 2:34'), []);
    assert.deepEqual(seenWords(NAMES, ''), []);
    assert.deepEqual(seenWords(NAMES, '99:90'), []);
  });

  it('never call anybody an ape', () => {
    assert.deepEqual(seenWords(NAMES, '3:95'), []);
  });
});
