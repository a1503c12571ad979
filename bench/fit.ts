// node bench/fit.ts PICTURES       the 170 photos of COCO that test/fixtures/fit-queries-coco.json was written for
// How many of 60 plain queries with a matching photo, and of 60 without one, are said to fit nothing: by the English
// text side, and by the one for other languages. Then the same for the sample photos, and how many right results in
// other languages are said to fit nothing.
import { fileURLToPath } from 'node:url';
import { closing } from '../core/util/async-disposable.ts';
import { doubtsOn } from '../test/golden/doubted.ts';

export async function run(): Promise<void> {
  const pictures = process.argv[2];
  if (import.meta.main === false || pictures === undefined) {
    console.log('wants a folder: node bench/fit.ts PICTURES');
    return;
  }
  await using given = closing(await doubtsOn(pictures));
  await using samples = closing(await doubtsOn(fileURLToPath(new URL('../examples/photos', import.meta.url))));
  for (const [doubts, file] of [
    [given, 'fit-queries-coco.json'],
    [samples, 'fit-queries.json'],
  ] as const) {
    for (const lang of [undefined, 'und']) {
      const { asked, poor } = await doubts.of(new URL(`../test/fixtures/${file}`, import.meta.url), lang);
      console.log(`${file}, ${lang === undefined ? 'in English' : 'by the side for other languages'}`);
      for (const kind of ['shown', 'absent'] as const) {
        const fits = asked[kind].filter((query) => !poor[kind].includes(query));
        console.log(`${kind}: ${poor[kind].length} of ${asked[kind].length} poor`);
        console.log(`  ${kind === 'shown' ? `poor: ${poor[kind].join(', ')}` : `not poor: ${fits.join(', ')}`}`);
      }
    }
  }
  const languages = await samples.byLanguage();
  for (const [lang, { right, poor }] of languages) {
    const texts = poor.map(({ text }) => text).join(', ');
    console.log(`${lang}: ${poor.length} of ${right.length} right answers poor${texts && `: ${texts}`}`);
  }
  const count = (of: 'right' | 'poor') => [...languages.values()].reduce((sum, one) => sum + one[of].length, 0);
  console.log(`all: ${count('poor')} of ${count('right')}`);
}

if (import.meta.main) await run();
