/**
 * A separate process that fills space `b` from the live one and makes it live: `switch-child.ts PLACE PHOTOS STEP`. At
 * STEP it prints `at STEP` and waits to be killed; without a step it prints `done` at the end.
 */

import { openFolder } from '../../../core/objects/folder/store.ts';
import type { CandidateIndex } from '../../../core/ports.ts';
import { buildSpace } from '../../../core/reindex/build-candidate.ts';
import { openSpacesAt, saltedEmbedder } from '../../support/spaces-place.ts';

const [place, photos, step] = process.argv.slice(2);
if (place === undefined || photos === undefined || step === undefined)
  throw new Error('expected PLACE, PHOTOS and STEP');

async function stay(where: string): Promise<void> {
  if (where !== step) return;
  process.stdout.write(`at ${where}\n`);
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

const embedder = saltedEmbedder('b', 48);
const spaces = await openSpacesAt(place);
const candidate = await spaces.openCandidate(embedder.space, embedder.dimension);
const watched: CandidateIndex = {
  live: candidate.live,
  from: candidate.from,
  to: candidate.to,
  differences: (after, limit) => candidate.differences(after, limit),
  close: () => candidate.close(),
  async switch(last) {
    await candidate.switch(async (copy) => {
      await stay('begun');
      await last(copy);
      await stay('carried');
    });
    await stay('switched');
  },
};
const objects = await openFolder({ root: photos, bucket: 'photos' });
await buildSpace(
  { candidate: watched, embedder, buckets: new Map([['photos', objects]]) },
  {
    concurrency: 2,
    rate: Number.POSITIVE_INFINITY,
    skipMissing: false,
    switch: true,
    sample: 5,
    minOverlap: 0,
    secondLookMs: 10,
  },
);
await candidate.close();
await spaces.close();
process.stdout.write('done\n');
