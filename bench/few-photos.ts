// npx node bench/few-photos.ts DATA OTHER [PHOTOS]
// Continues from the head in use with few captioned photos, as a user has them: twice PHOTOS (400) of DATA, the first
// and the last, each with its own seed, with its captions and with captions of words that the head does not know
// (spelled backwards), which it has to learn. Compares the results with the bundled head on the split val of OTHER:
// photos that no head was trained on, where it must not become worse. DATA and OTHER are folders of captioned pictures.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runScript } from '../test/support/start-server.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import type { Verdict } from '../training/metrics/compare-heads.ts';
import type { Comparison } from '../training/metrics/significance.ts';

interface Line {
  readonly image: string;
  readonly captions: readonly string[];
}

const CAPTIONS = {
  'as they are': ({ captions }: Line) => captions,
  'of unknown words': ({ captions }: Line) => captions.map((caption) => [...caption].reverse().join('')),
};

export async function run([data, other, photos = '400']: readonly string[] = []): Promise<void> {
  if (data === undefined || other === undefined) {
    console.log('needs captioned photos: npx node bench/few-photos.ts DATA OTHER');
    return;
  }
  const root = tempFolder();
  const sightline = async <T>(name: string, ...args: string[]): Promise<T> => {
    const shared = ['--features', join(root, 'features'), '--json'];
    const env = { SIGHTLINE_DATA: root };
    const { code, stdout, stderr } = await runScript(['scripts/sightline.ts', name, ...args, ...shared], env);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as T;
  };
  const lines = (await readFile(join(data, 'captions.jsonl'), 'utf8')).trim().split('\n');
  const all = lines.map((line) => JSON.parse(line) as Line);
  const parts = { first: all.slice(0, Number(photos)), last: all.slice(-Number(photos)) };
  for (const [i, [which, some]] of Object.entries(parts).entries()) {
    for (const [what, captionsOf] of Object.entries(CAPTIONS)) {
      const name = `${which} ${some.length}, captions ${what}`;
      const folder = join(root, name);
      await mkdir(join(folder, 'images'), { recursive: true });
      for (const { image } of some) await cp(join(data, 'images', image), join(folder, 'images', image));
      const captioned = some.map((line) => `${JSON.stringify({ image: line.image, captions: captionsOf(line) })}\n`);
      await writeFile(join(folder, 'captions.jsonl'), captioned.join(''));
      const head = join(root, `head of ${name}`);
      const how = ['--seed', `${i + 1}`, '--threads', '1', '--run', join(root, 'run'), '--out', head];
      const { training, verdict } = await sightline<{ training: { share: number }; verdict: Verdict }>(
        'train',
        ...['--data', folder, ...how],
      );
      type Compared = Comparison & Record<'first' | 'second', { recallSum: number }>;
      const { first, second, interval } = await sightline<Compared>(
        'evaluate',
        ...['--data', other, '--compare', 'models/head-compact', head],
      );
      const [low, high] = [interval.low.recallSum, interval.high.recallSum].map((value) => value.toFixed(1));
      console.log(
        `${name}: ${100 * training.share} % of the way; own test pictures ${verdict.inUse.toFixed(1)} -> ` +
          `${verdict.recallSum.toFixed(1)}; others ${first.recallSum.toFixed(1)} -> ${second.recallSum.toFixed(1)} ` +
          `(difference ${low} to ${high})`,
      );
    }
  }
}

if (import.meta.main) await run(process.argv.slice(2));
