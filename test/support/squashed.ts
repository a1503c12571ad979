import type { Preprocessing } from '../../core/picture/preprocessor-config.ts';

/** The whole picture squashed to a square with edges of `size`, of which the middle is cut out; values as they are. */
export function squashed(size: number, crop = size, kernel: 'bilinear' | 'bicubic' = 'bilinear'): Preprocessing {
  return { resize: { mode: 'squash', size, kernel }, crop, mean: [0, 0, 0], std: [1, 1, 1] };
}
