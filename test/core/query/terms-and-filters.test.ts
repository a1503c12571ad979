import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { meantQuery } from '../../../core/query/terms-and-filters.ts';
import type { SearchTerm } from '../../../core/search/search-term.ts';
import { textsBy } from '../../support/texts-by.ts';

const embedder = textsBy(
  () => new Float32Array(64) as never,
  () => true,
);
const meant = async (...terms: SearchTerm[]) =>
  (await meantQuery(embedder, { terms, filter: { kind: 'image' } })).terms.map((term) => [
    'text' in term ? term.text : '',
    term.weight,
  ]);

describe('people who are unwanted', () => {
  it('are a man, a woman and a child, in the language of the words, and stay one chip', async () => {
    const people = ['a man', 'a woman', 'a child'].map((text) => [text, -0.5]);
    assert.deepEqual(await meant({ text: 'a beach without people', weight: 1 }), [['a beach', 1], ...people]);
    assert.deepEqual(await meant({ text: 'a beach', weight: 1 }, { text: 'People', weight: -0.5 }), [
      ['a beach', 1],
      ...people,
    ]);
    assert.deepEqual(
      (await meant({ text: 'Strand ohne Menschen', weight: 2 })).slice(1),
      ['ein Mann', 'eine Frau', 'ein Kind'].map((text) => [text, -1]),
    );
    const { understood } = await meantQuery(embedder, {
      terms: [{ text: 'a beach without people', weight: 1 }],
      filter: { kind: 'image' },
    });
    assert.deepEqual(understood?.without, [{ text: 'people', words: 'without people' }]);
  });

  it('are taken as they are said in quotes, where they are wanted, and beside other words', async () => {
    assert.deepEqual(await meant({ text: 'a beach', weight: 1 }, { text: '"people"', weight: -0.5 }), [
      ['a beach', 1],
      ['people', -0.5],
    ]);
    assert.deepEqual(await meant({ text: 'people', weight: 1 }), [['people', 1]]);
    assert.deepEqual((await meant({ text: 'a car without people in red', weight: 1 })).at(-1)?.[1], -0.5);
    assert.deepEqual(await meant({ text: 'a dog without old people', weight: 1 }), [
      ['a dog', 1],
      ['old people', -0.5],
    ]);
  });
});
