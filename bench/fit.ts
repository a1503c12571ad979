// node bench/fit.ts PICTURES       the 170 photos of COCO that test/fixtures/fit-queries-coco.json was written for
// How many of 60 plain queries that one of them shows are said to fit nothing, and how many of 60 that none shows.
import { doubted } from '../test/golden/doubted.ts';

export async function run(): Promise<void> {
  const pictures = process.argv[2];
  if (import.meta.main === false || pictures === undefined) {
    console.log('wants a folder: node bench/fit.ts PICTURES');
    return;
  }
  const { asked, poor } = await doubted(pictures, new URL('../test/fixtures/fit-queries-coco.json', import.meta.url));
  for (const kind of ['shown', 'absent'] as const) {
    const fits = asked[kind].filter((query) => !poor[kind].includes(query));
    console.log(`${kind}: ${poor[kind].length} of ${asked[kind].length} poor`);
    console.log(`  ${kind === 'shown' ? `poor: ${poor[kind].join(', ')}` : `not poor: ${fits.join(', ')}`}`);
  }
}

if (import.meta.main) await run();
