import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { doubted } from './doubted.ts';

/**
 * Whether an answer admits that nothing fits: on 100 plain queries that a sample photo shows, and 100 that none does.
 */

const PHOTOS = fileURLToPath(new URL('../../examples/photos', import.meta.url));
const QUERIES = new URL('../fixtures/fit-queries.json', import.meta.url);
/** Queries of 100; the head there now has 9. */
const MOST_DOUBTED = 10;
/** Queries of 100; the head there now has 74. */
const LEAST_DOUBTED = 70;

describe('how well answers fit', () => {
  it('is poor for few queries that a photo shows, and for many that none shows', async (t) => {
    const { asked, poor } = await doubted(PHOTOS, QUERIES);
    assert.deepEqual([asked.shown.length, asked.absent.length], [100, 100]);
    t.diagnostic(`doubted: ${poor.shown.length} of what is shown, ${poor.absent.length} of what is not`);
    assert.ok(poor.shown.length <= MOST_DOUBTED, poor.shown.join(', '));
    assert.ok(poor.absent.length >= LEAST_DOUBTED, poor.absent.join(', '));
  });
});
