import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Doubts, doubtsOn } from './doubted.ts';

/** Whether search admits that nothing fits: on 100 plain queries that a sample photo shows, and 100 that none does. */

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const QUERIES = new URL('../fixtures/fit-queries.json', import.meta.url);
/** How many of 100 queries that a photo shows may be doubted; the current head doubts 10. */
const MOST_DOUBTED = 10;
/** How many of 100 that none shows must be doubted; the current head doubts 70. */
const LEAST_DOUBTED = 70;

/** The same by the text side for other languages, which has 66. */
const LEAST_DOUBTED_BY_OTHERS = 64;
/** How many right results in sixteen other languages may be doubted; the current head doubts 32 of 348. */
const MOST_DOUBTED_SHARE = 0.1;

describe('how well answers fit', () => {
  let doubts: Doubts;
  before(async () => {
    doubts = await doubtsOn(PHOTOS);
  });
  after(() => doubts.close());

  it('is poor for few queries that a photo shows, and for many that none shows', async (t) => {
    const { asked, poor } = await doubts.of(QUERIES);
    assert.deepEqual([asked.shown.length, asked.absent.length], [100, 100]);
    t.diagnostic(`doubted: ${poor.shown.length} of what is shown, ${poor.absent.length} of what is not`);
    assert.ok(poor.shown.length <= MOST_DOUBTED, poor.shown.join(', '));
    assert.ok(poor.absent.length >= LEAST_DOUBTED, poor.absent.join(', '));
  });

  it('is poor in other languages for few right answers, and for many queries that no photo shows', async (t) => {
    const languages = [...(await doubts.byLanguage()).values()];
    const right = languages.reduce((sum, one) => sum + one.right.length, 0);
    const doubtedTexts = languages.flatMap(({ poor }) => poor.map(({ text }) => text));
    const { poor } = await doubts.of(QUERIES, 'und');
    t.diagnostic(`doubted: ${doubtedTexts.length} of ${right} right answers, ${poor.absent.length} of what is not`);
    assert.equal(languages.length, 16);
    assert.ok(doubtedTexts.length <= MOST_DOUBTED_SHARE * right, doubtedTexts.join(', '));
    assert.ok(poor.absent.length >= LEAST_DOUBTED_BY_OTHERS, poor.absent.join(', '));
  });
});
