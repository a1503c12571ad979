import { readFileSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../../../core/encode/encoder-pair.ts';
import { isSightlineError } from '../../../core/errors.ts';
import { decodeImage, thumbnail } from '../../../core/picture/decode.ts';
import type { Preprocessing } from '../../../core/picture/preprocessor-config.ts';

/**
 * A separate process for bad-images.test.ts: decodes each named file this many times concurrently, and prints the
 * results and its peak memory.
 */
const HOW: Preprocessing = {
  resize: { mode: 'shortest-edge', size: 297, kernel: 'bicubic' },
  crop: 260,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'decoded',
    (error: unknown) => (isSightlineError(error) ? String(error.details.reason) : String(error)),
  );

const outcomes: Record<string, string[]> = {};
const times = Number(process.argv[2]);
for (const path of process.argv.slice(3)) {
  const bytes = readFileSync(path);
  outcomes[path] = await Promise.all([
    ...Array.from({ length: times }, () => outcome(decodeImage(bytes, HOW, DEFAULT_LIMITS))),
    outcome(thumbnail(bytes, 200, { limits: DEFAULT_LIMITS })),
  ]);
}
console.log(JSON.stringify({ outcomes, peakBytes: process.resourceUsage().maxRSS * 1024 }));
