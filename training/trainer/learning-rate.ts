import type { Recipe } from './recipes.ts';

/** Linear warm-up, then constant or half a cosine down to 0 (Loshchilov and Hutter 2017). `t` counts from 1. */
export function learningRateAt(
  { learningRate, warmupSteps, schedule }: Pick<Recipe, 'learningRate' | 'warmupSteps' | 'schedule'>,
  t: number,
  total: number,
): number {
  if (t <= warmupSteps) return (learningRate * t) / warmupSteps;
  if (schedule === 'constant') return learningRate;
  return (learningRate * (1 + Math.cos((Math.PI * (t - warmupSteps)) / Math.max(1, total - warmupSteps)))) / 2;
}
